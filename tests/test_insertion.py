"""The score as pixels come onto a substrate, or go, in the order of a map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.insertion import _ranked
from gradviz_core.answers.load import load
from gradviz_core.errors import QuestionError
from gradviz_core.images import as_seen, normalise
from gradviz_core.images import load as load_image
from gradviz_core.methods.blurring import blurred

MODEL, IMAGE = "preset/digits-cnn", "sample/digit-8"


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer("cpu")


def asked(**choices: object) -> gv.InsertionQuestion:
    return gv.InsertionQuestion(**{"model": MODEL, "image": IMAGE, "steps": 4, **choices})  # type: ignore[arg-type]


def picture(model: str = MODEL, image: str = IMAGE) -> torch.Tensor:
    steps = load(model).card.preprocessing
    return torch.from_numpy(normalise(as_seen(load_image(image), steps), steps))


@pytest.mark.parametrize("substrate", ["zero", "blurred", "black"])
def test_each_curve_by_another_route(substrate: str, answerer: Answerer) -> None:
    """Every mixture is made here pixel by pixel, from the gradient's own magnitudes."""
    answer = answerer.answer(asked(substrate=substrate))
    x, model = picture(), load(MODEL)
    steps = model.card.preprocessing
    black = -torch.tensor(steps.mean).view(1, -1, 1, 1) / torch.tensor(steps.std).view(1, -1, 1, 1)
    ground = {
        "zero": torch.zeros_like(x),
        "black": black.expand_as(x),
        "blurred": blurred(x, 0.1 * min(x.shape[2:])),
    }[substrate]
    gradient = answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE)).gradients[gv.INPUT]
    size = np.abs(gradient[0].sum(0)).ravel()
    best = sorted(range(size.size), key=lambda pixel: (-size[pixel], pixel))
    rows, columns = x.shape[2:]
    for curve, new, old in (("insertion", x, ground), ("deletion", ground, x)):
        for at, share in enumerate(answer.arrays["share"]):
            mixed = old.clone()
            for pixel in best[: round(share * rows * columns)]:
                mixed[0, :, pixel // columns, pixel % columns] = new[0, :, pixel // columns, pixel % columns]
            true = model.module(mixed)[0, answer.target.explains].item()
            assert answer.arrays[curve][at] == pytest.approx(true, abs=1e-3)
    assert answer.arrays["share"].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-3)
    assert answer.arrays["insertion"][[0, -1]] == pytest.approx(answer.arrays["deletion"][[-1, 0]], abs=1e-4)


def test_the_orders_that_need_no_map(answerer: Answerer) -> None:
    orders = {order: answerer.answer(asked(order=order)) for order in ("random", "centre")}
    again = answerer.answer(asked(order="random", draw=1))
    same = answerer.answer(asked(order="random", method="integrated_gradients"))
    assert np.array_equal(same.arrays["insertion"], orders["random"].arrays["insertion"])
    assert not np.array_equal(again.arrays["insertion"], orders["random"].arrays["insertion"])
    x, share = picture(), orders["centre"].arrays["share"][1]
    down, across = (np.arange(side) - (side - 1) / 2 for side in x.shape[2:])
    far = (down[:, None] ** 2 + across**2).ravel()
    near = np.argsort(far, kind="stable")[: round(share * far.size)]
    mixed = torch.zeros_like(x).flatten(2)
    mixed[:, :, near] = x.flatten(2)[:, :, near]
    true = load(MODEL).module(mixed.view_as(x))[0, orders["centre"].target.explains].item()
    assert orders["centre"].arrays["insertion"][1] == pytest.approx(true, abs=1e-3)


def test_what_sums_to_the_score_ranks_by_its_sign(answerer: Answerer) -> None:
    field = np.array([[-3.0, 1.0], [2.0, np.nan]])
    assert _ranked(field, np.arange(4)).tolist() == [2, 1, 3, 0]
    assert _ranked(np.array([1.0, 3.0, 1.0, 1.0]), np.array([3, 1, 0, 2])).tolist() == [1, 3, 0, 2], "ties at random"
    signed = answerer.answer(asked(method="integrated_gradients"))
    random = answerer.answer(asked(order="random"))
    assert signed.areas[0] > random.areas[0]
    assert signed.areas[1] < random.areas[1]
    assert signed.arrays["insertion"].max() > signed.arrays["insertion"][-1], "without what lowers it, it is higher"


@pytest.mark.parametrize("method", ["rise", "occlusion", "gradient_x_input"])
def test_what_is_in_units_of_the_score_ranks_by_its_sign(method: str, answerer: Answerer) -> None:
    """What lowers the score comes last, however large it is."""
    few = (("masks", 8.0),) if method == "rise" else (("rows", 4.0),) if method == "occlusion" else ()
    asked_of = gv.GradientQuestion(model=MODEL, image=IMAGE, method=method, options=few, target=gv.ClassScore(3))
    field = answerer.answer(asked_of).attributions[gv.INPUT][0].sum(0)
    assert field.min() < 0
    best = _ranked(field, np.random.default_rng(0).permutation(field.size))[: round(0.25 * field.size)]
    answer = answerer.answer(asked(method=method, options=few, target=gv.ClassScore(3)))
    x = picture()
    mixed = torch.zeros_like(x).flatten(2)
    mixed[:, :, best] = x.flatten(2)[:, :, best]
    assert answer.arrays["insertion"][1] == pytest.approx(load(MODEL).module(mixed.view_as(x))[0, 3].item(), abs=1e-3)


def test_the_area_is_the_mean_by_the_trapezoidal_rule(answerer: Answerer) -> None:
    answer = answerer.answer(asked())
    curve, share = answer.arrays["insertion"], answer.arrays["share"]
    by_hand = sum((curve[i] + curve[i + 1]) / 2 * (share[i + 1] - share[i]) for i in range(4))
    assert answer.areas[0] == pytest.approx(by_hand)


def test_too_many_steps_are_refused(answerer: Answerer) -> None:
    with pytest.raises(QuestionError, match="There are 65 steps"):
        answerer.answer(asked(steps=65))


def test_the_map_of_a_layer_ranks_the_pixels_that_lie_under_it(answerer: Answerer) -> None:
    """Enlarged here by hand, at the centres of its squares and between them."""
    site, model, image = gv.Site("features.17"), "preset/shapes-cnn", "sample/star"
    answer = answerer.answer(asked(model=model, image=image, method="grad_cam", wrt=site))
    found = answerer.answer(gv.GradientQuestion(model=model, image=image, method="grad_cam", wrt=(site,)))
    small = found.attributions[site][0, 0]
    x = picture(model, image)
    rows, columns = x.shape[2:]
    down, across = (
        np.clip((np.arange(side) + 0.5) * part / side - 0.5, 0, part - 1)
        for side, part in ((rows, small.shape[0]), (columns, small.shape[1]))
    )
    large = np.zeros((rows, columns))
    for row, y in enumerate(down):
        for column, z in enumerate(across):
            top, left = int(y), int(z)
            bottom, right = min(top + 1, small.shape[0] - 1), min(left + 1, small.shape[1] - 1)
            above = small[top, left] * (1 - z + left) + small[top, right] * (z - left)
            below = small[bottom, left] * (1 - z + left) + small[bottom, right] * (z - left)
            large[row, column] = above * (1 - y + top) + below * (y - top)
    share = answer.arrays["share"][1]
    limit = np.sort(large.ravel())[-round(share * large.size)]
    assert (large >= limit).sum() == round(share * large.size), "there are no ties"
    mixed = torch.where(torch.from_numpy(large >= limit), x, torch.zeros_like(x))
    true = load(model).module(mixed)[0, answer.target.explains].item()
    assert answer.arrays["insertion"][1] == pytest.approx(true, abs=1e-3)


def test_a_map_that_does_not_lie_over_the_picture_ranks_no_pixels(answerer: Answerer) -> None:
    with pytest.raises(QuestionError, match="do not lie over the picture"):
        answerer.answer(asked(model="preset/digits-mlp", method="conductance", wrt=gv.Site("relu1")))
