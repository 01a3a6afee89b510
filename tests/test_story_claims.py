"""What the story says is so: each number in a sentence is computed anew here, from the answer alone."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gradviz_core.compute import inline
from gradviz_core.models import catalogue
from gradviz_core.scenes import scenes
from gradviz_core.story import (
    asked,
    dies,
    layers,
    magnitude,
    maps,
    photo,
    shortcut,
    speckle,
    step,
    trust,
    unit,
    untrained,
)
from gradviz_core.story.regions import fewest, share_inside, square, strongest_window
from gradviz_core.story.told import NotSo, Subject, Told
from gradviz_core.story.views import VIEWS, View
from gradviz_core.types import INPUT, ClassScore, FloatArray, GradientQuestion, ProofQuestion
from gradviz_core.types.questions import A, Question
from pages.uploads import images, models

HERE = Subject(models.first(), images.suited(models.first()))
"""What the app tells its story of."""
SHAPES = Subject("preset/shapes-cnn", "sample/circle")
"""What it tells it of where the weights for photos are not on the machine."""
PHOTO = Subject("preset/efficientnet-lite0", "sample/coffee")
SUBJECTS = pytest.mark.parametrize("subject", sorted({HERE, SHAPES, PHOTO}, key=str), ids=lambda subject: subject.model)
OUTLINE = 3
"""Pixels to either side that are taken for the outline."""
_kept: dict[Question[Any], Any] = {}


def ask(question: Question[A]) -> A:
    """The answer; each question is answered once for all tests."""
    if question not in _kept:
        _kept[question] = inline.ask(question)
    answer: A = _kept[question]
    return answer


@cache
def told(name: str, subject: Subject) -> Told:
    (view,) = [view for view in VIEWS if view.name == name]
    return view.tell(ask, subject)


def gradient(subject: Subject) -> FloatArray:
    """(C, H, W) in double precision."""
    return np.asarray(asked.gradient(ask, subject).gradients[INPUT][0], dtype=np.float64)


def share(text: str, after: str) -> float:
    """The percentage that stands before these words."""
    (found,) = re.findall(rf"([\d.]+)\u00a0% {re.escape(after)}", text)
    return float(found)


def about(share: float) -> Any:
    """A percentage with one decimal."""
    return pytest.approx(100 * share, abs=0.051)


# ------------------------------------------------------------------------------------------------------------ each view


@SUBJECTS
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_each_view_makes_a_claim_and_marks_a_place(view: View, subject: Subject) -> None:
    what = told(view.name, subject)
    assert re.search(r"\d", what.sentence), "a claim is made of the answer's numbers"
    assert what.sentence.endswith(".")
    assert what.note.endswith(".")
    assert len(what.sentence) < 170, "it is read from the last row"
    assert any(shown.figure.layout.shapes for shown in what.pictures), "one region is marked"
    assert all(shown.caption.facts for shown in what.pictures)


@SUBJECTS
def test_the_marked_quarter_holds_the_share_that_is_said(subject: Subject) -> None:
    what, found = told("photo", subject), photo.most(asked.gradient(ask, subject))
    squares = np.square(gradient(subject)).sum(axis=0)
    top, bottom, left, right = found.box
    inside = squares[top : bottom + 1, left : right + 1]
    assert inside.size == squares.size // 4
    assert share(what.note, "of the sum.") == about(inside.sum() / squares.sum())
    first = asked.gradient(ask, subject).prediction[0]
    assert first.label in what.sentence


@SUBJECTS
def test_neighbours_pull_in_opposite_directions_as_often_as_is_said(subject: Subject) -> None:
    signs = np.sign(gradient(subject).sum(axis=0))
    pairs = np.concatenate([(signs[:, 1:] * signs[:, :-1]).ravel(), (signs[1:] * signs[:-1]).ravel()])
    what = told("speckle", subject)
    assert share(what.sentence, "of the pairs differ") == about(float((pairs < 0).mean()))
    summed = gradient(subject).sum(axis=0)
    blocks = [summed[r : r + 8, c : c + 8].mean() for r in range(0, len(summed), 8) for c in range(0, len(summed), 8)]
    left = np.sqrt(np.mean(np.square(blocks)) / np.mean(np.square(summed)))
    assert share(what.sentence, "of their size") == about(left)


@SUBJECTS
def test_size_and_sign_are_as_said(subject: Subject) -> None:
    what, signed = told("magnitude", subject), gradient(subject).sum(axis=0)
    assert share(what.sentence, "of the slopes are positive") == about(float((signed > 0).mean()))
    assert share(what.note, "of what the slopes add up to") == about(abs(signed.sum()) / np.abs(signed).sum())
    squares = np.sort(np.square(gradient(subject)).sum(axis=0).ravel())[::-1]
    held = round(share(what.sentence, "of the pixels hold half") / 100 * squares.size)
    off = squares.size // 1000
    assert squares[: held + off].sum() > squares.sum() / 2 > squares[: held - off].sum()


@SUBJECTS
def test_outside_of_what_the_neuron_sees_its_gradient_is_exactly_zero(subject: Subject) -> None:
    info, one = unit.most_active(ask, subject, asked.survey(ask, subject))
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, target=one))
    (top, bottom, left, right), most = unit.sees(answer)
    outside = np.abs(answer.gradients[INPUT][0]).sum(axis=0)
    inside = outside[top : bottom + 1, left : right + 1].copy()
    assert inside.any()
    outside[top : bottom + 1, left : right + 1] = 0
    assert not outside.any()
    assert f"sees {bottom - top + 1}×{right - left + 1} of" in told("unit", subject).sentence
    assert answer.score == pytest.approx(
        float(
            ask(GradientQuestion(model=subject.model, image=subject.image, wrt=(info.site,))).activations[info.site][0][
                one.index
            ]
        )
    )
    assert share_inside(np.abs(answer.gradients[INPUT][0]).sum(axis=0), most) >= 0.95
    below = 6 if info.kind == "ReLU6" else np.inf
    question = GradientQuestion(model=subject.model, image=subject.image, wrt=(info.site,))
    layer = ask(question).activations[info.site]
    assert answer.score == pytest.approx(float(layer[layer < below].max())), "the largest that is not cut off"


@SUBJECTS
def test_maps_get_coarser_and_many_values_are_exactly_zero(subject: Subject) -> None:
    drawn, what = maps.varied(ask, subject), told("maps", subject)
    sizes = [each.values.shape[0] for each in drawn]
    assert sizes[0] > sizes[1] > sizes[2]
    assert f"From {sizes[0]}×{sizes[0]} to {sizes[2]}×{sizes[2]}" in what.sentence
    assert f"the first has {sizes[0] // sizes[2]}×{sizes[0] // sizes[2]}" in what.sentence
    for each, words in ((drawn[0], "are exactly 0 in the first"), (drawn[2], "in the last")):
        question = GradientQuestion(model=subject.model, image=subject.image, wrt=(each.info.site,))
        values = ask(question).activations[each.info.site]
        assert values.min() >= 0
        assert share(what.note, words) == about(float((values == 0).mean()))


@SUBJECTS
def test_before_a_relu_that_is_off_the_gradient_is_exactly_zero(subject: Subject) -> None:
    survey = asked.survey(ask, subject)
    info = layers.rectified(survey)[0]
    before = layers.before(survey, info)
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, wrt=(before.site, info.site)))
    went_in, came_out = answer.activations[before.site], answer.activations[info.site]
    np.testing.assert_array_equal(came_out, np.clip(went_in, 0, 6 if info.kind == "ReLU6" else None))
    assert not answer.gradients[before.site][went_in < 0].any()
    assert answer.gradients[before.site][came_out > 0].any()
    what = told("dies", subject)
    assert share(what.sentence, "of those in") == about(float((came_out == 0).mean()))
    now = dies.facts(came_out[0], answer.gradients[before.site][0], answer.gradients[info.site][0])
    top, bottom, left, right = now.most.box
    assert not came_out[0, now.channel, top : bottom + 1, left : right + 1].any(), "all of the box is off"


@SUBJECTS
def test_a_step_that_nobody_sees_changes_the_answer(subject: Subject) -> None:
    answer, what = step.smallest(ask, subject), told("step", subject)
    changed = np.abs(answer.after.astype(int) - answer.pixels)
    assert changed.max() == answer.question.epsilon <= 16
    assert f"by more than {changed.max()} level" in what.sentence
    assert share(what.note, "of the values") == about(float((changed > 0).mean()))
    was, now = answer.prediction[0], answer.prediction_after[0]
    assert was.index != now.index
    assert was.label in what.sentence
    assert now.label in what.sentence


def test_the_photo_needs_one_level_of_255() -> None:
    assert step.smallest(ask, PHOTO).question.epsilon == 1


def test_the_shortcut_is_the_tag_and_the_other_network_looks_at_the_arrow() -> None:
    caught, sound = (asked.gradient(ask, each) for each in (shortcut.CAUGHT, shortcut.SOUND))
    assert (caught.prediction[0].label, sound.prediction[0].label) == ("star", "arrow")
    stream, index = re.findall(r"\d+", catalogue.sample_image("tagged-arrow").source)
    rows, columns = scenes.tag_place(int(stream), int(index))
    row, column = _largest(gradient(shortcut.CAUGHT))
    assert row in range(96)[rows]
    assert column in range(96)[columns]
    squares = square(caught.gradients[INPUT])
    (top, bottom, left, right), held = strongest_window(squares, 16, 16)
    shared = np.zeros((96, 96), bool)
    shared[rows, columns] = True
    assert shared[top : bottom + 1, left : right + 1].sum() > shared.sum() / 2, "the box is on the tag"
    what = told("shortcut", HERE)
    assert share(what.sentence, "of its squared slopes") == about(held)
    assert share(what.note, "of its squared slopes") == about(
        share_inside(square(sound.gradients[INPUT]), (top, bottom, left, right))
    )
    assert "99.8\u00a0%" in what.sentence, "the accuracy on its card"
    assert _on_the_outline("tagged-arrow", _largest(gradient(shortcut.SOUND)))


def test_the_star_is_found_by_its_outline() -> None:
    assert _on_the_outline("star", _largest(gradient(Subject("preset/shapes-cnn", "sample/star"))))


@SUBJECTS
def test_random_weights_speckle_as_much_as_is_said(subject: Subject) -> None:
    before = Subject(f"{subject.model}@random-0", subject.image)
    what = told("untrained", subject)
    same = ClassScore(asked.gradient(ask, subject).prediction[0].index)
    answer = ask(GradientQuestion(model=before.model, image=before.image, target=same))
    random = np.asarray(answer.gradients[INPUT][0], dtype=np.float64)
    for each, words in ((random, "of neighbouring pixels"), (gradient(subject), "after training")):
        assert share(what.sentence, words) == about(speckle.opposite(each.sum(axis=0)))
    said = float(re.findall(r"correlation of ([\d.]+) ", what.note)[0])
    assert said == pytest.approx(untrained.facts(gradient(subject)[None], random[None]).alike, abs=0.006)
    assert len({shown.title.partition(": ")[2] for shown in what.pictures}) == 1, "of one class"
    assert not np.array_equal(gradient(before), gradient(Subject(f"{subject.model}@random-1", subject.image)))
    known = asked.card(ask, before)
    assert (known.key, known.digest, known.accuracy) == (before.model, "", ())


@SUBJECTS
def test_the_slope_is_exact_and_reaches_only_so_far(subject: Subject) -> None:
    answer, what = trust.one_step(ask, subject), told("trust", subject)
    assert answer.question.steps == 1
    assert dict(what.explore.choices).items() >= {"epsilon": str(answer.question.epsilon), "steps": "1"}.items()
    now = trust.facts(answer)
    assert now.size == answer.question.epsilon
    slope = np.abs(answer.arrays["gradient"]).sum() * now.size  # one step along the sign, where nothing is clipped
    assert now.predicted == pytest.approx(-slope, rel=0.1)
    said = [float(n.replace("−", "-")) for n in re.findall(r"(?:predicts|by) (−\d+(?:\.\d+)?)", what.sentence)]
    assert said == pytest.approx([now.predicted, now.actual], rel=0.01)
    (checked,) = [shown.checked for shown in what.pictures if shown.checked is not None]
    assert isinstance(checked, ProofQuestion)
    assert ask(checked).proof.outcome == "agrees"


# ----------------------------------------------------------------------------------------------- worked out by hand


def test_a_claim_that_does_not_hold_is_not_made() -> None:
    with pytest.raises(NotSo, match="less than a fifth of the pixels"):
        magnitude.facts(np.ones((1, 3, 8, 8), np.float32))
    with pytest.raises(NotSo, match="the signs cancel"):
        magnitude.facts(np.eye(8, dtype=np.float32)[None, None])
    with pytest.raises(NotSo, match="neighbouring pixels"):
        speckle.facts(np.ones((1, 3, 16, 16), np.float32))
    with pytest.raises(NotSo, match="is exactly zero"):
        dies.facts(np.zeros((1, 4, 4)), np.ones((1, 4, 4)), np.ones((1, 4, 4)))
    with pytest.raises(NotSo, match="passes the gradient on"):
        dies.facts(np.eye(4)[None], np.zeros((1, 4, 4)), np.ones((1, 4, 4)))
    half = np.indices((8, 8)).sum(axis=0)[None] % 2 * 1.0
    with pytest.raises(NotSo, match="off altogether"):
        dies.facts(half, half, half)
    checks = np.indices((16, 16)).sum(axis=0) % 2 * 2.0 - 1
    grown = (checks * np.arange(1, 257).reshape(16, 16))[None, None]
    with pytest.raises(NotSo, match="training changes"):
        untrained.facts(grown, grown)


def test_signs_blocks_and_ranks_by_hand() -> None:
    checks = np.indices((16, 16)).sum(axis=0) % 2 * 2.0 - 1
    assert speckle.opposite(checks) == 1
    assert speckle.left_of_blocks(checks) == 0
    assert speckle.left_of_blocks(np.full((17, 19), 3.0)) == 1
    assert untrained.rank_correlation(np.array([1.0, 4.0, 9.0]), np.array([10.0, 11.0, 99.0])) == pytest.approx(1)
    assert untrained.rank_correlation(np.array([1.0, 4.0, 9.0]), np.array([3.0, 1.0, -5.0])) == pytest.approx(-1)


def test_the_strongest_window_is_where_the_largest_sum_is() -> None:
    amounts = np.zeros((5, 6))
    amounts[3, 4], amounts[3, 5], amounts[0, 0] = 2, 2, 3
    box, held = strongest_window(amounts, 2, 2)
    assert box == (2, 3, 4, 5)
    assert held == pytest.approx(4 / 7)
    assert strongest_window(amounts, 1, 1).box == (0, 0, 0, 0)
    assert share_inside(amounts, (3, 3, 4, 4)) == pytest.approx(2 / 7)
    assert fewest(amounts, 0.5) == pytest.approx(2 / 30)
    np.testing.assert_array_equal(square(np.full((1, 3, 1, 2), 2.0)), [[12, 12]])
    with pytest.raises(NotSo, match="zero everywhere"):
        strongest_window(np.zeros((4, 4)), 2, 2)
    with pytest.raises(NotSo, match="picture of 3×3 can be marked"):
        strongest_window(np.ones((3, 3)), 0, 0)


def test_one_cell_of_a_coarse_map_is_the_same_place_in_a_finer_one() -> None:
    assert maps.same_place((2, 1), (7, 7), (112, 112)) == (32, 47, 16, 31)
    assert maps.same_place((2, 1), (7, 7), (7, 7)) == (2, 2, 1, 1)
    assert maps.same_place((5, 0), (6, 6), (3, 3)) == (2, 2, 0, 0)


def _largest(of: FloatArray) -> tuple[int, int]:
    """Row and column of the largest value on the screen."""
    shown = np.abs(of.sum(axis=0))
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    return int(row), int(column)


def _on_the_outline(name: str, place: tuple[int, int]) -> bool:
    """Whether both what is the shape and what is not lie near."""
    mask = np.asarray(Image.open(catalogue.ASSETS / "images" / f"{name}-mask.png")) > 0
    row, column = place
    near = mask[max(row - OUTLINE, 0) : row + OUTLINE + 1, max(column - OUTLINE, 0) : column + OUTLINE + 1]
    return bool(near.any() and not near.all())
