"""The straight path from a baseline to the image: by hand, and beside integrated gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from gradviz_core.methods.path import walk
from tests.oracles import Formula, entry, oracle_of, scene_of

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"


def test_the_parts_of_a_path_by_hand() -> None:
    """The score is Σ x²: on the way from b to b + w its slope is Σ 2 (b + α w) w, and number i adds 2 b α w + α² w²."""
    x = torch.tensor([[[[3.0, -1.0]], [[0.5, 2.0]]]], dtype=torch.float64)
    start = torch.tensor([[[[1.0, 0.0]], [[2.0, -2.0]]]], dtype=torch.float64)
    oracle = oracle_of(
        scene_of(Formula(lambda x: x.square().sum().reshape(1, 1)), x, (0.5, 0.4), (0.25, 0.2)), entry(0)
    )
    found = walk(oracle, x, start, parts=2, steps=3)
    b, w = start[0].numpy(), (x - start)[0].numpy()
    np.testing.assert_allclose(found.share, [0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1])
    np.testing.assert_allclose(found.score, [((b + a * w) ** 2).sum() for a in found.share])
    np.testing.assert_allclose(found.slope, [(2 * (b + a * w) * w).sum() for a in found.share])
    half = b * w + w**2 / 4  # a straight slope: the trapezoidal rule is exact
    np.testing.assert_allclose(found.added, [half, 2 * b * w + w**2 - half])


def test_all_parts_together_are_integrated_gradients_by_the_trapezoidal_rule() -> None:
    path = gv.answer(gv.PathQuestion(model=MODEL, image=IMAGE, baseline="black", parts=4, steps=3))
    options = (("baseline", "black"), ("rule", "trapezoid"), ("steps", 13.0))
    whole = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, method="integrated_gradients", options=options))
    expected = whole.attributions[gv.INPUT]
    assert np.abs(path.added(4) - expected).max() < 1e-5 * np.abs(expected).max()
    assert path.target == whole.target
    assert path.arrays["score"][-1] == pytest.approx(whole.score, rel=1e-5)
    assert path.change(4) == pytest.approx(dict(whole.totals)[gv.INPUT], rel=1e-4)
    for parts in range(5):
        assert path.area(parts) == pytest.approx(path.added(parts).sum(dtype=np.float64), rel=1e-4, abs=1e-5)
    assert path.change(0) == path.area(0) == 0


def test_the_area_comes_closer_to_the_change_with_more_steps() -> None:
    gaps = []
    for steps in (1, 10):
        path = gv.answer(gv.PathQuestion(model=MODEL, image=IMAGE, baseline="black", steps=steps))
        gaps.append(max(abs(path.area(parts) - path.change(parts)) for parts in range(21)))
    assert gaps[1] < gaps[0] / 5
    assert gaps[1] < 0.01 * path.change(20)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"baseline": "grey"}, "no baseline 'grey'. Choose one of zero, black, white, blurred"),
        ({"parts": 0}, "0 parts with 5 steps each cannot be followed: there must be 1 to 1024 steps"),
        ({"parts": 100, "steps": 11}, "100 parts with 11 steps"),
    ],
)
def test_a_path_that_does_not_exist_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        gv.answer(gv.PathQuestion(model=MODEL, image=IMAGE, **asked))  # type: ignore[arg-type]
