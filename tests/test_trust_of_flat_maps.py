"""What the tests with shuffled weights, noise and draws say where a map is the same everywhere, and of scales."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradviz_core.drawing import trust_figures, trust_words
from gradviz_core.types import Field, RandomisedAnswer
from pages.trust import weights
from tests.test_pages_trust import alike, randomised


def with_ranges(first: float, second: float, *, layer: int = 2) -> RandomisedAnswer:
    """Two maps without a rank correlation; where nothing is left of the other it is zero."""
    one = alike(randomised(layer=layer), np.nan)
    numbers = {"ranges": np.array([first, second]), "largest": np.array([2.0, second])}
    return replace(one, arrays=dict(one.arrays) | numbers)


def test_the_caption_says_where_the_curve_has_no_ranks_and_speaks_of_signs_where_there_are_some() -> None:
    whole, gone = alike(randomised(layer=2), 0.9), with_ranges(2.0, 0.0)
    assert "everywhere" not in trust_words.curve([whole], 3, 3, False).sentence
    said = trust_words.curve([whole, gone], 3, 3, False).sentence
    assert said.endswith(
        "Magnitudes leave out the sign. With 2 layers shuffled the map is zero everywhere, so no similarity is drawn "
        "there."
    )
    unsigned = replace(gone, question=replace(gone.question, view="magnitude_l2"))
    assert "sign" not in trust_words.curve([unsigned, unsigned], 3, 3, False).sentence
    gone_too = with_ranges(2.0, 0.0, layer=3)
    said = trust_words.curve([alike(randomised(layer=1), 0.9), gone, gone_too], 3, 3, False).sentence
    assert "With 2 or more layers shuffled the map is zero everywhere" in said
    back = alike(randomised(layer=3), 0.9)
    earlier = with_ranges(2.0, 0.0, layer=1)
    said = trust_words.curve([earlier, gone, back], 3, 3, False).sentence
    assert "At 2 points, the first at layer 1, the map is zero everywhere" in said
    even = replace(gone, arrays=dict(gone.arrays) | {"largest": np.array([2.0, 0.5])})
    assert "the map is the same everywhere" in trust_words.curve([even], 3, 3, False).sentence
    assert list(trust_words.compared(unsigned.question).values()) == [
        trust_words.ALIKE["spearman"],
        "structural similarity (SSIM)",
    ]


def test_similarity_is_drawn_as_points_and_nothing_is_claimed_between_them() -> None:
    answers = [alike(randomised(layer=layer), 0.9 - layer / 10) for layer in (1, 2)]
    for trace in trust_figures.along_layers(answers, 1).data:
        assert (trace.mode, trace.line.dash) == ("lines+markers", "dot")
        assert trace.marker.size > 3 * trace.line.width
    assert "nothing is computed between them" in trust_words.curve(answers, 2, 3, False).sentence
    assert "nothing is computed between them" in trust_words.noise_curve(answers, (0, 0.1)).sentence


def test_the_chosen_number_of_layers_is_a_point_of_the_curve() -> None:
    assert weights.along(99, 1)[:4] == [0, 1, 4, 8]
    assert weights.along(99, 99)[-1] == 99
    assert weights.along(3, 2) == [0, 1, 2, 3]


def test_the_other_map_says_its_own_scale() -> None:
    field = Field(np.array([[-0.5, 0.25]]), True, "logit", 0.5)
    assert trust_words.other_map(randomised(layer=1), field).sentence.endswith("Its scale is its own: ±0.5 logit.")
    zero = Field(np.zeros((1, 2)), True, "logit", 0.0)
    assert "scale" not in trust_words.other_map(randomised(layer=1), zero).sentence


def test_a_map_of_which_nothing_is_left_is_not_praised() -> None:
    gone = with_ranges(2.0, 0.0)
    assert trust_words.of_weights(gone).good is None
    assert trust_words.of_weights(gone).sentence.endswith("it is zero everywhere.")
    assert trust_words.of_weights(gone).sentence.startswith("With these weights shuffled, nothing is left of this map")
    assert trust_words.of_noise(gone).good is False
    assert trust_words.of_draw(gone).sentence.startswith("With another draw, nothing is left")


@pytest.mark.parametrize(
    ("ranges", "starts"),
    [
        ((0.0, 0.0), "Both maps are the same everywhere"),
        ((0.0, 1.0), "This map is the same everywhere"),
        ((1.0, np.nan), "The two maps cannot be compared"),
        ((np.nan, 0.0), "The two maps cannot be compared"),
        ((0.0, np.nan), "The two maps cannot be compared"),
        ((1.0, 1.0), "The two maps cannot be compared"),
    ],
)
def test_no_verdict_on_a_map_that_was_flat_before_or_is_not_finite(ranges: tuple[float, float], starts: str) -> None:
    answer = with_ranges(*ranges)
    for verdict in (trust_words.of_weights(answer), trust_words.of_noise(answer), trust_words.of_draw(answer)):
        assert verdict.sentence.startswith(starts)
        assert verdict.good is None
