"""The methods over attention on Input saliency: offered where a model attends, and drawn over its patches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.types import Question
from gradviz_core.types.methods import offered_at
from pages.shell.answer_cache import answer_cache
from tests.opening import SALIENCY, answer_here, chart, errors, opened, read, texts, values

VIT = {"model": "preset/shapes-vit", "image": "sample/star"}
CNN = {"model": "preset/shapes-cnn", "image": "sample/star"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize("method", offered_at("attention"))
def test_a_map_of_the_patches_lies_where_they_lie(method: str) -> None:
    app = opened(SALIENCY, **VIT, method=method, pixel="40,52")
    assert not app.error
    answer = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method=method))
    true = answer.attributions[gv.INPUT][0, 0]
    _, heat = chart(app, "gradient")["data"]
    np.testing.assert_array_equal(values(chart(app, "gradient")), true)
    # two convolutions of stride 2 with padding, then patches of 3 × 3: the first is centred at 4, the next at 16
    assert (heat["x0"], heat["dx"], heat["y0"], heat["dy"]) == pytest.approx((4, 12, 4, 12))
    assert heat["zsmooth"] is False
    said = " ".join(texts(app))
    assert "Each square is a patch. Token 0 is no patch, so its number stands below." in said
    assert "token 0, no patch" in said
    assert f":gray[patch row 3, column 4] **{float(true[3, 4]):.4g}**" in said
    assert not [one for one in app.button_group if one.label == "View"], "there is one number for each patch"


def test_another_view_in_the_address_changes_nothing(asked: list[Question]) -> None:
    one, other = (opened(SALIENCY, **VIT, method="chefer", **more) for more in ({}, {"view": "max"}))
    np.testing.assert_array_equal(values(chart(one, "gradient")), values(chart(other, "gradient")))


def test_the_numbers_of_all_tokens_come_with_the_map() -> None:
    answer = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method="attention_rollout"))
    tokens = answer.tokens
    assert tokens is not None
    np.testing.assert_array_equal(tokens.map, answer.attributions[gv.INPUT][0, 0])
    assert list(tokens.apart) == [0]
    assert tokens.numbers.sum() == pytest.approx(1, abs=1e-5), "the rows of a rollout sum to 1"
    assert (tokens.centres.row, tokens.centres.down) == (4, 12)


def test_they_are_offered_where_the_model_attends() -> None:
    for choices, there in ((VIT, True), (CNN, False)):
        (listed,) = (each for each in opened(SALIENCY, **choices).selectbox if each.label == "Method")
        assert ("LeGrad" in listed.options) == there
        assert "SmoothGrad" in listed.options
    (said,) = errors(opened(SALIENCY, **CNN, method="legrad"))
    assert read(said) == (
        "LeGrad is made from attention weights, and this model has no attention. Choose another method, or a vision "
        "transformer."
    )
    (said,) = errors(opened(SALIENCY, **VIT, method="lime"))
    assert "Method cannot be 'lime'" in read(said)


def test_insertion_and_deletion_take_the_pixels_patch_by_patch() -> None:
    question = gv.InsertionQuestion(model=VIT["model"], image=VIT["image"], method="chefer", steps=64)
    answer = inline.ask(question)
    true = inline.ask(gv.GradientQuestion(model=VIT["model"], image=VIT["image"], method="chefer"))
    assert true.tokens is not None
    row, column = divmod(int(true.attributions[gv.INPUT].argmax()), 8)
    assert (row, column) == (3, 1), "inside, so that it has 144 pixels: as many as one of 64 steps deletes"
    x = torch.from_numpy(true.activations[gv.INPUT].copy())
    x[:, :, 12 * row - 2 : 12 * row + 10, 12 * column - 2 : 12 * column + 10] = 0
    with torch.no_grad():
        expected = gv.load(VIT["model"])(x)[0, 3].item()
    assert answer.arrays["deletion"][:2].tolist() == pytest.approx([true.score, expected], rel=1e-4)
