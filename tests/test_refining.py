"""More steps until an attribution sums to what it should, or the method takes no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from gradviz_core.types import Receipt
from gradviz_core.types.refining import refined

QUESTION = gv.GradientQuestion(model="m", image="i", method="integrated_gradients", options=(("steps", 3.0),))
RECEIPT = Receipt("cpu", (), 1.0)


def answering(asked: list[int], total: float = 8.0) -> Callable[[gv.GradientQuestion], gv.GradientAnswer]:
    """An attribution of 2 numbers whose gap is 4 / steps."""

    def ask(question: gv.GradientQuestion) -> gv.GradientAnswer:
        steps = int(dict(question.options)["steps"])
        asked.append(steps)
        return gv.GradientAnswer(
            question=question,
            target=gv.ClassScore(1),
            score=1.0,
            prediction=(),
            receptive_field=None,
            notes=(),
            receipt=RECEIPT,
            arrays={f"attribution/{gv.INPUT}": np.array([total, 4 / steps], np.float32)},
            totals=((gv.INPUT, total),),
        )

    return ask


@pytest.mark.parametrize(
    ("bound", "steps", "within"), [(0.2, [3], True), (0.05, [3, 6, 12], True), (1e-9, None, False)]
)
def test_the_steps_are_doubled_until_the_gap_is_within_the_bound(
    bound: float, steps: list[int] | None, within: bool
) -> None:
    asked: list[int] = []
    found = refined(QUESTION, bound, answering(asked))
    assert asked == (steps or [3, 6, 12, 24, 48, 96, 192, 384, 768, 1024])
    assert found.within is within
    assert found.steps == asked[-1]
    assert found.gaps[gv.INPUT] == pytest.approx(4 / asked[-1])


def test_other_options_stay_as_they_are() -> None:
    question = replace(QUESTION, options=(("steps", 3.0), ("rule", "gauss")))
    found = refined(question, 0.05, answering([]))
    assert found.answer.question.options == (("rule", "gauss"), ("steps", 12.0))


def test_a_difference_of_zero_is_never_within_a_share_of_it() -> None:
    assert not refined(QUESTION, 0.5, answering([], total=0.0)).within


def test_without_a_gradient_there_is_no_gap_and_it_is_asked_once() -> None:
    asked: list[int] = []

    def nothing(question: gv.GradientQuestion) -> gv.GradientAnswer:
        return replace(answering(asked)(question), totals=())

    found = refined(QUESTION, 0.05, nothing)
    assert (found.within, found.gaps, asked) == (False, {}, [3])


@pytest.mark.parametrize(
    ("question", "bound", "said"),
    [
        (
            replace(QUESTION, method="smoothgrad", options=()),
            0.1,
            "smoothgrad has no steps to refine. Choose one of blur_ig, ",
        ),
        (replace(QUESTION, method="gradient", options=()), 0.1, "gradient has no steps to refine"),
        (replace(QUESTION, part=(0, 2)), 0.1, "A part of a sum has no completeness gap"),
        (QUESTION, 0.0, "The bound of the gap cannot be 0. Choose a positive share"),
        (QUESTION, float("nan"), "The bound of the gap cannot be nan"),
    ],
)
def test_what_cannot_be_refined_is_refused(question: gv.GradientQuestion, bound: float, said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        refined(question, bound, answering([]))


def test_a_model_is_asked_until_its_attribution_is_complete() -> None:
    question = replace(
        QUESTION, model="preset/shapes-cnn", image="sample/star", options=(("baseline", "black"), ("steps", 2.0))
    )
    found = gv.refine(question, 0.02)
    assert found.within
    assert found.steps > 2
    ((site, total),) = found.answer.totals
    assert found.answer.attributions[site].sum() == pytest.approx(total, rel=0.021)
    assert abs(gv.answer(question).gaps[site]) > 0.02 * abs(total), "and with two steps it was not"
