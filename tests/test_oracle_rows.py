"""Points come as rows of one pass only where each gives then what it gives alone."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradviz_core.answers.oracle import TOGETHER, SceneOracle
from gradviz_core.answers.scene import Scene
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import differentiate, forward
from gradviz_core.types import INPUT, ClassScore

SHAPE = (1, 3, 4, 4)


class Net(nn.Module):
    """A small network of what ``before`` makes of a batch, to whose scores ``beside`` is added."""

    def __init__(self, before: Callable[[Tensor], Tensor], beside: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.beside = before, beside
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.Tanh(), nn.Linear(16, 3))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.before(x)) + self.beside(x))


def plain(x: Tensor) -> Tensor:
    return x


def nothing(x: Tensor) -> Tensor:
    return torch.zeros(1)


def a_place_for_each(x: Tensor) -> Tensor:
    """Nothing, from a table with a line for each image: that it is nothing is not seen."""
    return torch.zeros(len(x), 1)


def how_many(x: Tensor) -> Tensor:
    return torch.tensor(float(len(x)))


def branch(x: Tensor) -> Tensor:
    """Whether it is scaled depends on the brightest image of the batch."""
    return torch.where(x.max() > 1.5, 0.1 * x, x)


def mean_without_gradient(x: Tensor) -> Tensor:
    return x.detach().square().mean().expand(len(x), 1)


def straight_through(x: Tensor) -> Tensor:
    """The values of no image change, the gradients of all do."""
    return x + (x.mean(0, keepdim=True) - x.mean(0, keepdim=True).detach())


def steeper_together(x: Tensor) -> Tensor:
    """As where many units lie at their kinks: the scores of a batch are right, and its slopes are others."""
    return x if len(x) == 1 else x + (x - x.detach())


def oracle(
    before: Callable[[Tensor], Tensor] = plain, beside: Callable[[Tensor], Tensor] = nothing, *, later: bool = False
) -> SceneOracle:
    """As for a question, or ``later`` as for a part of a sum that another part began."""
    module, x = Net(before, beside).eval(), torch.linspace(-0.5, 1.0, 48).reshape(SHAPE)
    trace = forward(module, x, keep={INPUT})
    target, score = targets.select(ClassScore(1), trace)
    slope = differentiate(trace, score, (INPUT,))[INPUT]
    assert slope is not None
    scene = SimpleNamespace(trace=trace, model=SimpleNamespace(module=module), seed=0)
    return SceneOracle(cast(Scene, scene), target, INPUT, None if later else slope)


def path(count: int = 3 * TOGETHER) -> list[Tensor]:
    """From dark to bright: the second block of points passes 1.5."""
    return [step * torch.linspace(-0.5, 1.0, 48).reshape(SHAPE) for step in np.linspace(0.05, 3.1, count)]


def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images went into each pass."""
    made: list[int] = []

    def counted(*args: Tensor, **kwargs: object) -> object:
        made.append(len(args[1]))
        return forward(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("gradviz_core.answers.oracle.forward", counted)
    return made


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("before", "beside"),
    [
        (plain, nothing),
        (steeper_together, nothing),
        (branch, nothing),
        (plain, mean_without_gradient),
        (plain, how_many),
        (plain, a_place_for_each),
        (straight_through, nothing),
    ],
)
def test_each_point_gives_what_it_gives_alone(
    before: Callable[[Tensor], Tensor], beside: Callable[[Tensor], Tensor], later: bool
) -> None:
    asked = oracle(before, beside, later=later)
    for among, point in zip(asked.each(path()), path(), strict=True):
        alone = oracle(before, beside)
        torch.testing.assert_close(among.gradient, alone(point), rtol=1e-4, atol=1e-6)
        assert among.score == pytest.approx(alone.score(point), rel=1e-5)
    for score, point in zip(oracle(before, beside).scores(path()), path(), strict=True):
        assert score == pytest.approx(oracle(before, beside).score(point), rel=1e-5)


def test_images_that_are_seen_to_stay_apart_come_together_and_two_are_asked_alone_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, made = oracle(), passes(monkeypatch)
    list(asked.each(path()))
    assert made == [TOGETHER, 1, 1, TOGETHER, TOGETHER]
    list(asked.scores(path(TOGETHER + 2)))
    assert made[5:] == [TOGETHER, 2, 1, 1]


def test_where_it_is_not_seen_two_of_each_pass_are_asked_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, made = oracle(beside=a_place_for_each), passes(monkeypatch)
    list(asked.each(path()))
    assert made == [TOGETHER, *[TOGETHER, 1, 1] * 3]


def test_once_a_row_differs_all_further_points_are_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, made = oracle(branch), passes(monkeypatch)
    list(asked.each(path()))
    assert [many for many in made if many > 1] == [TOGETHER] * 3
    assert made[-TOGETHER:] == [1] * TOGETHER


def test_gradients_that_were_asked_before_change_no_score() -> None:
    first, second = oracle(branch), oracle(branch)
    list(first.each(path(TOGETHER)))
    found = [list(one.scores(path())) for one in (oracle(branch), second)]
    assert found[0] == found[1]
