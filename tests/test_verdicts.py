"""What finite differences can tell of a gradient, and what they cannot: faults, kinks, rounding; and the short line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.doctor import proof as proofs
from gradviz_core.doctor import verdicts
from gradviz_core.doctor.proof import STEPS, prove
from gradviz_core.errors import QuestionError
from gradviz_core.types import INPUT, ClassScore, Site, Target, Unit
from gradviz_core.types.findings import DirectionProof, Step
from tests.doctor import broken, sound

# ------------------------------------------------------------------------------------------- faults, kinks and rounding


class Straight(torch.autograd.Function):
    """Rounds, and passes the gradient straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.round()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class Single(torch.autograd.Function):
    """The identity, whose derivative is wrong in float32 alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient if gradient.dtype == torch.float32 else gradient


class Through(nn.Module):
    """Something, and then a linear layer."""

    def __init__(self, first: Any, size: int = 8) -> None:
        super().__init__()
        self.first, self.last = first, nn.Linear(size, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.first(x).flatten(1))
        return found


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


SOME_ZERO = torch.cat([torch.zeros(1, 3), drawn(1, 5)], 1)
CASES: list[tuple[str, nn.Module, Tensor, Target, Site, str]] = [
    ("sound", sound.Convolutions(), broken.images(), ClassScore(), INPUT, "agrees"),
    ("sound, inside", sound.Convolutions(), broken.images(), ClassScore(), Site("stem"), "agrees"),
    ("cut", broken.ResidualBranchCut(), broken.images(), ClassScore(1), INPUT, "apart"),
    ("straight through", Through(Straight.apply), 3 * drawn(1, 8), ClassScore(1), INPUT, "apart"),
    ("straight through, behind it", Through(Straight.apply), 3 * drawn(1, 8), ClassScore(1), Site("last"), "agrees"),
    ("a ReLU away from 0", Through(nn.ReLU()), drawn(1, 8), ClassScore(1), INPUT, "agrees"),
    ("a ReLU at 0", Through(nn.ReLU()), torch.zeros(1, 8), ClassScore(1), INPUT, "at a kink"),
    ("a ReLU at 0 in some places", Through(nn.ReLU()), SOME_ZERO, ClassScore(1), INPUT, "at a kink"),
    ("equal numbers", Through(nn.MaxPool2d(2), 12), torch.ones(1, 3, 4, 4), ClassScore(1), INPUT, "at a kink"),
    ("unequal numbers", Through(nn.MaxPool2d(2), 12), drawn(1, 3, 4, 4), ClassScore(1), INPUT, "agrees"),
    ("a unit that is off", Through(nn.ReLU()), -torch.ones(1, 8), Unit(Site("first"), (2,)), INPUT, "agrees"),
    ("wrong in float32 alone", Through(Single.apply), drawn(1, 8), ClassScore(1), INPUT, "rounding"),
]


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize(
    ("module", "x", "target", "site", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_is_found_with_all_steps_and_with_as_few_as_it_takes(
    module: nn.Module, x: Tensor, target: Target, site: Site, outcome: str, every_step: bool
) -> None:
    found = prove(module.eval(), x, target=target, sites=[site], every_step=every_step)
    assert found.outcome == outcome, found.verdict
    if every_step:
        assert all([step.h for step in one.steps] == list(STEPS) for one in found.directions)


def test_one_step_is_enough_where_it_agrees_beyond_doubt() -> None:
    found = prove(sound.Convolutions(), broken.images(), every_step=False)
    assert [len(one.steps) for one in found.directions] == [1, 1, 1]
    assert verdicts.digits(found) >= 6


def test_the_slopes_to_both_sides_of_a_kink_are_said() -> None:
    module = Through(nn.ReLU(), 1)
    with torch.no_grad():
        module.last.weight.fill_(2.0)
    found = prove(module, torch.zeros(1, 1), ClassScore(0), directions=1)
    (one,) = found.directions
    assert one.derivative == 0
    assert abs(one.steps[0].bend) == pytest.approx(2 * abs(one.steps[0].difference))
    assert "lies exactly on a kink" in found.verdict
    assert "automatic differentiation returns 0 by convention" in found.verdict


class Tokens(nn.Module):
    """A patch embedding with batch norm, as LeViT and XCiT begin."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8)
        self.layer_norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.conv(x)).flatten(2).transpose(1, 2)
        found: Tensor = self.head(self.layer_norm(tokens).mean(1))
        return found


def test_differences_find_a_wrong_derivative_of_pytorch_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """They look at the forward pass alone. On the CPU, batch norm of one image gives a wrong gradient here."""
    torch.manual_seed(0)
    module, x = Tokens().double().eval(), drawn(1, 3, 28, 28).double()
    assert prove(module, x, ClassScore(2)).agrees

    def unguarded(_trace: object, _score: object, wrt: Sequence[Site], *, keep_graph: bool) -> dict[Site, Tensor]:
        leaf = x.clone().requires_grad_()
        return dict.fromkeys(wrt, torch.autograd.grad(module(leaf)[0, 2], leaf)[0])

    monkeypatch.setattr(proofs, "differentiate", unguarded)
    assert prove(module, x, ClassScore(2)).outcome == "apart"


class Draws(nn.Module):
    """Multiplies by random numbers of the input's own type."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(torch.tanh(x * torch.randn_like(x)))
        return found


def test_a_model_that_draws_is_compared_within_one_draw() -> None:
    found = [prove(Draws().eval(), drawn(1, 8), ClassScore(1), seed=seed) for seed in (0, 1)]
    assert [one.outcome for one in found] == ["agrees", "agrees"]
    assert found[0].score != found[1].score
    assert max(one.own for proof in found for one in proof.directions) < 1e-6, "the copy sees the same numbers"


class Two(nn.Module):
    """Takes two tensors by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(8, 4)

    def forward(self, image: Tensor, scale: Tensor) -> dict[str, Tensor]:
        return {"logits": self.last(torch.tanh(image) * scale)}


def test_what_a_module_takes_can_be_handed_in() -> None:
    found = gv.prove(Two().eval(), {"image": drawn(1, 8).numpy(), "scale": drawn(1, 8)}, directions=1)
    assert found.agrees, found.verdict
    assert [one.site for one in found.directions] == [".input[image]", ".input[scale]"]
    inside = gv.prove(Two().eval(), (drawn(1, 8), drawn(1, 8)), gv.ClassScore(2), [Site(".input", 1), Site("last")])
    assert [one.site for one in inside.directions] == [".input:1"] * 3 + ["last"] * 3
    assert inside.agrees


def test_a_gradient_that_is_not_finite_is_not_compared() -> None:
    with pytest.raises(QuestionError, match="the input is not finite"):
        prove(Through(torch.sqrt), torch.zeros(1, 8), ClassScore(1))


# ------------------------------------------------------------------------------------------------------- on one line


AGREES_TO = "The gradient agrees with finite differences to"


def direction(derivative: float, *steps: Step, rounded: str = "", own: float = 0.0) -> DirectionProof:
    return DirectionProof(".input", derivative, steps, rounded, "float32", own)


@pytest.mark.parametrize(
    ("one", "count", "line"),
    [
        (direction(1.0, Step(1e-6, 1 + 3e-7, 3e-7, 1e-8)), 6, f"{AGREES_TO} 6 digits"),
        (direction(1.0, Step(1e-6, 1 + 3e-7, 3e-7, 1e-8), own=2e-4), 3, f"{AGREES_TO} 3 digits"),
        (direction(1.0, Step(1e-6, 1.002, 2e-3, 9e-3)), 1, f"{AGREES_TO} 1 digit"),
        (direction(1.0, Step(1e-6, 1.0, 0.0, 0.0)), 10, f"{AGREES_TO} 10 digits"),
        (direction(0.0, Step(1e-3, 0.0, 0.0, 0.0)), 10, "The gradient agrees with finite differences: both are zero"),
        (
            direction(2.0, Step(1e-3, 1.0, 0.5, 0.0), Step(1e-6, 1.0, 0.5, 0.0)),
            0,
            "The gradient disagrees with finite differences: 2 by automatic differentiation, 1 by finite differences",
        ),
        (direction(2.0, Step(1e-3, 1.0, 0.5, 0.0, 1.0)), 0, "Not settled: the values lie exactly on a kink"),
        (
            direction(1.0, Step(1e-3, 1.1, 0.1, 0.0), Step(1e-6, 1.001, 1e-3, 0.0)),
            0,
            "Not settled: every step crosses kinks (ReLU, max pooling)",
        ),
        (direction(1.0, Step(1e-3, 0.9, 0.1, 0.5)), 0, "Not settled: the derivative is so small compared to the score"),
        (
            direction(1.0, Step(1e-3, 1.0, 1e-3, 1e-9), rounded="float32"),
            0,
            "Not settled: rounding to float32 inside the model is larger",
        ),
        (
            direction(1.0, Step(1e-6, 1.0, 0.0, 1e-8), own=0.25),
            0,
            "Not settled: the float32 gradient is 25% away from the float64 gradient",
        ),
    ],
)
def test_the_line_says_which_and_to_how_many_digits(one: DirectionProof, count: int, line: str) -> None:
    found = verdicts.proof([one], 0.0)
    assert (verdicts.digits(found), verdicts.in_short(found)[: len(line)]) == (count, line)


def test_the_worst_direction_counts() -> None:
    good, bad = direction(1.0, Step(1e-6, 1.0, 0.0, 1e-9)), direction(1.0, Step(1e-6, 3.0, 0.67, 1e-9))
    kink = direction(1.0, Step(1e-6, 3.0, 0.67, 1e-9, 4.0))
    assert verdicts.proof([good, bad], 1.0).outcome == "apart"
    assert verdicts.proof([good, kink], 1.0).outcome == "at a kink"
    assert verdicts.proof([good, bad, kink], 1.0).outcome == "at a kink", "the same value lies on the same kink"


def off(error: float, noise: float = 1e-9, bend: float = 0.0, h: float = 1e-6) -> Step:
    """A step whose difference is so far from a derivative of 1."""
    return Step(h, 1 - error, error, noise, bend)


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (direction(1.0, off(9e-6)), "agrees"),
        (direction(1.0, off(2e-5)), "apart"),
        (direction(1.0, off(0.5, noise=9e-3)), "apart"),
        (direction(1.0, off(0.5, noise=1.1e-2)), "too small"),
        (direction(1.0, off(0.0), own=0.09), "agrees"),
        (direction(1.0, off(0.0), own=0.11), "rounding"),
        (direction(1.0, off(1.0), off(0.09)), "kinks"),
        (direction(1.0, off(1.0), off(0.09), off(0.095)), "kinks"),
        (direction(1.0, off(0.9), off(0.095)), "apart"),
        (direction(1.0, off(1.9), off(0.15)), "apart"),
        (direction(1.0, off(0.5, bend=0.03)), "at a kink"),
        (direction(1.0, off(0.5, bend=-0.03)), "at a kink"),
        (direction(1.0, off(0.5, bend=0.02)), "apart"),
        (direction(1.0, off(0.5, bend=0.03, noise=9e-3)), "apart"),
        (direction(1.0, off(0.5, noise=1e-14), rounded="float16"), "too small"),
        (direction(1.0, off(0.5, noise=1e-15), rounded="float16"), "apart"),
        (direction(1.0, off(0.5, noise=1e-15), rounded="bfloat16"), "too small"),
        (direction(1.0, off(1e-4, noise=1e-12), rounded="float32"), "agrees"),
        (direction(1.0, off(1e-2, noise=1e-12), rounded="float32"), "apart"),
    ],
)
def test_each_limit_lies_where_it_is_said_to(one: DirectionProof, outcome: str) -> None:
    assert verdicts.proof([one], 1.0).outcome == outcome


def test_one_direction_that_disagrees_counts_more_than_a_kink_elsewhere() -> None:
    kink, apart = direction(1.0, off(0.5, bend=1.0)), replace(direction(1.0, off(0.2)), site="stem")
    assert verdicts.proof([kink, apart], 1.0).outcome == "apart"
    assert verdicts.proof([kink, replace(apart, site=kink.site)], 1.0).outcome == "at a kink"


def test_a_kink_is_believed_after_three_steps_and_has_a_slope_to_either_side() -> None:
    step = off(0.25, bend=1.0)
    assert [verdicts.settles(direction(1.0, *[step] * count)) for count in (1, 2, 3)] == [False, False, True]
    assert "The slope is 0.25 on one side and 1.25 on the other" in verdicts.proof([direction(1.0, step)], 1.0).verdict


@pytest.mark.parametrize(("largest", "told"), [(5e-3, True), (5e-4, False)])
def test_steps_that_are_off_are_told_where_the_shortest_agree(largest: float, told: bool) -> None:
    found = verdicts.proof([direction(1.0, off(largest, h=1e-3), off(1e-8))], 1.0)
    assert found.agrees
    assert ("The largest steps are off" in found.verdict) == told
