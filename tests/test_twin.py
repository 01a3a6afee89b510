"""The twin: it computes what the module does, whatever the module holds, and leaves the module alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import trace
from gradviz_core.tracing.device import exact_arithmetic
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, ClassScore
from tests import zoo
from tests.reference import relative_error
from tests.test_awkward import seeded, true_gradient


class Scaled(nn.Parameter):
    """A parameter of a class of its own."""


def test_parameters_keep_their_class_and_attributes() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = Scaled(torch.randn(4, 192))
            self.weight.scale = 3.0  # type: ignore[attr-defined]

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x.flatten(1), self.weight * getattr(self.weight, "scale", 1.0))

    torch.manual_seed(0)
    module = Masked()
    module.weight.data = module.weight.data.double()
    found = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert torch.equal(found.gradients[INPUT].flatten(), 3.0 * module.weight[1].detach())
    assert type(twin(module).get_parameter("weight")) is Scaled
    assert module.weight.requires_grad


def test_parameters_train_where_that_is_asked_for_complex_ones_and_whole_numbers_too() -> None:
    module = nn.Module()
    module.real, module.complex = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2, dtype=torch.complex64))
    module.whole = nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)
    module.real.requires_grad_(False)
    trains = {
        asked: [parameter.requires_grad for parameter in twin(module, trainable=asked).parameters()]
        for asked in (True, False, None)
    }
    assert trains == {True: [True, True, False], False: [False] * 3, None: [False, True, False]}


@pytest.mark.parametrize("wrap", [weight_norm, spectral_norm, nn.utils.parametrizations.orthogonal])
def test_parametrised_weights(wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), wrap(nn.Linear(192, 5)), nn.Softplus(), nn.Linear(5, 4)).double().eval()
    found = trace.gradients(module, zoo.image(), target=ClassScore(1))
    assert relative_error(found.gradients[INPUT], true_gradient(module, zoo.image())) < 1e-12


def _no_slope(_module: nn.Module, slopes: Any, _outer: Any) -> Any:
    return (slopes[0] * 0.0,)


def test_forward_hooks_of_the_author_belong_to_the_function_backward_hooks_do_not() -> None:
    module = zoo.build("in-place")
    plain = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    part = module.get_submodule("conv2")
    handle = part.register_full_backward_hook(_no_slope)
    assert torch.equal(trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT], plain)
    handle.remove()
    part.register_forward_hook(lambda _m, _i, out: out * 2.0)
    doubled = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    assert relative_error(doubled, true_gradient(module, zoo.image())) < 1e-12
    assert not torch.allclose(doubled, plain)


def test_what_a_pass_left_on_the_model_is_no_obstacle() -> None:
    class Remembers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.features: dict[str, Any] = {}

        def forward(self, x: Tensor) -> Tensor:
            self.features["maps"] = [self.conv(x)]
            newest: Tensor = self.features["maps"][0]
            self.newest, self.both = newest, (newest, [newest * 2])
            return newest.mean((2, 3))

    module = seeded(Remembers)
    true = true_gradient(module, zoo.image())
    kept = module.features["maps"][0]  # type: ignore[index]
    assert relative_error(trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT], true) < 1e-12
    assert module.features["maps"][0] is kept  # type: ignore[index]


def test_what_cannot_be_copied_is_named() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    module[1].lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(QuestionError, match=r"because of 1\.lock \(lock\)"):
        trace.survey(module, zoo.image().float())


def test_a_part_that_gives_itself_as_its_copy_is_refused_and_left_alone() -> None:
    class Stubborn(nn.Linear):
        def __deepcopy__(self, _memo: object) -> Stubborn:
            return self

    module = nn.Sequential(nn.Flatten(), Stubborn(192, 4))
    with pytest.raises(QuestionError, match="1 returns itself when it is copied"):
        trace.survey(module, zoo.image().float())
    assert not module[1]._forward_hooks


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:FutureWarning")
def test_torchscript_is_refused_in_words() -> None:
    scripted = torch.jit.trace(nn.Linear(192, 4), torch.zeros(1, 192))  # type: ignore[no-untyped-call]
    with pytest.raises(QuestionError, match="1 is TorchScript"):
        trace.survey(nn.Sequential(nn.Flatten(), scripted), zoo.image().float())


def test_weights_made_in_inference_mode() -> None:
    with torch.inference_mode():
        module = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)))
        weight = module.get_parameter("1.weight").clone()
    found = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    with torch.inference_mode():
        assert torch.equal(found.flatten(), weight[1])


def test_the_switches_of_exact_arithmetic_are_restored_by_the_last_one_out() -> None:
    def switches() -> tuple[bool, bool]:
        return torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic

    before = switches()
    first, second = exact_arithmetic(), exact_arithmetic()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    inside = switches()
    second.__exit__(None, None, None)
    assert inside == (False, True) != before
    assert switches() == before
