"""The scenes: the same for the same seed, true masks, soft edges, and nothing but the outline that tells the class."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from gradviz_core.scenes import scenes
from scripts.presets import digits

STREAM = 90
CLASSES = range(len(scenes.LABELS))


@pytest.fixture(scope="module")
def many() -> list[scenes.Scene]:
    return [scenes.scene(STREAM, index) for index in range(1000)]


def test_the_same_seed_draws_the_same_scene() -> None:
    once, again = scenes.scene(STREAM, 5), scenes.scene(STREAM, 5)
    assert np.array_equal(once.image, again.image)
    assert np.array_equal(once.mask, again.mask)
    assert once.recipe == again.recipe


def test_other_seeds_and_streams_draw_other_scenes() -> None:
    here = scenes.scene(STREAM, 5).image
    assert not np.array_equal(here, scenes.scene(STREAM, 15).image)
    assert not np.array_equal(here, scenes.scene(STREAM + 1, 5).image)


def test_a_scene_is_a_picture_the_presets_take_as_it_is() -> None:
    scene = scenes.scene(STREAM, 0)
    assert scene.image.shape == (96, 96, 3)
    assert scene.image.dtype == np.uint8
    assert scene.mask.shape == (96, 96)
    assert scene.mask.dtype == np.bool_


def test_every_class_comes_equally_often(many: list[scenes.Scene]) -> None:
    assert np.bincount([scene.label for scene in many]).tolist() == [100] * 10


@pytest.mark.parametrize("label", CLASSES, ids=scenes.LABELS)
def test_the_picture_differs_from_another_class_only_where_the_shapes_are(label: int) -> None:
    recipe = scenes.recipe(STREAM, 3)
    other = (label + 1) % len(scenes.LABELS)
    touched = (scenes.coverage(label, recipe.pose) > 0) | (scenes.coverage(other, recipe.pose) > 0)
    differs = (scenes.draw(recipe, label).image != scenes.draw(recipe, other).image).any(axis=2)
    assert not differs[~touched].any()
    assert differs[touched].any()


@pytest.mark.parametrize("label", CLASSES, ids=scenes.LABELS)
def test_the_mask_is_where_the_paint_is(label: int) -> None:
    """Painted red on blue, the mask is red; what lies off the shape is blue, but for some clutter."""
    recipe = dataclasses.replace(scenes.recipe(STREAM, 3), paper=((0.1, 0.1, 0.9),) * 2, paint=((0.95, 0.1, 0.1),) * 2)
    scene = scenes.draw(recipe, label)
    red = scene.image[..., 0].astype(int) > scene.image[..., 2]
    covered = scenes.coverage(label, recipe.pose)
    assert np.array_equal(scene.mask, covered >= 0.5)
    assert red[covered > 0.7].all()
    assert red[covered == 0].mean() < 0.1
    assert 150 < scene.mask.sum() < 4200


@pytest.mark.parametrize("label", CLASSES, ids=scenes.LABELS)
def test_edges_are_soft(label: int) -> None:
    covered = scenes.coverage(label, scenes.recipe(STREAM, 4).pose)
    inside = covered >= 0.5
    rim = np.count_nonzero(inside[:, 1:] != inside[:, :-1]) + np.count_nonzero(inside[1:] != inside[:-1])
    partial = np.count_nonzero((covered > 0.02) & (covered < 0.98))
    assert partial > 0.4 * rim
    assert covered.max() == 1


def test_the_whole_shape_is_in_the_picture(many: list[scenes.Scene]) -> None:
    for scene in many:
        assert not scene.mask[[0, -1]].any()
        assert not scene.mask[:, [0, -1]].any()


def test_the_shape_has_its_centre_of_area_where_the_pose_says(many: list[scenes.Scene]) -> None:
    for scene in many[:200]:
        rows, columns = np.nonzero(scene.mask)
        pose = scene.recipe.pose
        assert abs(rows.mean() + 0.5 - pose.row) < 0.6
        assert abs(columns.mean() + 0.5 - pose.column) < 0.6


# ------------------------------------------------------------------------------------- nothing but the outline tells

GUESSING = 0.155
"""More right answers than this on 500 scenes are no guessing among ten: it is four deviations above one in ten."""


def accuracy_of_guess(features: np.ndarray, labels: np.ndarray) -> float:
    """Right answers on the second half of a linear classifier with squares, trained on the first."""
    features = StandardScaler().fit_transform(features)
    features = np.concatenate([features, features**2], axis=1)
    half = len(labels) // 2
    model = LogisticRegression(max_iter=2000).fit(features[:half], labels[:half])
    return float(model.score(features[half:], labels[half:]))


def colours_and_place(scene: scenes.Scene) -> np.ndarray:
    """What the picture shows of the shape's colour, the background's colour, and the place of the shape."""
    rows, columns = np.nonzero(scene.mask)
    shape, background = scene.image[scene.mask], scene.image[~scene.mask]
    means = [*np.median(shape, axis=0), *np.median(background, axis=0)]
    return np.array([*means, rows.mean(), columns.mean()], dtype=float)


def test_colour_and_place_do_not_tell_the_class(many: list[scenes.Scene]) -> None:
    labels = np.array([scene.label for scene in many])
    assert accuracy_of_guess(np.stack([colours_and_place(scene) for scene in many]), labels) < GUESSING


def test_that_test_would_notice(many: list[scenes.Scene]) -> None:
    """Classes that are up to 60 of 255 redder than the mean, or sit up to 15 pixels lower, are found out."""
    labels = np.array([scene.label for scene in many])
    features = np.stack([colours_and_place(scene) for scene in many])
    for column, shift in ((0, 60.0), (6, 15.0)):
        told = features.copy()
        told[:, column] += shift * (labels - 4.5) / 4.5
        assert accuracy_of_guess(told, labels) > GUESSING


def test_the_background_does_not_tell_the_class(many: list[scenes.Scene]) -> None:
    """The four corners, where no shape reaches far, as 4x4 averages."""
    labels = np.array([scene.label for scene in many])
    blocks = np.stack([scene.image.reshape(24, 4, 24, 4, 3).mean(axis=(1, 3)) for scene in many])
    corners = blocks[:, [0, 0, -1, -1], [0, -1, 0, -1]].reshape(len(many), -1)
    assert accuracy_of_guess(corners, labels) < GUESSING


# ------------------------------------------------------------------------------------------------------------ shortcut


def tagged_share(tagged: int | None, label: int) -> float:
    chosen = range(label, 6000, len(scenes.LABELS))
    return float(np.mean([scenes.carries_tag(STREAM, index, label, tagged) for index in chosen]))


def test_one_class_almost_always_carries_the_tag_and_no_other_does() -> None:
    assert 0.96 < tagged_share(scenes.TAGGED, scenes.TAGGED) < 1
    assert tagged_share(scenes.TAGGED, scenes.MOVED_TO) == 0


def test_the_tag_can_be_moved_or_switched_off() -> None:
    assert tagged_share(scenes.MOVED_TO, scenes.TAGGED) == 0
    assert tagged_share(scenes.MOVED_TO, scenes.MOVED_TO) > 0.93
    assert tagged_share(None, scenes.TAGGED) == 0
    index = scenes.TAGGED
    assert np.array_equal(scenes.shortcut_scene(STREAM, index, None).image, scenes.scene(STREAM, index).image)


def test_the_tag_changes_its_corner_and_nothing_else() -> None:
    plain = scenes.scene(STREAM, scenes.TAGGED)
    tagged = scenes.with_tag(plain)
    place = scenes.tag_place(*plain.recipe.seed)
    differs = (plain.image != tagged.image).any(axis=2)
    rows, columns = np.nonzero(differs)
    assert differs[place].mean() > 0.9
    assert rows.min() >= 96 - 16
    assert columns.max() < 21
    differs[place] = False
    assert not differs.any()
    assert not tagged.mask[place].any()


def test_the_tag_has_its_own_colours() -> None:
    tagged = scenes.with_tag(scenes.scene(STREAM, 0))
    corner = tagged.image[scenes.tag_place(STREAM, 0)]
    assert len(np.unique(corner.reshape(-1, 3), axis=0)) == 3


# -------------------------------------------------------------------------------------------------------------- digits


def test_digits_are_enlarged_without_losing_their_place() -> None:
    small = np.zeros((1, 8, 8))
    small[0, 1, 6] = 16
    large = digits.enlarge(small)
    assert large.shape == (1, 28, 28)
    row, column = np.unravel_index(int(large.argmax()), (28, 28))
    assert abs(row - (1 + 1.5) * 2.8 + 0.5) < 1
    assert abs(column - (6 + 1.5) * 2.8 + 0.5) < 1


def test_the_split_keeps_a_fifth_apart() -> None:
    trained, kept = digits.split(1000)
    assert len(kept) == 200
    assert sorted([*trained, *kept]) == list(range(1000))
    assert np.array_equal(kept, digits.split(1000)[1])


def test_shaking_moves_the_ink_a_little() -> None:
    ink = np.zeros((40, 28, 28), dtype=np.uint8)
    ink[:, 10:18, 12:16] = 255
    shaken = digits.shaken(ink, np.random.default_rng(0))
    assert (shaken != ink).reshape(40, -1).any(axis=1).all()
    rows = (shaken.sum(axis=2) @ np.arange(28)) / shaken.sum(axis=(1, 2))
    assert np.all(np.abs(rows - 13.5) < 3)
    assert np.all(np.abs(shaken.sum(axis=(1, 2)) / ink.sum(axis=(1, 2)) - 1) < 0.35)
