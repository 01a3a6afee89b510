"""What is said of the sum of an attribution and of what it should be."""

from __future__ import annotations

import pytest

from gradviz_core.drawing.completeness import Completeness


@pytest.mark.parametrize(
    ("found", "expected", "words", "is_close"),
    [
        (7.31, 7.34, "7.31; in theory they add up to 7.34 (0.4 % apart).", True),
        (-7.31, -7.34, "−7.31; in theory they add up to −7.34 (0.4 % apart).", True),
        (7.34, 7.34, "7.34; in theory they add up to 7.34 (below 0.1 % apart).", True),
        (17.03, 17.1, "17.03; in theory they add up to 17.1 (0.4 % apart).", True),
        (1.011, 1.0, "1.011; in theory they add up to 1 (1.1 % apart).", False),
        (-2.0, 1.0, "−2; in theory they add up to 1 (300 % apart).", False),
        (0.0, 0.0, "0; in theory they add up to 0 (below 0.1 % apart).", True),
        (0.5, 0.0, "0.5; in theory they add up to 0.", False),
        (float("nan"), 1.0, "nan; in theory they add up to 1.", False),
    ],
)
def test_sum_expectation_and_gap(found: float, expected: float, words: str, is_close: bool) -> None:
    made = Completeness(found, expected)
    said = made.words().replace("\N{NO-BREAK SPACE}", " ")
    assert (said, made.is_close) == (f"The values of the map add up to {words}", is_close)


def test_what_is_said_where_no_more_terms_can_be() -> None:
    made = Completeness(2.0, 1.0)
    assert made.stays(1000) == "They stay more than 1 % apart with 1,000 steps, the most that there can be."
    assert made.stays(0) == "That is more than 1 %, and this method has no steps to refine."
