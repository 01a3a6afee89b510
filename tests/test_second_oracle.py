"""Gradients against finite differences and a batch of two, in the zoo and in twelve architectures that nobody here
chose; and what the two oracles would see if a gradient were wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.tracing import trace
from gradviz_core.tracing.kernel_guards import unguarded
from gradviz_core.types import INPUT, ClassScore
from tests import architectures, second_oracle, zoo
from tests.reference import reference, relative_error

GUARDED = ("patch-norm", "channels-last", "norm-then-scale")
"""Members of the zoo whose gradient PyTorch gets wrong for a batch of one."""
CUT = {("detached", INPUT)}
"""Whose difference quotient sees the branch behind a detach, which a gradient does not."""


def score(output: Any) -> Tensor:
    """The third class of the first image, wherever the scores stand."""
    if isinstance(output, dict):
        output = output["logits"]
    elif isinstance(output, tuple):
        output = output[0]
    found: Tensor = output[0, 2]
    return found


# ------------------------------------------------------------------------------------------------------------- the zoo


@pytest.mark.parametrize("name", [*sorted(zoo.IMAGE_MODELS), "recurrent"])
def test_every_site_of_the_zoo(name: str) -> None:
    module, x = zoo.build(name), zoo.image()
    watched = trace.forward(module, x)
    sites = [info.site for info in trace.describe(watched) if info.differentiable and info.site.path]
    found = trace.differentiate(watched, score(watched.output), [INPUT, *sites])
    reached = {site: slope for site, slope in found.items() if slope is not None}
    both = second_oracle.twice(module, x, score, reached)
    assert (both.crosstalk == 0) == (name not in zoo.MIXING)
    compared = 0
    for site, slope in reached.items():
        value = watched.value(site).detach()
        if (name, site) not in second_oracle.USED_BEFORE_RETURNED | CUT and (name, site.path) != ("detached", ""):
            verdict = second_oracle.differences(module, x, site, value, slope, score, directions=2)
            assert verdict.agrees, (site, verdict)
        half = second_oracle.first_half(both.gradients[site], slope)
        if half is not None and name not in zoo.MIXING:
            assert relative_error(slope, half) < 1e-10, site
            compared += 1
    assert compared >= 1 or name in zoo.MIXING


@pytest.mark.parametrize("name", GUARDED)
def test_both_oracles_see_a_gradient_that_pytorch_gets_wrong(name: str) -> None:
    """The reference by plain autograd shares this fault, so it says that the wrong gradient is right."""
    module, x = zoo.build(name), zoo.image()
    with unguarded():
        wrong = trace.gradients(module, x, target=ClassScore(2)).gradients[INPUT]
    _, slopes = reference(module, x, lambda out: out[0, 2])
    assert relative_error(wrong, slopes[INPUT]) < 1e-10
    verdict = second_oracle.differences(module, x, INPUT, x, wrong, score)
    assert verdict.error > 0.1
    assert not verdict.kinks
    half = second_oracle.first_half(second_oracle.twice(module, x, score, [INPUT]).gradients[INPUT], x)
    assert half is not None
    assert relative_error(wrong, half) > 0.1


# ------------------------------------------------------------------------------------------------- other architectures


@pytest.mark.slow
@pytest.mark.parametrize("name", architectures.TESTED)
def test_architectures_that_nobody_here_chose(name: str) -> None:
    """The input gradient and ten sites of each, and the input gradient asked for alone."""
    finding = architectures.examine(name)
    assert finding.errors == []
    assert finding.sites > 50
    assert len(finding.verdicts) == len(finding.batch) == 1 + architectures.SITES
    assert sum(verdict.kinks for verdict in finding.verdicts.values()) <= 5


def test_there_are_enough_of_them() -> None:
    modules = {name: architectures.family(name) for name in architectures.NAMES}
    assert len(modules) >= 40
    assert len(set(modules.values())) >= 25
    assert len({modules[name] for name in architectures.TESTED}) == 12
    assert {"levit", "efficientformer", "xcit"} <= {modules[name] for name in architectures.TESTED}


def test_an_architecture_is_wrong_without_the_guard() -> None:
    with unguarded():
        errors = architectures.examine("levit_128s").errors
    assert any("from finite differences" in error for error in errors)
    assert any("from a batch of two" in error for error in errors)


# ------------------------------------------------------------------------------------------------------ the two oracles


class Cubic(nn.Module):
    """Σ w x³ for three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.5], [1.5], [2.5]], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * (x**3).flatten(1).sum(1)).T


@pytest.mark.parametrize(("spoilt", "agrees"), [(1.0, True), (1.0 + 5e-6, True), (1.0 + 5e-5, False), (-1.0, False)])
def test_differences_by_hand(spoilt: float, agrees: bool) -> None:
    """∂(w x³)/∂x = 3 w x², and an error of the gradient is told as it is."""
    x = zoo.image()
    verdict = second_oracle.differences(Cubic(), x, INPUT, x, spoilt * 7.5 * x**2, score)
    assert verdict.agrees == agrees
    assert not agrees or not verdict.kinks
    assert verdict.error == pytest.approx(abs(spoilt - 1), rel=1e-2, abs=1e-7)


class Corner(nn.Module):
    """|x - at|: a kink where x is ``at``."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.at).abs().flatten(1).repeat(1, 3)


@pytest.mark.parametrize("claimed", [-1.0, -0.3, 0.0, 1.0])
def test_on_a_kink_any_slope_between_the_two_sides_is_one(claimed: float) -> None:
    x = torch.full((1, 1), 0.5, dtype=torch.float64)
    verdict = second_oracle.differences(Corner(0.5), x, INPUT, x, torch.full_like(x, claimed), score)
    assert verdict.agrees
    assert verdict.kinks


@pytest.mark.parametrize("claimed", [-1.1, 1.1, 5.0])
def test_on_a_kink_no_other_slope_is_one(claimed: float) -> None:
    x = torch.full((1, 1), 0.5, dtype=torch.float64)
    assert not second_oracle.differences(Corner(0.5), x, INPUT, x, torch.full_like(x, claimed), score).agrees


def test_a_kink_nearby_is_left_behind_by_a_smaller_step() -> None:
    x = torch.full((1, 1), 0.5, dtype=torch.float64)
    near = Corner(0.5 - 1e-8)
    verdict = second_oracle.differences(near, x, INPUT, x, torch.ones_like(x), score)
    assert verdict.agrees
    assert verdict.kinks
    assert not second_oracle.differences(near, x, INPUT, x, -torch.ones_like(x), score).agrees


@pytest.mark.parametrize(
    ("both", "one", "found"),
    [
        ((2, 3, 4), (1, 3, 4), (1, 3, 4)),
        ((8, 3, 4), (4, 3, 4), (4, 3, 4)),
        ((3, 2, 4), (3, 1, 4), (3, 1, 4)),
        ((2, 3, 4), (2, 3, 4), None),
        ((2, 6, 4), (1, 3, 4), None),
        ((3, 3, 4), (1, 3, 4), None),
        ((2, 3), (1, 3, 1), None),
    ],
)
def test_the_half_of_the_first_image(
    both: tuple[int, ...], one: tuple[int, ...], found: tuple[int, ...] | None
) -> None:
    half = second_oracle.first_half(torch.zeros(both), torch.zeros(one))
    assert (None if half is None else tuple(half.shape)) == found


class Mixed(nn.Module):
    """One image's scores hang on the other's."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + x.mean(0)).flatten(1)[:, :3]


def test_images_that_mix_are_found() -> None:
    assert second_oracle.twice(Mixed(), zoo.image(), score, []).crosstalk == pytest.approx(0.5)
