"""Another image as baseline: of every method that takes one, by its key, which the question holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

import gradviz_core as gv
from gradviz_core.errors import QuestionError, UnknownImage
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.types.methods import METHODS, OptionValues
from tests.reference import relative_error

MODEL, IMAGE, OTHER = "preset/digits-mlp", "sample/digit-3", "sample/digit-8"
LAYER = gv.Site("fc1")
TAKING = [name for name, card in METHODS.items() if "baseline_image" in {one.name for one in card.options}]


def asked(method: str, other: str = OTHER, **options: float) -> gv.GradientQuestion:
    named: OptionValues = (("baseline", "image"), ("baseline_image", other), *options.items())
    return gv.GradientQuestion(
        model=MODEL,
        image=IMAGE,
        method=method,
        options=named,
        target=gv.ClassScore(3),
        wrt=(LAYER if METHODS[method].where == "layer" else gv.INPUT,),
    )


def test_those_that_take_a_baseline_take_another_image() -> None:
    baselines = {name for name, card in METHODS.items() if "baseline" in {one.name for one in card.options}}
    assert set(TAKING) == baselines
    assert len(TAKING) == 8


def test_it_is_captums_with_that_image() -> None:
    answer = gv.answer(asked("integrated_gradients", steps=16))
    gradient = gv.GradientQuestion(model=MODEL, image=OTHER, target=gv.ClassScore(3))
    other = gv.answer(gradient)
    method = IntegratedGradients(gv.load(MODEL))
    x, start = (torch.from_numpy(one.activations[gv.INPUT]) for one in (answer, other))
    theirs = method.attribute(x, start, target=3, n_steps=16, method="gausslegendre")
    assert relative_error(torch.from_numpy(answer.attributions[gv.INPUT]), theirs) < 1e-5
    assert dict(answer.totals)[gv.INPUT] == pytest.approx(answer.score - other.score, abs=1e-5)
    assert abs(answer.gaps[gv.INPUT]) < 0.05 * abs(answer.score - other.score)


@pytest.mark.parametrize("method", TAKING)
def test_an_image_that_is_its_own_baseline_gets_zero(method: str) -> None:
    """But for internal influence, which is the gradient then."""
    itself, another = gv.answer(asked(method, IMAGE)), gv.answer(asked(method))
    (site,) = itself.question.wrt
    mine, theirs = itself.attributions[site], another.attributions[site]
    expected = itself.gradients[site] if method == "internal_influence" else np.zeros_like(mine)
    np.testing.assert_allclose(mine, expected, atol=1e-6)
    assert np.abs(theirs - mine).max() > 1e-3


def test_the_question_holds_its_key() -> None:
    question = asked("integrated_gradients")
    assert question.others == (OTHER,)
    assert question_from_json(question_to_json(question)) == question
    assert question_to_json(question) != question_to_json(asked("integrated_gradients", IMAGE))
    upload = "upload/" + "0" * 64
    assert asked("integrated_gradients", upload).others == (upload,)
    assert gv.GradientQuestion(model=MODEL, image=IMAGE).others == ()
    assert gv.InsertionQuestion(
        model=MODEL, image=IMAGE, method="integrated_gradients", options=question.options
    ).others == (OTHER,)


def test_an_image_that_is_kept_beside_another_baseline_is_not_asked_for() -> None:
    question = asked("integrated_gradients", "upload/" + "0" * 64)
    unread = tuple((name, "zero" if name == "baseline" else value) for name, value in question.options)
    assert replace(question, options=unread).others == ()
    np.testing.assert_array_equal(
        gv.answer(replace(question, options=unread)).attributions[gv.INPUT],
        gv.answer(replace(question, options=(("baseline", "zero"),))).attributions[gv.INPUT],
    )


def test_an_image_that_is_not_there_is_refused_in_words() -> None:
    with pytest.raises(UnknownImage, match=r"no/image"):
        gv.answer(asked("integrated_gradients", "no/image"))
    with pytest.raises(UnknownImage, match="no-such"):
        gv.answer(asked("occlusion", "sample/no-such"))
    with pytest.raises(QuestionError, match="none is named"):
        gv.answer(asked("integrated_gradients", ""))
    with pytest.raises(QuestionError, match=r"baseline_image cannot be 3\.0\. Choose the name of an image"):
        gv.answer(replace(asked("occlusion"), options=(("baseline_image", 3.0),)))


def test_a_layer_output_has_no_image() -> None:
    with pytest.raises(QuestionError, match="'image' is a picture, so only the input has it"):
        gv.answer(replace(asked("integrated_gradients"), wrt=(LAYER,)))
