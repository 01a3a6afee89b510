"""The guard itself: whether it is still needed, that it changes nothing else, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import trace
from gradviz_core.tracing.kernel_guards import guarded, noting, unguarded
from gradviz_core.tracing.torch_private import saved
from gradviz_core.types import INPUT, ClassScore, Site, SiteSum
from tests.kernels.layouts import far, laid_out, numbers
from tests.kernels.norms import IMAGE, C, Norm, Statistics, of_instances, slope, tokens, worst

REST = numbers(C, seed=1), numbers(C, seed=2).abs() + 0.5


def at_rest(x: Tensor) -> Tensor:
    return F.batch_norm(x, *REST)


class Reaching(nn.Module):
    """A model with a graph of its own outside: hooks left there would stay for good."""

    def __init__(self, outside: Tensor) -> None:
        super().__init__()
        self.reach: Callable[[], Tensor] = lambda: outside

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = (self.reach().flatten(2).transpose(1, 2) * x).sum((1, 2))[None]
        return found


def wrong(norm: Norm, shape: tuple[int, ...], order: tuple[int, ...]) -> float:
    """Relative error of PyTorch's own gradient, where the incoming one lies in memory in another order."""
    x, incoming = numbers(*shape).requires_grad_(), numbers(*shape, seed=6)
    y = norm(x)
    plain, other = (torch.autograd.grad(y, x, g, retain_graph=True)[0] for g in (incoming, laid_out(incoming, order)))
    return far(other, plain)


STILL_WRONG: dict[str, tuple[Norm, tuple[int, ...], tuple[int, ...]]] = {
    "batch norm of one image": (at_rest, (1, C, 3, 4), (2, 0, 3, 1)),
    "batch norm of a batch that is one row high": (at_rest, (2, C, 1, 4), (2, 0, 3, 1)),
    "batch norm of one volume": (at_rest, (1, C, 2, 3, 4), (2, 0, 3, 4, 1)),
    "instance norm of one image": (F.instance_norm, (1, C, 3, 4), (0, 2, 3, 1)),
    "instance norm of two images": (F.instance_norm, (2, C, 3, 4), (2, 3, 0, 1)),
}


@pytest.mark.parametrize("name", STILL_WRONG)
def test_the_guard_is_still_needed(name: str) -> None:
    error = wrong(*STILL_WRONG[name])
    assert error > 0.5, (
        f"PyTorch {torch.__version__} gets the gradient of {name} right by itself (relative error {error:.0e}). Once "
        "none of these tests passes on any version that GradViz supports, kernel_guards.py can go, and the lines that "
        "snippets/ puts into programs; say so in docs/exactness.md."
    )


def resized(x: Tensor) -> Tensor:
    return F.interpolate(x, (3, 1), mode="bilinear", antialias=True)


def resized_in_steps(x: Tensor) -> Tensor:
    """Rows first, then columns: the same, and right."""
    rows = F.interpolate(x, (3, 6), mode="bilinear", antialias=True)
    return F.interpolate(rows, (3, 1), mode="bilinear", antialias=True)


def in_groups(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A convolution in two groups, of an image with the channels last, by the weight as it lies and by a plain copy."""
    x = numbers(1, 6, 5, 5).float().contiguous(memory_format=torch.channels_last).requires_grad_()
    return F.conv2d(x, weight, groups=2), F.conv2d(x, weight.contiguous(), groups=2)


ODD_WEIGHT = laid_out(numbers(6, 3, 2, 1).float(), (3, 0, 2, 1))
GONE = "PyTorch {0} computes this rightly: the refusal in kernel_guards.py, its test and docs/exactness.md can go."


def test_the_refusals_are_still_needed() -> None:
    x = numbers(1, 2, 4, 6)
    assert far(resized(x), resized_in_steps(x)) > 0.5, GONE.format(torch.__version__)
    odd, plain = in_groups(ODD_WEIGHT)
    assert far(odd, plain) > 0.5, GONE.format(torch.__version__)


def test_what_pytorch_computes_wrongly_is_refused_in_words() -> None:
    x = numbers(1, 2, 4, 6).requires_grad_()
    with pytest.raises(QuestionError, match="resizes with antialias to a width of one"), guarded(y := resized(x)):
        torch.autograd.grad(y.sum(), x)
    with pytest.raises(QuestionError, match="Store it contiguously"), guarded(in_groups(ODD_WEIGHT)[0]):
        pass


def test_what_is_right_is_not_refused() -> None:
    x = numbers(1, 2, 4, 6).requires_grad_()
    for size in ((3, 2), (1, 3), (1, 1)):
        with guarded(y := F.interpolate(x, size, mode="bicubic", antialias=True)):
            torch.autograd.grad(y.sum(), x)
    last = numbers(6, 3, 2, 1).float().contiguous(memory_format=torch.channels_last)
    wide = F.conv2d(numbers(1, 6, 5, 5).requires_grad_(), ODD_WEIGHT.double(), groups=2)
    whole = F.conv2d(numbers(1, 3, 5, 5).float().requires_grad_(), ODD_WEIGHT)
    for y in (*in_groups(last), in_groups(ODD_WEIGHT)[1], wide, whole):
        with guarded(y):
            pass


@pytest.mark.parametrize("which", ["all", "mean", "var", "weight"])
def test_batch_norm_whose_statistics_have_gaps(which: str) -> None:
    """A shared table of statistics, one row of which is used, say, for one of them or for all."""
    table = torch.stack((*REST, numbers(C, seed=3)), 1)
    plain = [one.contiguous() for one in table.unbind(1)]
    mean, var, weight = (
        one if which in ("all", name) else one.contiguous()
        for name, one in zip(("mean", "var", "weight"), table.unbind(1), strict=True)
    )
    for shape in ((2, C), (2, C, 1), (2, C, 3, 4)):
        x, incoming = numbers(*shape), numbers(*shape, seed=6)
        order = (0, *range(2, len(shape)), 1)
        true = incoming * (plain[2] / (plain[1] + 1e-5).sqrt()).view(1, C, *[1] * (len(shape) - 2))
        found = slope(lambda x: F.batch_norm(x, mean, var, weight), laid_out(x, order), laid_out(incoming, order))
        assert far(found, true) < 1e-14
        with unguarded():
            own = slope(lambda x: F.batch_norm(x, mean, var, weight), laid_out(x, order), laid_out(incoming, order))
        assert which != "all" or not far(own, true) < 1e-3, (
            f"PyTorch {torch.__version__} reads statistics with gaps rightly by itself"
        )


def test_the_example_in_the_documentation_is_wrong_by_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs/exactness.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    with torch.random.fork_rng(devices=[]):
        exec(compile(code, "exactness.md", "exec"), {})
    found = capsys.readouterr().out.strip().removeprefix("tensor(").removesuffix(")")
    assert float(found) == pytest.approx(1.49, abs=0.005)


def test_without_the_guard_an_answer_is_wrong() -> None:
    """Else the tests above would not show what the guard does."""
    module = tokens()
    right = trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT]
    with unguarded():
        assert far(trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT], right) > 0.5
    assert torch.equal(trace.gradients(module, IMAGE, target=ClassScore(2)).gradients[INPUT], right)


def test_nothing_is_left_on_a_graph_outside_the_model() -> None:
    x = IMAGE[:, :1, :3, :4].expand(1, C, 3, 4).clone().requires_grad_()
    outside = at_rest(x)
    before = wrong_gradient(outside, x)
    scale = torch.ones(1, 12, C, dtype=torch.float64)
    trace.gradients(Reaching(outside), scale, target=ClassScore(0))
    assert torch.equal(wrong_gradient(outside, x), before)
    assert far(before, slope(at_rest, x, laid_out(numbers(1, C, 3, 4), (2, 0, 3, 1)))) > 0.5


def wrong_gradient(y: Tensor, x: Tensor) -> Tensor:
    return torch.autograd.grad(y, x, laid_out(numbers(*y.shape), (2, 0, 3, 1)), retain_graph=True)[0]


def test_nothing_is_left_on_the_model() -> None:
    module = tokens()
    before = {name: dict(vars(part)) for name, part in module.named_modules()}
    trace.gradients(module, IMAGE, target=ClassScore(2))
    assert {name: dict(vars(part)) for name, part in module.named_modules()} == before


def test_a_gradient_that_lies_well_is_handed_on_as_it_is() -> None:
    """Where both lie plainly, or both with the channels last, not even the last bit may change."""
    norm = Statistics(torch.float32, True).fill(nn.BatchNorm2d(C))
    for order in ((0, 1, 2, 3), (0, 2, 3, 1)):
        x, incoming = (laid_out(numbers(1, C, 3, 4, seed=seed).float(), order) for seed in (5, 6))
        x.requires_grad_()
        y = norm(x)
        seen: list[int] = []
        assert y.grad_fn is not None
        with guarded(y):
            y.grad_fn.register_prehook(lambda gradients, seen=seen: seen.append(gradients[0].data_ptr()))
            torch.autograd.grad(y, x, incoming)
        assert seen == [incoming.data_ptr()], order


def test_without_the_private_name_it_is_right_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    s = Statistics(torch.float64, True)
    x, incoming = numbers(1, C, 3, 4), numbers(1, C, 3, 4, seed=6)
    monkeypatch.setattr(saved, "tensor", lambda *_: None)
    assert worst(s.fill(nn.BatchNorm2d(C)), x, incoming, s.slope(incoming)) < 1e-14
    assert worst(F.instance_norm, x, incoming, of_instances(x, incoming, torch.ones(C))) < 1e-13


def test_a_node_with_other_private_names_costs_nothing_but_a_copy() -> None:
    class Renamed:
        pass

    class HalfRenamed:
        class _raw_saved_input:  # noqa: N801 (torch's own name)
            unpack_hook = None

    assert saved.tensor(Renamed(), "input") is None
    assert saved.tensor(HalfRenamed(), "input") is None


class Checkpointed(nn.Module):
    """Counts how often its norm runs; a checkpoint runs it once more, for the backward pass."""

    def __init__(self, norm: nn.Module, runs: list[int]) -> None:
        super().__init__()
        self.norm = norm
        self.ran: Callable[[], None] = lambda: runs.append(1)

    def part(self, x: Tensor) -> Tensor:
        self.ran()
        twice: Tensor = self.norm(self.norm(x))
        return twice

    def forward(self, x: Tensor) -> Tensor:
        y = checkpoint(self.part, x, use_reentrant=False)
        assert isinstance(y, Tensor)
        return (y.flatten(2).transpose(1, 2) * numbers(12, C, seed=6)).sum((1, 2))[None]


def test_a_checkpoint_runs_no_more_often_than_without_the_guard() -> None:
    runs: list[int] = []
    s = Statistics(torch.float64, True)
    module, x = Checkpointed(s.fill(nn.BatchNorm2d(C)), runs).eval(), numbers(1, C, 3, 4)
    found = trace.gradients(module, x, target=ClassScore(0)).gradients[INPUT]
    guarded_runs = len(runs)
    with unguarded():
        trace.gradients(module, x, target=ClassScore(0))
    assert len(runs) == 2 * guarded_runs
    incoming = numbers(12, C, seed=6).T.reshape(1, C, 3, 4)
    assert far(found, s.slope(s.slope(incoming))) < 1e-14


class Reversed(torch.autograd.Function):
    """A batch norm that keeps nothing and runs once more on the way back, as reversible networks do."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return at_rest(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        with torch.enable_grad():
            (x,) = (one.detach().requires_grad_() for one in ctx.saved_tensors)
            torch.autograd.backward(at_rest(x), gradients)
        assert x.grad is not None
        gradient: Tensor = x.grad
        return gradient


class Backwards(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = Reversed.apply(x)
        return (y.flatten(2).transpose(1, 2) * numbers(12, C, seed=6)).sum((1, 2))[None]


def test_a_pass_within_a_function_of_the_authors_is_right_too() -> None:
    x = numbers(1, C, 3, 4)
    true = numbers(12, C, seed=6).T.reshape(1, C, 3, 4) / (REST[1] + 1e-5).sqrt().view(1, C, 1, 1)
    with noting() as needed:
        found = trace.gradients(Backwards(), x, target=ClassScore(0)).gradients[INPUT]
    assert far(found, true) < 1e-14
    assert needed == {"batch norm"}
    with unguarded():
        assert far(trace.gradients(Backwards(), x, target=ClassScore(0)).gradients[INPUT], true) > 0.5


class ReversedWithGaps(Reversed):
    """The same by two columns of a table of statistics."""

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        mean, var = torch.stack(REST, 1).unbind(1)
        with torch.enable_grad():
            (x,) = (one.detach().requires_grad_() for one in ctx.saved_tensors)
            gradient: Tensor = torch.autograd.grad(F.batch_norm(x, mean, var), x, gradients)[0]
        return gradient


def test_statistics_with_gaps_within_a_function_of_the_authors() -> None:
    class Tables(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = ReversedWithGaps.apply(x)
            return (y.permute(0, 2, 3, 1) * incoming.permute(0, 2, 3, 1)).sum((1, 2, 3))[None]

    x, incoming = (laid_out(numbers(2, C, 3, 4, seed=seed), (0, 2, 3, 1)) for seed in (4, 6))
    true = incoming / (REST[1] + 1e-5).sqrt().view(1, C, 1, 1)
    whole = trace.gradients(Tables(), x, target=SiteSum(Site(""))).gradients[INPUT]
    assert far(whole, true) < 1e-14


class Energy(nn.Module):
    """Gives the slope of an energy behind a batch norm: 2 w s² (x - mean), with s = 1 / √(variance + ε)."""

    def forward(self, x: Tensor) -> Tensor:
        energy = (at_rest(x).flatten(2).transpose(1, 2).square() * numbers(12, C, seed=6)).sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0].flatten(1)


def test_a_gradient_that_a_forward_pass_takes_is_right_too() -> None:
    x, w = numbers(1, C, 3, 4), numbers(12, C, seed=6).T.reshape(1, C, 3, 4)
    slope_of_slope = 2 * w / (REST[1] + 1e-5).view(1, C, 1, 1)
    found = trace.gradients(Energy(), x, target=ClassScore(17))
    assert found.score == pytest.approx(float((slope_of_slope * (x - REST[0].view(1, C, 1, 1))).flatten()[17]))
    only = torch.zeros(C * 12, dtype=torch.float64).index_fill(0, torch.tensor([17]), 1).view_as(x)
    assert far(found.gradients[INPUT], slope_of_slope * only) < 1e-12
    with torch.enable_grad():
        assert Energy()(x.requires_grad_())[0, 17].item() != pytest.approx(found.score, rel=1e-3)


@pytest.mark.parametrize("several_at_once", [True, False])
def test_a_jacobian_within_the_forward_pass_is_right_too(several_at_once: bool) -> None:
    """``vmap`` runs the backward pass for several outputs at once, and hides how its gradients lie in memory."""

    class Slopes(nn.Module):
        def __init__(self, norm: Norm) -> None:
            super().__init__()
            self.norm, self.weights = norm, numbers(12, C, seed=5)

        def forward(self, x: Tensor) -> Tensor:
            def features(z: Tensor) -> Tensor:
                return (self.norm(z).flatten(2).transpose(1, 2).square() * self.weights).sum((0, 1))[:3]

            jacobian: Callable[..., Tensor] = torch.autograd.functional.jacobian
            found = jacobian(features, x, create_graph=True, vectorize=several_at_once)
            return found.square().sum()[None]

    def by_hand(x: Tensor) -> Tensor:
        mean, variance = (one.view(1, -1, 1, 1) for one in REST)
        return (x - mean) / (variance + 1e-5).sqrt()

    x = numbers(1, C, 3, 4)
    found = trace.gradients(Slopes(at_rest), x, target=ClassScore())
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(Slopes(by_hand)(leaf)[0], leaf)
    assert far(found.gradients[INPUT], expected) < 1e-10
