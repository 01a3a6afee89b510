"""A thousand draws or steps take the memory of a few, and the parts of a sum are the sum."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.oracle import TOGETHER, SceneOracle
from gradviz_core.methods.attributions import Asked
from gradviz_core.types.controls import Number
from gradviz_core.types.methods import METHODS

MODEL, IMAGE = "preset/digits-mlp", "sample/digit-3"
SUMS = [name for name, card in METHODS.items() if card.counts and card.where in ("anywhere", "input")]
MOST_ALIVE = 3 * TOGETHER
"""Points: those of one pass, those that were taken for the next, and what is being added."""


class Living:
    """Counts the tensors that live, and how many lived at once."""

    def __init__(self) -> None:
        self.alive = self.most = self.made = 0

    def watch(self, tensor: Tensor) -> Tensor:
        self.alive, self.made = self.alive + 1, self.made + 1
        self.most = max(self.most, self.alive)
        weakref.finalize(tensor, self._gone)
        return tensor

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("method", SUMS)
def test_a_thousand_points_take_the_memory_of_a_few(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a method that counts fewer, all that it takes."""
    points, found = Living(), Living()
    each, scores = SceneOracle.each, SceneOracle.scores

    def watched(self: SceneOracle, values: Iterable[Tensor]) -> Iterator[Asked]:
        for asked in each(self, (points.watch(value) for value in values)):
            found.watch(asked.gradient)
            yield asked

    monkeypatch.setattr(SceneOracle, "each", watched)
    monkeypatch.setattr(
        SceneOracle, "scores", lambda self, values: scores(self, (points.watch(value) for value in values))
    )
    counted = next(one for one in METHODS[method].options if one.name == METHODS[method].counts)
    assert isinstance(counted, Number)
    many = min(1024.0, counted.high)
    gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, method=method, options=((counted.name, many),)))
    assert points.made >= 1024
    assert points.most <= MOST_ALIVE
    assert found.most <= MOST_ALIVE


@pytest.mark.parametrize("method", SUMS)
def test_the_parts_of_a_sum_make_what_is_asked_for_at_once(method: str) -> None:
    card, answerer = METHODS[method], Answerer("cpu")
    options = ((card.counts, 11.0),)
    question = gv.GradientQuestion(model=MODEL, image=IMAGE, method=method, options=options)
    whole = answerer.answer(question)
    parts = [
        answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, method=method, options=options, part=part))
        for part in ((0, 4), (4, 10), (10, 11))
    ]
    first, second, third = (part.sums(gv.INPUT) for part in parts)
    made = first.then(second).then(third).gathered(card.gathered)
    np.testing.assert_allclose(made, whole.attributions[gv.INPUT], rtol=1e-4, atol=1e-6 * np.abs(made).max())
    assert [part.totals == whole.totals for part in parts] == [True, not card.complete, not card.complete]
    assert all(part.gaps == {} for part in parts)


def test_a_later_part_does_not_ask_for_the_gradient_at_the_image_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part asks for those of its sum, and for those of two rows alone."""
    made = [0]
    grad: Callable[..., object] = torch.autograd.grad

    def counted(*args: object, **kwargs: object) -> object:
        made[0] += 1
        return grad(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", counted)
    answerer, options = Answerer("cpu"), (("draws", 16.0),)
    for part, count in (((0, 8), 4), ((8, 16), 3)):
        made[0] = 0
        answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, method="smoothgrad", options=options, part=part))
        assert made == [count], part
