"""Captions say what is differentiated, by what, reduced how, in which unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.outlines import Box
from gradviz_core.types import (
    INPUT,
    ChannelMean,
    ClassDifference,
    ClassScore,
    CrossEntropy,
    Layout,
    MethodName,
    Site,
    SiteInfo,
    SiteSum,
    Target,
    Unit,
)
from gradviz_core.types.cards import Preprocessing

LABELS = ("circle", "star", "4", "a_b{c}")
RELU = SiteInfo(Site("layer2.0.relu", 1), "ReLU", (1, 128, 28, 28), "float32", "maps", calls=2)
FIELD = fields.field(np.linspace(-1, 1, 400).reshape(20, 20), signed=True, unit="logit per normalised-pixel unit")


SHEET = " at each spatial position, the slices in order from left to right, row by row"


@pytest.mark.parametrize(
    ("target", "words", "symbol", "unit"),
    [
        (ClassScore(), "the logit of the predicted class", r"z_{\text{predicted}}", "logit"),
        (ClassScore(1), "the logit of star (1)", r"z_{\text{star}}", "logit"),
        (ClassScore(1, "probability"), "the probability of star (1)", r"p_{\text{star}}", "probability"),
        (ClassScore(2, "log_probability"), "the log-probability of 4 (2)", r"\log p_{2}", "nat"),
        (ClassScore(3), "the logit of a_b{c} (3)", "z_{3}", "logit"),
        (ClassDifference(0, 1), "the logit of circle (0) minus the logit of star (1)", "circle", "logit"),
        (CrossEntropy(1), "the cross-entropy loss for star (1)", r"-\log p", "nat"),
        (Unit(Site("a"), (1, 2, 3)), "unit (1, 2, 3) of a", "a_{1,2,3}", "activation"),
        (Unit(Site("a"), (2, 3)), "unit (2, 3) of a", "a_{2,3}", "activation"),
        (ChannelMean(Site("a"), 4), "the mean of channel 4 of a", r"\bar a_{4}", "activation"),
        (SiteSum(Site("a")), "the sum of a", r"\sum", "activation"),
    ],
)
def test_every_target_has_words_a_symbol_and_a_unit(target: Target, words: str, symbol: str, unit: str) -> None:
    assert captions.score_words(target, LABELS) == words
    assert symbol in captions.score_symbol(target, LABELS)
    assert captions.score_unit(target) == unit


def test_units_of_gradients() -> None:
    assert captions.gradient_unit(ClassScore(1), INPUT) == "logit per normalised-pixel unit"
    assert captions.gradient_unit(ClassScore(1), RELU.site) == "logit per unit of activation"
    assert captions.gradient_unit(ClassScore(1), INPUT, "gradient_x_input") == "logit"


def test_units_of_maps() -> None:
    for target, unit in ((ClassScore(1), "logit"), (CrossEntropy(1), "nat"), (Unit(Site("a"), (1,)), "activation")):
        assert captions.map_unit("activation", target, RELU.site) == "activation"
        assert captions.map_unit("gradient", target, RELU.site) == f"{unit} per unit of activation"
        assert captions.map_unit("product", target, RELU.site) == unit


def test_the_share_beyond_a_scale_is_told_in_per_cent() -> None:
    field = replace(FIELD, limit=0.125, clipped=0.01)
    assert captions.scale_text(field) == "linear scale, ±0.125, 1\N{NO-BREAK SPACE}% of the values are clipped"
    field = replace(FIELD, signed=False, limit=0.125, clipped=0.256)
    assert captions.scale_text(field) == "linear scale, 0 to 0.125, 26\N{NO-BREAK SPACE}% of the values are clipped"
    assert captions.scale_text(replace(field, clipped=0.0)) == "linear scale, 0 to 0.125"


def test_a_saliency_caption_reads_aloud() -> None:
    caption = captions.saliency(
        ClassScore(1), LABELS, method="gradient", reduction="signed_sum", field=FIELD, shape=(1, 3, 96, 96)
    )
    assert caption.sentence.startswith(
        "How the logit of star (1) changes with each pixel: signed sum over the 3 channels. Red"
    )
    assert caption.formula == r"\sum_c \frac{\partial z_{\text{star}}}{\partial x_{c,i,j}}"
    assert caption.facts[0] == "the input, 3×96×96, normalised"
    assert "logit per normalised-pixel unit" in caption.alt
    assert "% of the values are clipped" in caption.facts[2]


def test_gradient_times_input_says_so_in_words_and_in_the_formula() -> None:
    caption = captions.saliency(
        ClassScore(1), LABELS, method="gradient_x_input", reduction="magnitude_l2", field=FIELD, shape=(1, 1, 28, 28)
    )
    assert "each pixel, times the input: L2 norm over the" in caption.sentence
    assert r"x_{c,i,j}\,\frac" in caption.formula


def test_sites_are_named_by_the_author_with_their_call_and_shape() -> None:
    assert captions.site_text(RELU) == "layer2.0.relu, second call · ReLU · 128×28×28"


def test_a_sheet_that_was_averaged_says_so() -> None:
    exact = captions.feature_maps("product", ClassScore(1), LABELS, RELU, FIELD)
    coarse = captions.feature_maps("product", ClassScore(1), LABELS, RELU, FIELD, block=4)
    assert "each cell is the mean of 4×4 positions" in coarse.facts
    assert not any("mean" in fact for fact in exact.facts)


@pytest.mark.parametrize(
    ("layout", "shape", "each", "one", "here", "where"),
    [
        ("maps", (1, 8, 4, 5), "a_{k,i,j}", "a_{3,i,j}", "a_{k,1,2}", " at each spatial position"),
        ("maps_last", (1, 4, 5, 8), "a_{i,j,k}", "a_{i,j,3}", "a_{1,2,k}", " at each spatial position"),
        ("tokens", (1, 9, 8), "a_{t,k}", "a_{t,3}", "a_{1,k}", " at each token"),
        ("sequence", (1, 8, 9), "a_{k,i}", "a_{3,i}", "a_{k,1}", " at each position"),
        ("volumes", (1, 8, 2, 4, 5), "a_{k,d,i,j}", "a_{3,d,i,j}", "a_{k,0,1,2}", SHEET),
        ("volumes_last", (1, 2, 4, 5, 8), "a_{d,i,j,k}", "a_{d,i,j,3}", "a_{0,1,2,k}", SHEET),
        ("vector", (1, 8), "a_{k}", "a_{3}", "a_{k}", ""),
        ("other", (1, 2, 4), "a_{k}", "a_{3}", "a_{k}", ""),
    ],
)
def test_numbers_of_a_site_are_written_with_the_axes_it_has(
    layout: Layout, shape: tuple[int, ...], each: str, one: str, here: str, where: str
) -> None:
    info = SiteInfo(Site("fc"), "Linear", shape, "float32", layout)
    places: dict[str, tuple[int, ...]] = {"maps": (1, 2), "tokens": (1,), "sequence": (1,), "volumes": (0, 1, 2)}
    place = places.get(layout.removesuffix("_last"), ())
    for kind in ("gradient", "product"):
        assert f"\\partial {each}}}" in captions.feature_maps(kind, ClassScore(1), LABELS, info, FIELD).formula
    all_of_them = captions.feature_maps("activation", ClassScore(1), LABELS, info, FIELD)
    assert (all_of_them.formula, all_of_them.sentence) == (
        each,
        f"Activation of each {captions.channel_word(info)} of fc{where}.",
    )
    assert captions.activation(info, 3, FIELD).formula == one
    assert captions.activation(info, 3, FIELD).sentence.endswith(f" 3 of fc{where}.")
    assert f"\\partial {here}}}" in captions.gallery(info, place, "", FIELD, cut=None, why="").formula


@pytest.mark.parametrize(
    ("solid", "dashed", "said", "unsaid"),
    [
        ((0, 6, 0, 6), (1, 5, 1, 5), ("Solid box: the receptive field.", "Dashed box: at least 95 %"), "the same"),
        (
            (0, 6, 0, 6),
            (0, 6, 0, 6),
            (
                "Solid box: the receptive field.",
                "at least 95 % of the gradient's magnitude coincides with it.",
            ),
            "Dashed",
        ),
        ((0, 6, 0, 6), None, ("Solid box: the receptive field.",), "95 %"),
        (None, (1, 5, 1, 5), ("Dashed box: at least 95 %",), "Solid"),
    ],
)
def test_the_boxes_that_are_drawn_are_told(
    solid: Box | None, dashed: Box | None, said: tuple[str], unsaid: str
) -> None:
    unit = Unit(RELU.site, (1, 2, 3))
    sentence = captions.unit_gradient(unit, RELU, FIELD, input_shape=(1, 3, 9, 9), solid=solid, dashed=dashed).sentence
    assert all(words in sentence for words in said)
    assert unsaid not in sentence


def test_numbers_are_short_and_their_minus_is_a_minus() -> None:
    assert captions.number_text(-0.123456) == "−0.123"
    assert captions.number_text(-0.0) == "0"
    assert captions.count_text(11_689_512) == "11.7 M"
    assert (captions.time_text(41.4), captions.time_text(1540)) == ("41 ms", "1.5 s")


def test_shares_counts_and_times_where_their_form_changes() -> None:
    shares = [captions.share_text(share) for share in (0, 4e-4, 5e-4, 0.004, 0.982, 0.9994, 0.9995, 1)]
    assert [share.replace("\N{NO-BREAK SPACE}", " ") for share in shares] == [
        "0.0 %",
        "< 0.1 %",
        "0.1 %",
        "0.4 %",
        "98.2 %",
        "99.9 %",
        "> 99.9 %",
        "100.0 %",
    ]
    counts = [captions.count_text(count) for count in (999, 1000, 194_000, 10**6, 2_500_000_000)]
    assert counts == ["999", "1 k", "194 k", "1 M", "2.5 G"]
    assert [captions.time_text(time) for time in (999, 1000, 9_940)] == ["999 ms", "1.0 s", "9.9 s"]


def test_the_rows_and_columns_round_a_pixel_are_counted_from_the_first_to_the_last() -> None:
    near = captions.near((5, 7), replace(FIELD, values=FIELD.values[:4]))
    assert "around the chosen one: rows 5 to 8, columns 7 to 26." in near.sentence
    assert near.facts[0] == "logit per normalised-pixel unit"
    assert captions.first_of(3, 3) == ()
    assert captions.first_of(3, 4000) == ("the first 3 of 4,000",)


@pytest.mark.parametrize(
    ("target", "times", "signed", "said"),
    [
        (
            ClassScore(1),
            False,
            True,
            "Red: increasing the value there increases the score; blue: it decreases the score.",
        ),
        (
            CrossEntropy(1),
            False,
            True,
            "Red: increasing the value there increases the loss; blue: it decreases the loss.",
        ),
        (CrossEntropy(1), False, False, "Bright: a small change there changes the loss a lot; dark: only a little."),
        (
            ClassScore(1),
            True,
            True,
            "Red: value times gradient is positive, which adds to the score; blue: it is negative.",
        ),
        (ClassScore(1), True, False, "Bright: value times gradient is large in magnitude; dark: small."),
    ],
)
def test_what_the_colours_mean(target: Target, times: bool, signed: bool, said: str) -> None:
    field = replace(FIELD, signed=signed)
    method: MethodName = "gradient_x_input" if times else "gradient"
    caption = captions.saliency(target, LABELS, method=method, reduction="signed_sum", field=field, shape=(1, 3, 9, 9))
    assert caption.sentence.endswith(said)


def test_what_the_network_sees_is_told_in_the_order_of_its_channels() -> None:
    steps = Preprocessing((224, 200), 256, (0.1, 0.2, 0.3), (0.25, 0.5, 1.0))
    assert captions.seen(steps).facts == (
        "224×200 RGB",
        "shorter side resized to 256, centre crop to 224×200: the rest is cut off",
        "mean 0.1, 0.2, 0.3",
        "standard deviation 0.25, 0.5, 1: the part of the range from black to full colour that is one "
        "normalised-pixel unit, in each channel",
    )
    turned = replace(steps, resize=None, channels="bgr")
    assert captions.channel_names(steps) == captions.channel_names(turned)[::-1] == ("red", "green", "blue")
    assert "resized to 224×200: a picture of other proportions is squeezed" in captions.seen(turned).facts
    assert "channels in the order blue, green, red" in captions.seen(turned).facts
    grey = replace(turned, mean=(0.5,), std=(0.5,))
    assert captions.channel_names(grey) == ("grey",)
    assert captions.seen(grey).facts[0] == "224×200 grey"
    assert not any("order" in fact for fact in captions.seen(grey).facts)


@pytest.mark.parametrize(
    ("size", "resize", "upright", "said"),
    [
        ((96, 96), 96, (96, 96), ""),
        ((96, 96), 96, (0, 0), ""),
        ((96, 96), None, (300, 400), ""),
        ((224, 224), 224, (280, 280), ""),
        ((96, 96), 96, (300, 400), "Cropped to the middle: 25\u00a0% of the width is not seen."),
        ((224, 224), 224, (1000, 78), "Cropped to the middle: 92\u00a0% of the height is not seen."),
        (
            (224, 224),
            256,
            (400, 600),
            "Cropped to the middle: 12\u00a0% of the height and 42\u00a0% of the width are not seen.",
        ),
        ((300, 300), 224, (224, 224), ""),
    ],
)
def test_how_much_of_a_picture_is_cut_away_is_computed(
    size: tuple[int, int], resize: int | None, upright: tuple[int, int], said: str
) -> None:
    assert captions.cropped(Preprocessing(size, resize, (0.5,) * 3, (0.5,) * 3), upright) == said
