"""Models that rely on shared memory, hold what cannot be copied, or run parts again: right, or refused; never wrong."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gradviz_core.errors import BadTarget, GradVizError, QuestionError, UnknownSite
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import tensors
from gradviz_core.types import INPUT, OUTPUT, ChannelMean, ClassScore, Site, SiteInfo, SiteSum, Unit
from tests import zoo
from tests.reference import relative_error


def true_gradient(module: nn.Module, x: Tensor, label: int = 1) -> Tensor:
    leaf = x.clone().requires_grad_()
    (scores,) = [t for t in tensors(module(leaf)).values() if t.dim() == 2]
    return torch.autograd.grad(scores[0, label], leaf)[0]


def _infos(module: nn.Module, x: Tensor) -> dict[Site, SiteInfo]:
    return {info.site: info for info in trace.survey(module, x)}


def _at_all_sites(module: nn.Module, x: Tensor) -> trace.Gradients:
    sites = [site for site, info in _infos(module, x).items() if info.differentiable]
    return trace.gradients(module, x, target=ClassScore(1), wrt=sites)


def seeded(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(7)
    return build().double().eval()


# ------------------------------------------------------------------------------------------------------- shared memory


class IdentityShortcut(nn.Module):
    """The shortcut hands its input on as it is, and a ReLU then overwrites it: both branches see that."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.shortcut = nn.Identity()
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        kept = self.shortcut(x)
        x = self.conv2(self.relu(x))
        return self.head((x + kept).mean((2, 3)))  # type: ignore[no-any-return]


class WritesThroughIdentity(nn.Module):
    """Overwrites what an identity returned, and reads what went into it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.same = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        self.same(y).mul_(3.0)
        return y.mean((2, 3))


class IgnoresReturn(nn.Module):
    """Calls an in-place layer for its effect, and goes on writing to the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.shift = _Shift()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        self.shift(y)
        y.mul_(3.0)
        return y.mean((2, 3))


class _Shift(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.add_(0.5)


class StoresOutput(nn.Module):
    """A part keeps its output on itself; the model overwrites it there and reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = _Storing()

    def forward(self, x: Tensor) -> Tensor:
        self.inner(x)
        self.inner.last.mul_(2.0)
        return self.inner.last.mean((2, 3))


class _Storing(nn.Module):
    last: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.conv(x)
        return self.last


class StoresOwnNumbers(nn.Module):
    """The same, of a part whose output nothing else computes: it shares no memory with what went in."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = _StoringTwice()
        self.act = nn.Softplus()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        self.inner.last.mul_(2.0)
        return self.act(y).mean((2, 3))  # type: ignore[no-any-return]


class _StoringTwice(_Storing):
    def forward(self, x: Tensor) -> Tensor:
        self.last = self.conv(x) * 1.5
        return self.last


@pytest.mark.parametrize(
    "build", [IdentityShortcut, IgnoresReturn, StoresOutput, StoresOwnNumbers, WritesThroughIdentity]
)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_shared_memory_is_right_or_refused_whatever_else_is_asked(build: type[nn.Module], mode: str) -> None:
    module = seeded(build).train(mode == "train")
    x, true = zoo.image(), true_gradient(seeded(build), zoo.image())
    assert relative_error(trace.gradients(module, x, target=ClassScore(1)).gradients[INPUT], true) < 1e-12
    for path, _ in module.named_modules():
        try:
            found = trace.gradients(module, x, target=ClassScore(1), wrt=[INPUT, Site(path)])
        except GradVizError:
            continue
        assert relative_error(found.gradients[INPUT], true) < 1e-12, path


def test_an_identity_shortcut_is_right_at_every_site() -> None:
    """conv1's value counts both branches; relu's value is the same memory, after it was overwritten."""
    module, x = seeded(IdentityShortcut), zoo.image()
    found = _at_all_sites(module, x)
    assert relative_error(found.gradients[INPUT], true_gradient(module, x)) < 1e-12
    assert torch.equal(found.activations[Site("shortcut")], found.activations[Site("conv1")])
    assert float(found.activations[Site("conv1")].min()) < 0 <= float(found.activations[Site("relu")].min())
    assert torch.equal(found.gradients[Site("shortcut")], found.gradients[Site("conv1")])


def test_a_value_that_is_overwritten_is_left_out_and_named() -> None:
    module, x = seeded(IgnoresReturn), zoo.image()
    assert Site("shift") not in _infos(module, x)
    with pytest.raises(QuestionError, match="The value of shift is overwritten in place later"):
        trace.gradients(module, x, target=ClassScore(1), wrt=[Site("shift")])


class IgnoresReturns(nn.Module):
    """The same, of a part inside containers: all of them returned that memory."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.parts = nn.Sequential(nn.Sequential(_Shift()), nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        self.parts(y)
        y.mul_(3.0)
        return y.mean((2, 3))


def test_an_overwritten_value_is_left_out_under_every_name_that_it_has() -> None:
    module, x = seeded(IgnoresReturns), zoo.image()
    assert list(_infos(module, x)) == [INPUT, Site("conv"), OUTPUT]
    for name in ("parts.0.0", "parts.0", "parts.1", "parts"):
        with pytest.raises(QuestionError, match=f"The value of {name} is overwritten in place later"):
            trace.gradients(module, x, target=ClassScore(1), wrt=[Site(name)])


def test_a_small_difference_is_still_a_difference() -> None:
    """Relative to the output, not absolute: a model of tiny numbers is checked as well."""

    class Tiny(WritesThroughIdentity):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.conv(x) * 1e-9
            self.same(y).mul_(3.0)
            return y.mean((2, 3))

    class Slight(WritesThroughIdentity):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.conv(x) * 0.5
            self.same(y).mul_(1.01)
            return y.mean((2, 3))

    for build in (Tiny, Slight):
        with pytest.raises(GradVizError, match="computes something different while it is traced"):
            trace.survey(seeded(build), zoo.image())


def test_a_pass_that_stops_early_is_checked_too() -> None:
    with pytest.raises(GradVizError, match="computes something different while it is traced"):
        trace.forward(seeded(StoresOwnNumbers), zoo.image(), until={Site("act")})


def test_dropout_that_is_on_in_one_part_is_answered_as_it_is() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 4)).double().eval()
    module[1].train()
    assert Site("1") in _infos(module, zoo.image())


def test_a_model_that_changes_in_another_way_than_by_random_numbers_is_refused() -> None:
    counted = itertools.count(1)

    class Counts(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) * next(counted)

    with pytest.raises(GradVizError, match="different result each time it runs, even from the same random seed"):
        trace.survey(Counts().eval(), zoo.image())


# ------------------------------------------------------------------------------------------------- parts that run again


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.conv = nn.Conv2d(3, 4, 3)
        self.act = nn.Softplus()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(lambda v: self.act(self.conv(v)), x, use_reentrant=self.reentrant)
        return y.mean((2, 3))


def test_a_checkpoint_adds_no_sites_when_it_runs_again() -> None:
    module, x = seeded(lambda: Checkpointed(reentrant=False)), zoo.image()
    seen = trace.forward(module, x)
    before = list(seen.values)
    slopes = trace.differentiate(seen, seen.value(OUTPUT)[0, 1], [INPUT, Site("conv")])
    assert list(seen.values) == before == [INPUT, Site("conv"), Site("act"), OUTPUT]
    slope = slopes[INPUT]
    assert slope is not None
    assert relative_error(slope, true_gradient(module, x)) < 1e-12


def test_reentrant_checkpoints_are_refused_in_words() -> None:
    with pytest.raises(QuestionError, match="use_reentrant=False"):
        trace.gradients(seeded(lambda: Checkpointed(reentrant=True)), zoo.image(), target=ClassScore(1))


# ---------------------------------------------------------------------------------------------------- outputs and axes


@dataclass
class Output:
    logits: Tensor
    maps: list[Tensor]


class DataClassOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = _Best()

    def forward(self, x: Tensor) -> Output:
        best = self.body(x)
        return Output(best.values.mean((2, 3)), [best.values])


class _Best(nn.Module):
    """Returns one of torch's own named tuples."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: Tensor) -> Any:
        return self.conv(x).unflatten(1, (4, 2)).max(dim=2)


def test_data_classes_and_torchs_own_tuples() -> None:
    module, x = seeded(DataClassOut), zoo.image()
    infos = _infos(module, x)
    assert {Site("body", 0, "0"), Site("body", 0, "1"), Site("", 0, "logits"), Site("", 0, "maps.0")} <= set(infos)
    assert not infos[Site("body", 0, "1")].differentiable
    assert relative_error(_at_all_sites(module, x).gradients[INPUT], true_gradient(module, x)) < 1e-12


def test_a_tuple_is_kept_whole_when_the_pass_stops_at_one_of_its_elements() -> None:
    module = zoo.build("tuple")
    sites = [Site("body", 0, "0"), Site("body", 0, "1.0")]
    found = trace.gradients(module, zoo.image(), target=Unit(sites[0], (2,)), wrt=sites)
    weight = module.get_parameter("body.head.weight")[2].detach()
    assert torch.allclose(found.gradients[sites[1]][0, :, 0, 0], weight / 36)


def test_a_misspelt_site_is_unknown_also_when_the_pass_may_stop() -> None:
    with pytest.raises(UnknownSite, match="no site 'sofplus'"):
        trace.gradients(zoo.build("reused"), zoo.image(), target=Unit(Site("softplus"), (0,)), wrt=[Site("sofplus")])


def test_the_channels_of_one_dimensional_convolutions_come_first() -> None:
    module = seeded(lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 5, 3)))
    x = zoo.image()
    found = trace.gradients(module, x, target=ChannelMean(Site("1"), 2))
    assert found.score == pytest.approx(float(module(x)[0, 2].mean().detach()))


@pytest.mark.parametrize("target", [Unit(Site("0"), (0, 0)), ChannelMean(Site("0"), 1)])
def test_units_and_channels_are_those_of_one_image(target: Unit | ChannelMean) -> None:
    """The value has three rows, and what the model returns has one: no row is an image of its own."""
    module = nn.Sequential(nn.Linear(8, 4), nn.Flatten(0), nn.Unflatten(0, (1, 12))).double()
    with pytest.raises(BadTarget, match=r"shape \(3, 4\)"):
        trace.gradients(module, torch.zeros(3, 8).double(), target=target)


def test_complex_values_have_no_gradient_here() -> None:
    class Spectrum(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            spectrum: Tensor = torch.fft.rfft(x.flatten(1))
            return spectrum

    module = nn.Sequential(Spectrum()).eval()
    assert not _infos(module, zoo.image())[Site("0")].differentiable
    with pytest.raises(BadTarget, match="only real numbers"):
        trace.gradients(module, zoo.image(), target=SiteSum(Site("0")))


def test_an_operation_without_a_derivative_is_named() -> None:
    class Gamma(nn.Module):
        def forward(self, x: Tensor) -> object:
            return torch.special.gammainc(x.abs() + 1, torch.ones_like(x)).mean((2, 3))

    with pytest.raises(QuestionError, match="no derivative for igamma: input"):
        trace.gradients(Gamma(), torch.rand(1, 3, 4, 4), target=ClassScore(0))


class Ragged(nn.Module):
    """A part whose value is a nested tensor, of two rows of unequal length."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        nested = self.rows(torch.nested.as_nested_tensor([x[0, 0, :4], x[0, 1]]))
        return torch.nested.to_padded_tensor(nested, 0.0).sum((0, 1))[None]  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_a_nested_tensor_without_a_shape_is_left_out_and_the_rest_is_right() -> None:
    module = Ragged().double().eval()
    assert [info.site for info in trace.survey(module, zoo.image())] == [INPUT, Site("")]
    found = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    expected = torch.zeros_like(zoo.image())
    expected[0, 0, :4] = expected[0, 1] = module.rows.weight[1]
    assert torch.allclose(found, expected, rtol=1e-12)


def test_a_compiled_module_gives_all_sites_whatever_was_asked_before() -> None:
    """Compiled code keeps the hooks that it was made with, or the lack of them."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).double().eval()
    module: nn.Module = torch.compile(plain, backend="eager")  # type: ignore[assignment]
    module(zoo.image())
    first = trace.gradients(module, zoo.image(), target=ClassScore(1)).gradients[INPUT]
    sites = [info.site for info in trace.survey(module, zoo.image())]
    assert Site("_orig_mod.1") in sites
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=sites)
    assert torch.equal(found.gradients[INPUT], first)
    true = trace.gradients(plain, zoo.image(), target=ClassScore(1), wrt=[INPUT, Site("1")])
    assert torch.equal(first, true.gradients[INPUT])
    assert torch.equal(found.gradients[Site("_orig_mod.1")], true.gradients[Site("1")])
