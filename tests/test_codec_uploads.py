"""What is said of uploads survives the wire, and a recipe that breaks a rule is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradviz_core.errors import BadModel, ComputeError
from gradviz_core.text import preprocessing_limits
from gradviz_core.text.codec import (
    image_report_from_json,
    image_report_to_json,
    labels_from_json,
    labels_to_json,
    model_report_from_json,
    model_report_to_json,
    recipe_from_json,
    recipe_to_json,
)
from gradviz_core.types.cards import MOST_SLICES, Fit, ImageReport, ModelReport, Preprocessing, Recipe
from gradviz_core.types.heads import OutputKind

RELAXED = settings(deadline=None, max_examples=60)

TEXT = st.text(max_size=40)
LINE = TEXT.filter(str.isprintable)
SIDE = st.integers(1, preprocessing_limits.LARGEST_SIDE)
COUNT = st.integers(0, 2**31)
MEANS = st.floats(-preprocessing_limits.LARGEST_MEAN, preprocessing_limits.LARGEST_MEAN)
STDS = st.floats(preprocessing_limits.SMALLEST_STD, preprocessing_limits.LARGEST_MEAN)


def channels(count: int) -> st.SearchStrategy[Preprocessing]:
    return st.builds(
        Preprocessing,
        st.tuples(SIDE, SIDE),
        st.none() | SIDE,
        st.tuples(*[MEANS] * count),
        st.tuples(*[STDS] * count),
        st.sampled_from(["bilinear", "bicubic", "nearest", "box"]),
        st.sampled_from(["rgb", "bgr"]),
    )


SLICES = st.builds(
    lambda steps, slices, first: replace(steps, size=(32, 40), slices=slices, slices_first=first),
    channels(1) | channels(3),
    st.integers(1, MOST_SLICES),
    st.booleans(),
)
STEPS = channels(1) | channels(3) | SLICES
RECIPES = st.builds(Recipe, LINE, LINE, LINE, st.lists(LINE, max_size=4).map(tuple), STEPS)
OF_TWO = st.builds(replace, RECIPES, inputs=st.just(("before", "after")), other=STEPS)
FITS = st.builds(Fit, TEXT, COUNT, COUNT, COUNT, STEPS)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
IMAGE_REPORTS = st.builds(ImageReport, TEXT, COUNT, COUNT, TEXT, TEXTS)
MODEL_REPORTS = st.builds(
    ModelReport,
    TEXT,
    st.sampled_from(["exported", "state_dict", "safetensors"]),
    COUNT,
    st.lists(FITS, max_size=2).map(tuple),
    st.lists(st.none() | COUNT, max_size=4).map(tuple),
    st.none() | COUNT,
    st.none() | STEPS,
    TEXTS,
)
PLAIN = Recipe("0" * 64, "torchvision/resnet18", "Mine", ("cat", "dog"), Preprocessing((8, 8), None, (0.5,), (0.25,)))


@RELAXED
@given(RECIPES | OF_TWO)
def test_a_recipe_comes_back_equal_and_has_one_text(recipe: Recipe) -> None:
    text = recipe_to_json(recipe)
    assert recipe_from_json(text) == recipe
    assert recipe_to_json(recipe_from_json(text.encode())) == text
    assert text.isascii()


def test_a_whole_number_and_its_float_are_one_recipe() -> None:
    whole = replace(PLAIN, preprocessing=Preprocessing((8, 8), None, (0,), (1,)))
    assert recipe_to_json(whole) == recipe_to_json(recipe_from_json(recipe_to_json(whole)))


def test_the_text_of_a_recipe_is_stable() -> None:
    """Addresses hold its digest: where this text changes, every shared link to an uploaded model breaks."""
    assert recipe_to_json(PLAIN) == (
        '{"architecture":"torchvision/resnet18","file":"' + "0" * 64 + '","labels":["cat","dog"],"preprocessing":'
        '{"channels":"rgb","interpolation":"bilinear","mean":[0.5],"resize":null,"size":[8,8],"std":[0.25]},'
        '"title":"Mine"}'
    )


def test_which_weights_of_a_file_are_meant_is_part_of_a_recipe() -> None:
    chosen = replace(PLAIN, part="state_dict/student.")
    assert recipe_from_json(recipe_to_json(chosen)) == chosen
    assert "part" not in recipe_to_json(PLAIN), "an older recipe keeps its name"
    with pytest.raises(BadModel, match="cannot be used"):
        recipe_to_json(replace(PLAIN, part="a\nb"))


@pytest.mark.parametrize("reading", get_args(OutputKind))
def test_what_the_numbers_mean_is_part_of_a_recipe(reading: OutputKind) -> None:
    recipe = replace(PLAIN, reading=reading)
    assert recipe_from_json(recipe_to_json(recipe)) == recipe
    assert f'"reading":"{reading}"' in recipe_to_json(recipe)


def test_a_recipe_kept_before_there_were_kinds_is_read_and_an_unknown_kind_is_refused() -> None:
    text = recipe_to_json(PLAIN)
    assert "reading" not in text
    assert recipe_from_json(text) == PLAIN
    assert recipe_from_json(text.replace('"title"', '"reading":null,"title"')) == PLAIN
    with pytest.raises(BadModel, match="reading"):
        recipe_from_json(text.replace('"title"', '"reading":"logits","title"'))


@RELAXED
@given(IMAGE_REPORTS, MODEL_REPORTS, TEXTS)
def test_reports_and_labels_come_back_equal(image: ImageReport, model: ModelReport, labels: tuple[str, ...]) -> None:
    assert image_report_from_json(image_report_to_json(image)) == image
    assert model_report_from_json(model_report_to_json(model)) == model
    assert labels_from_json(labels_to_json(labels)) == labels


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"key": 1}', "[1]", '["a", null]', "[" * 100_000])
def test_what_is_no_report_is_refused(text: str) -> None:
    for read in (image_report_from_json, model_report_from_json):
        with pytest.raises(ComputeError, match="runs another version of GradViz"):
            read(text)
    if text != "[]":
        with pytest.raises(ComputeError, match="runs another version of GradViz"):
            labels_from_json(text)


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"mean": (float("nan"),)}, "The mean nan is not possible: it must be a number from -1000 to 1000"),
    ({"mean": (1e30,)}, "The mean 1e+30 is not possible"),
    ({"mean": (-1e30,)}, "The mean -1e+30 is not possible"),
    ({"std": (0.0,)}, "The standard deviation 0 is not possible: it must be a number from 0.0001 to 1000"),
    ({"std": (-1.0,)}, "The standard deviation -1 is not possible"),
    ({"std": (float("inf"),)}, "The standard deviation inf is not possible"),
    ({"std": (1.0, 1.0)}, "There are 1 means and 2 standard deviations"),
    ({"mean": (), "std": ()}, "There are 0 means and 0 standard deviations"),
    ({"size": (0, 8)}, "The size 0 is not possible: every side has 1 to 4,096 pixels"),
    ({"size": (8, 5000)}, "The size 5000 is not possible"),
    ({"resize": -1}, "The size -1 is not possible"),
    ({"size": (8, 10**4000)}, "The size 10000000000"),
]


@pytest.mark.parametrize(("change", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_impossible_preprocessing_is_refused(change: dict[str, Any], says: str) -> None:
    recipe = replace(PLAIN, preprocessing=replace(PLAIN.preprocessing, **change))
    with pytest.raises(BadModel) as caught:
        recipe_to_json(recipe)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": "x" * 301}, "cannot be used: a title or label is one line of at most 300 characters"),
        ({"labels": ("cat", "do\ng")}, r"The text 'do\\ng' cannot be used"),
        ({"labels": ("\u202ecat",)}, "cannot be used"),
        ({"labels": ("\ud800",)}, "cannot be used"),
        ({"labels": ("a",) * 30_001}, "There are 30,001 labels; the limit is 30,000"),
    ],
)
def test_impossible_texts_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadModel, match=says):
        recipe_to_json(replace(PLAIN, **change))


GOOD = json.loads(recipe_to_json(PLAIN))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The recipe cannot be read"),
        ("[" * 100_000, "The recipe cannot be read"),
        ("x" * 8_000_001, "The recipe is 8,000,001 characters long; the limit is 8,000,000"),
        (json.dumps(GOOD | {"more": 1}), r"The recipe cannot be read: more: Unexpected keyword argument"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "file"}), "The recipe cannot be read: file: Field required"),
        (
            json.dumps(GOOD | {"reading": "logits"}),
            "The recipe cannot be read: reading: Input should be 'softmax_logits'",
        ),
        (json.dumps(GOOD | {"title": 1}), "The recipe cannot be read: title: Input should be a valid string"),
        (json.dumps(GOOD | {"labels": "cat"}), "The recipe cannot be read: labels"),
        (
            json.dumps(GOOD | {"preprocessing": GOOD["preprocessing"] | {"size": [1, 2, 3]}}),
            r"The recipe cannot be read: preprocessing\.size: Tuple should have at most 2 items",
        ),
        (
            json.dumps(GOOD | {"preprocessing": GOOD["preprocessing"] | {"interpolation": "lanczos"}}),
            r"preprocessing\.interpolation: Input should be 'bilinear', 'bicubic', 'nearest' or 'box'",
        ),
    ],
)
def test_hostile_recipes_are_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(BadModel, match=says) as caught:
        recipe_from_json(text)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@given(st.text())
def test_no_text_gets_further_than_a_model_error(text: str) -> None:
    with pytest.raises(BadModel):
        recipe_from_json(text)
