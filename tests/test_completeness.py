"""What is said of the sum of an attribution and of what it should be."""

from __future__ import annotations

import pytest

from gradviz_core.drawing.completeness import Completeness


@pytest.mark.parametrize(
    ("found", "expected", "words", "is_close"),
    [
        (7.31, 7.34, "Sum 7.31, expected 7.34: gap 0.4 %.", True),
        (-7.31, -7.34, "Sum −7.31, expected −7.34: gap 0.4 %.", True),
        (7.34, 7.34, "Sum 7.34, expected 7.34: gap below 0.1 %.", True),
        (1.011, 1.0, "Sum 1.01, expected 1: gap 1.1 %.", False),
        (-2.0, 1.0, "Sum −2, expected 1: gap 300 %.", False),
        (0.0, 0.0, "Sum 0, expected 0: gap below 0.1 %.", True),
        (0.5, 0.0, "Sum 0.5, expected 0: a gap.", False),
        (float("nan"), 1.0, "Sum nan, expected 1: a gap.", False),
    ],
)
def test_sum_expectation_and_gap(found: float, expected: float, words: str, is_close: bool) -> None:
    made = Completeness(found, expected)
    assert (made.words(), made.is_close) == (words, is_close)


def test_what_is_said_where_no_more_terms_can_be() -> None:
    made = Completeness(2.0, 1.0)
    assert made.stays(1000) == "It stays above 1 % with 1,000 steps, the most that there can be."
    assert made.stays(0) == "The gap exceeds 1 %; this method has no steps to refine."
