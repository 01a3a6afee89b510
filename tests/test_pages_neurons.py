"""The page Neurons with another method than the gradient: captum's neuron methods, by the same sums."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from captum.attr import NeuronGuidedBackprop, NeuronIntegratedGradients

import gradviz_core as gv
from gradviz_core.types import Question
from pages.shell.answer_cache import answer_cache
from tests.opening import NEURONS, answer_here, chart, errors, opened, read, texts, values

CHOICES = {"model": "preset/digits-cnn", "image": "sample/digit-8", "site": "features.3", "channel": "28"}
INDEX = (28, 7, 13)
PLACE = {"row": str(INDEX[1]), "col": str(INDEX[2])}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize("method", ["integrated_gradients", "guided_backprop"])
def test_the_map_of_a_unit_is_captums(method: str) -> None:
    options = "steps=16" if method == "integrated_gradients" else ""
    app = opened(NEURONS, **CHOICES, **PLACE, unit_method=method, unit_options=options)
    assert not errors(app)
    model = gv.load(CHOICES["model"])
    layer = model.get_submodule(CHOICES["site"])
    unit = gv.Unit(gv.Site("features.3"), INDEX)
    answer = gv.answer(gv.GradientQuestion(model=CHOICES["model"], image=CHOICES["image"], target=unit))
    x = torch.from_numpy(answer.activations[gv.INPUT]).requires_grad_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting .* hooks")
        if method == "integrated_gradients":
            theirs = NeuronIntegratedGradients(model, layer).attribute(x, INDEX, n_steps=16, method="gausslegendre")
        else:
            theirs = NeuronGuidedBackprop(model, layer).attribute(x, INDEX)
    true = theirs.detach()[0].sum(0).numpy()
    assert np.abs(true).max() > 0
    np.testing.assert_allclose(values(chart(app, "gradient")), true, rtol=1e-4, atol=1e-5 * np.abs(true).max())
    sums = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert len(sums) == (method == "integrated_gradients")


def test_what_is_refused_or_does_not_exist_is_said(asked: list[Question]) -> None:
    app = opened(NEURONS, **CHOICES, **PLACE, unit_method="deeplift")
    assert "is read inside it" in " ".join(read(said) for said in errors(app))
    app = opened(NEURONS, **CHOICES, **PLACE, unit_method="nothing")
    assert "Method cannot be 'nothing'" in " ".join(read(said) for said in errors(app))
    app = opened(NEURONS, **CHOICES, **PLACE, unit_method="smoothgrad", unit_options="power=2")
    assert "SmoothGrad has no option 'power'" in " ".join(read(said) for said in errors(app))
