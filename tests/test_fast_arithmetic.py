"""Batch norm folded into convolutions, channels last: what is folded, and that the gradient stays the network's."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.errors import QuestionError
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.tracing.fast_arithmetic import fast
from gradviz_core.types import INPUT, GradientQuestion, Site, Unit
from gradviz_core.uploads import exported

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"
NORMS = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}


def trained(norm: Any) -> Any:
    """With numbers as training leaves them."""
    for name, tensor in norm.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(
                0.5 + torch.rand_like(tensor) if name in ("weight", "running_var") else torch.randn_like(tensor)
            )
    return norm


def gradient(module: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    out = module(x)
    (found,) = torch.autograd.grad((out * torch.linspace(1, 2, out.numel()).to(out).view(out.shape)).sum(), x)
    return found


class Block(nn.Module):
    """A convolution and a batch norm, and what else happens between them."""

    def __init__(self, between: Callable[[Any, Tensor], Any] | None = None, *, bias: bool = True) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, bias=bias), trained(nn.BatchNorm2d(4))
        self._between = between

    def forward(self, x: Tensor) -> Any:
        return self._between(self, x) if self._between else self.norm(self.conv(x)).relu()


@pytest.mark.parametrize("convolution", NORMS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_the_folded_convolution_has_the_weights_of_the_formula(
    convolution: type[nn.Conv1d], bias: bool, affine: bool
) -> None:
    torch.manual_seed(0)
    dimensions = list(NORMS).index(convolution) + 1
    conv, norm = convolution(3, 4, 3, bias=bias), trained(NORMS[convolution](4, affine=affine))
    module = nn.Sequential(conv, norm).eval().requires_grad_(False)
    found = fast(module, torch.randn(1, 3, *[9] * dimensions))
    gain = norm.weight if affine else torch.ones(4)
    scale = gain / torch.sqrt(norm.running_var + norm.eps)
    shift = (norm.bias if affine else 0) + scale * ((conv.bias if bias else 0) - norm.running_mean)
    shaped = scale.view(-1, *[1] * (dimensions + 1))
    first, second = found.module.children()
    assert found.folded == ("0",)
    torch.testing.assert_close(first.weight, conv.weight * shaped)
    torch.testing.assert_close(first.bias, shift)
    assert isinstance(second, nn.Identity)
    assert module[1] is norm
    assert module[0] is conv


def read_again(block: Any, x: Tensor) -> Any:
    y = block.conv(x)
    return block.norm(y) + y.mean()


def read_without_a_gradient(block: Any, x: Tensor) -> Any:
    y = block.conv(x)
    return block.norm(y) * float(y.detach().abs().max())


def run_twice(block: Any, x: Tensor) -> Any:
    return block.norm(block.conv(x)) + block.conv(x).sum()


def one_norm_for_two(block: Any, x: Tensor) -> Any:
    return block.norm(block.conv(x)) + block.norm(x[:, :1].expand(-1, 4, -1, -1)).mean()


def changed_first(block: Any, x: Tensor) -> Any:
    return block.norm(block.conv(x).relu())


@pytest.mark.parametrize("between", [read_again, read_without_a_gradient, run_twice, one_norm_for_two, changed_first])
def test_a_convolution_that_something_else_reads_keeps_its_value(
    between: Callable[[Any, Tensor], Any],
) -> None:
    torch.manual_seed(0)
    module, x = Block(between).eval().requires_grad_(False), torch.randn(1, 3, 9, 9)
    found = fast(module, x)
    assert not found.folded
    torch.testing.assert_close(gradient(found.module, x), gradient(module, x))


def test_what_the_network_returns_is_read() -> None:
    class Two(Block):
        def forward(self, x: Tensor) -> Any:
            y = self.conv(x)
            return self.norm(y), y

    assert not fast(Two().eval(), torch.randn(1, 3, 9, 9)).folded


def test_a_convolution_that_makes_its_weights_first_is_left() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias)

    module = nn.Sequential(Standardised(3, 4, 3), trained(nn.BatchNorm2d(4))).eval()
    assert not fast(module, torch.randn(1, 3, 9, 9)).folded


def test_hooks_and_statistics_of_the_batch_are_left() -> None:
    hooked = Block().eval()
    hooked.conv.register_forward_hook(lambda _, __, out: 2 * out)
    of_batch = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    for module in (hooked, of_batch):
        assert not fast(module, torch.randn(1, 3, 9, 9)).folded


def test_a_network_that_takes_numbers_as_they_lie_in_memory_keeps_them_there() -> None:
    class Flat(Block):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x).view(1, -1)

    module, x = Flat().eval().requires_grad_(False), torch.randn(1, 3, 9, 9)
    found = fast(module, x)
    assert (found.folded, found.channels_last) == (("conv",), False)
    torch.testing.assert_close(gradient(found.module, x), gradient(module, x), atol=1e-5, rtol=1e-5)


def test_an_exported_program_that_does_so_too_is_left_as_it_is() -> None:
    class Flat(Block):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x).view(1, -1)

    x, file = torch.randn(1, 3, 9, 9), io.BytesIO()
    torch.export.save(torch.export.export(Flat().eval(), (x,)), file)
    module = exported.read(file.getvalue()).module
    found = fast(module, x)
    assert (found.folded, found.channels_last, found.said) == ((), False, "")
    torch.testing.assert_close(gradient(found.module, x), gradient(module, x), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("key", "folded"),
    [
        ("preset/shapes-cnn", 6),
        ("preset/efficientnet-lite0", 49),
        ("torchvision/resnet18@random-0", 20),
        ("torchvision/mobilenet_v3_small@random-0", 34),
        ("torchvision/shufflenet_v2_x0_5@random-0", 56),
    ],
)
def test_the_gradient_is_as_near_to_float64_as_was_promised(key: str, folded: int) -> None:
    model = load(key)
    x = torch.rand(1, len(model.card.preprocessing.mean), 64, 64, generator=torch.Generator().manual_seed(0))
    found = fast(model.module, x)
    true = gradient(copy.deepcopy(model.module).double(), x.double())
    assert len(found.folded) == folded
    assert (gradient(found.module, x) - true).abs().max() < 1e-4 * true.abs().max()


# ------------------------------------------------------------------------------------------------------- as a question


def asked(**fields: object) -> GradientQuestion:
    return GradientQuestion(model=MODEL, image=IMAGE, arithmetic="fast", **fields)  # type: ignore[arg-type]


def test_a_fast_answer_says_so_and_a_plain_one_is_what_it_was() -> None:
    answerer, plain = Answerer("cpu"), GradientQuestion(model=MODEL, image=IMAGE)
    first = answerer.answer(plain)
    quick = answerer.answer(asked())
    after = answerer.answer(plain)
    assert (first.gradients[INPUT] == after.gradients[INPUT]).all()
    assert abs(quick.gradients[INPUT] - first.gradients[INPUT]).max() < 1e-5 * abs(first.gradients[INPUT]).max()
    assert quick.receipt.arithmetic == "6 batch norms folded into convolutions, channels last in memory"
    assert any(quick.receipt.arithmetic in note for note in quick.notes)
    assert not first.receipt.arithmetic
    assert not after.receipt.arithmetic


def test_a_sum_in_fast_arithmetic_is_that_of_plain_arithmetic_to_rounding() -> None:
    options = (("steps", 16.0),)
    quick = Answerer("cpu", remember=False).answer(asked(method="integrated_gradients", options=options))
    plain = Answerer("cpu", remember=False).answer(
        GradientQuestion(model=MODEL, image=IMAGE, method="integrated_gradients", options=options)
    )
    found, true = quick.attributions[INPUT], plain.attributions[INPUT]
    assert abs(found - true).max() < 1e-4 * abs(true).max()
    assert quick.gaps[INPUT] == pytest.approx(plain.gaps[INPUT], abs=1e-3)


def test_a_value_that_no_longer_exists_is_refused() -> None:
    parts = dict(load(MODEL).module.named_modules())
    first = next(name for name, part in parts.items() if isinstance(part, nn.Conv2d))
    last = [name for name, part in parts.items() if isinstance(part, nn.BatchNorm2d)][-1]
    for question in (asked(wrt=(Site(first),)), asked(target=Unit(Site(first), (0, 0, 0)))):
        remembers = Answerer("cpu")
        remembers.answer(asked(wrt=(INPUT, Site(last))))
        for answerer in (Answerer("cpu"), remembers):
            with pytest.raises(
                QuestionError, match=f'{first} is computed together with the batch norm after it.*"plain"'
            ):
                answerer.answer(question)


def test_the_question_keeps_its_text_where_nothing_is_said() -> None:
    plain = GradientQuestion(model=MODEL, image=IMAGE)
    assert "arithmetic" not in question_to_json(plain)
    assert question_from_json(question_to_json(asked())) == asked()
