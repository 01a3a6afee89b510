"""Jacobians and spectra as questions: parts and whole, one step after another, whatever was asked before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import jacrev

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.errors import QuestionError

MODEL, IMAGE = "preset/shapes-resnet", "sample/star"
ATTENTION = "torchvision/vit_b_16@random-0"
MIXED = gv.Site("encoder.layers.encoder_layer_0.self_attention", 0, "0")
LATE = gv.Site("layer3.0.relu", 1)


@pytest.mark.slow
def test_the_scores_by_the_image() -> None:
    answer = gv.answer(gv.JacobianQuestion(model=MODEL, image=IMAGE))
    model = load(MODEL)
    steps = model.card.preprocessing
    x = images.normalise(images.as_seen(images.load(IMAGE), steps), steps)
    true = jacrev(model.module, chunk_size=1)(torch.from_numpy(x)).detach().reshape(answer.shape).numpy()
    assert answer.mode == "reverse"
    assert np.linalg.norm(answer.arrays["matrix"] - true) < 1e-5 * np.linalg.norm(true)
    assert np.allclose(answer.arrays["row_norms"], np.linalg.norm(answer.arrays["matrix"].astype(float), axis=1))


@pytest.mark.slow
def test_parts_make_the_whole() -> None:
    whole = gv.answer(gv.JacobianQuestion(model=MODEL, image=IMAGE)).arrays["matrix"]
    worker = Answerer("cpu")
    for rows, columns in (((0, 4), None), ((4, 10), None), ((2, 9), (100, 27_000))):
        part = worker.answer(gv.JacobianQuestion(model=MODEL, image=IMAGE, rows=rows, columns=columns))
        first, end = columns or (0, whole.shape[1])
        assert np.array_equal(part.arrays["matrix"], whole[rows[0] : rows[1], first:end])


@pytest.mark.slow
def test_an_iteration_that_goes_on_is_the_one_that_starts_anew() -> None:
    def question(steps: int) -> gv.SpectrumQuestion:
        return gv.SpectrumQuestion(model=MODEL, image=IMAGE, of=LATE, count=3, steps=steps)

    worker = Answerer("cpu")
    for steps in (1, 2, 3, 3, 1):
        ongoing, anew = worker.answer(question(steps)), gv.answer(question(steps))
        for name, array in anew.arrays.items():
            assert np.array_equal(array, ongoing.arrays[name]), (steps, name)
        worker.answer(gv.GradientQuestion(model=MODEL, image=IMAGE))
    assert anew.shape[1] == 27_648
    assert not anew.complete


@pytest.mark.slow
def test_the_spectrum_of_a_few_scores_is_complete() -> None:
    matrix = gv.answer(gv.JacobianQuestion(model=MODEL, image=IMAGE)).arrays["matrix"].astype(float)
    answer = gv.answer(gv.SpectrumQuestion(model=MODEL, image=IMAGE, count=10))
    assert (answer.complete, answer.settled, answer.frobenius_error) == (True, 10, 0.0)
    assert np.allclose(answer.arrays["singular_values"], np.linalg.svd(matrix, compute_uv=False), rtol=1e-4, atol=1e-5)
    assert answer.frobenius == pytest.approx(np.linalg.norm(matrix), rel=1e-5)


@pytest.mark.slow
def test_the_length_of_a_large_jacobian_is_estimated() -> None:
    answer = gv.answer(gv.SpectrumQuestion(model=MODEL, image=IMAGE, count=8, steps=1, rows=(0, 9)))
    true = np.linalg.norm(gv.answer(gv.JacobianQuestion(model=MODEL, image=IMAGE, rows=(0, 9))).arrays["row_norms"])
    assert answer.frobenius_error > 0
    assert abs(answer.frobenius - true) < 4 * answer.frobenius_error


@pytest.mark.slow
def test_fused_attention_is_taken_apart_where_it_has_to_be() -> None:
    answer = gv.answer(gv.SpectrumQuestion(model=ATTENTION, image=IMAGE, of=MIXED, count=1, steps=1))
    assert answer.arrays["singular_values"][0] > 0


@pytest.mark.parametrize(("count", "steps"), [(0, 1), (33, 1), (8, 0), (8, 17)])
def test_values_and_steps_have_limits(count: int, steps: int) -> None:
    with pytest.raises(QuestionError, match="choose 1 to 32 values and 1 to 16 steps"):
        gv.answer(gv.SpectrumQuestion(model=MODEL, image=IMAGE, count=count, steps=steps))
