"""What has no place on a logarithmic scale is drawn at its ends and named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradviz_core.drawing import log_scale
from gradviz_core.drawing.log_scale import LogScale, norm_text, odd_marks


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.4, 2.5, [0.5, 1.0, 2.0]),
        (0.5, 200.0, [1.0, 10.0, 100.0]),
        (1e-5, 3.0, [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0]),
        (1e-30, 1.0, [1e-30, 1e-25, 1e-20, 1e-15, 1e-10, 1e-5, 1.0]),
        (3.0, 3.1, [3.0, 3.1]),
        (4.1, 8.2, [6.0, 8.0]),
        (1.2, 1.9, [1.2, 1.4, 1.6, 1.8]),
        (3.01, 3.02, [3.01, 3.02]),
    ],
)
def test_a_logarithmic_axis_has_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert log_scale.log_ticks(low, high) == pytest.approx(ticks)


def test_ticks_can_be_read() -> None:
    assert [log_scale.tick_text(v) for v in (100.0, 0.01, 1e-7, 1e5, 5e5, 0.5, 12 * 10.0**-1, 1.4e-5)] == [
        "100",
        "0.01",
        "10<sup>−7</sup>",
        "10<sup>5</sup>",
        "5·10<sup>5</sup>",
        "0.5",
        "1.2",
        "1.4·10<sup>−5</sup>",
    ]


@given(st.floats(1e-30, 1e30), st.floats(1e-3, 6))
def test_no_two_ticks_say_the_same(low: float, decades: float) -> None:
    said = [log_scale.tick_text(tick) for tick in log_scale.log_ticks(low, low * 10**decades)]
    assert len(said) == len(set(said)) >= 2


def test_marks_are_named_where_they_occur_alone() -> None:
    assert odd_marks() == odd_marks(np.array([1.0, np.nan])) == ()
    assert odd_marks(np.array([1.0]), np.array([0.0])) == ("open marks at the bottom: zero",)
    assert odd_marks(np.array([np.inf, 0.0])) == (
        "open marks at the bottom: zero",
        "crosses at the top: NaN or infinity",
    )


@pytest.mark.parametrize("norms", [[np.nan], [0.0], [np.inf], [0.0, np.inf], []])
def test_a_scale_without_a_number_has_room_for_both_ends(norms: list[float]) -> None:
    scale = LogScale.of(np.array(norms))
    assert 0 < scale.floor < scale.largest <= scale.top
    assert all(scale.floor <= tick <= scale.largest for tick in scale.ticks)


def test_a_norm_in_words() -> None:
    assert [norm_text(norm) for norm in (0.0, 0.12344, np.nan, np.inf)] == [
        "zero",
        "0.1234",
        "no gradient",
        "contains NaN or infinity",
    ]
    assert norm_text(np.nan, "whole numbers") == "whole numbers"


def test_zeros_and_infinity_have_places_below_and_above_the_numbers() -> None:
    norms = np.array([0.0, 3.0, 300.0, np.inf, np.nan])
    scale = LogScale.of(norms)
    assert (scale.floor, scale.largest, scale.top) == (1.0, 300.0, 900.0)
    np.testing.assert_array_equal(scale.heights(norms), [1.0, 3.0, 300.0, 900.0, np.nan])
    assert log_scale.symbols(norms, "square") == ["square-open", "square", "square", "x", "square"]
    assert LogScale.of(norms[:3]).top == 300.0


@pytest.mark.parametrize(("low", "high"), [(4.2e-4, 4.9e-4), (0.0019, 0.0021), (1.0, 1.0), (0.3, 40.0), (1e-9, 1.0)])
def test_an_axis_from_the_lowest_mark_has_numbers_in_sight(low: float, high: float) -> None:
    norms = np.array([low, high, low, np.nan])
    ticks = LogScale.of(norms).ticks_in_sight(norms)
    assert len(ticks) >= 2
    assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in ticks)
    with_zero = np.array([0.0, low, high])
    assert LogScale.of(with_zero).ticks_in_sight(with_zero) == LogScale.of(with_zero).ticks
