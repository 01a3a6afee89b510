"""Claims can fail: each kind is tried on results that do not bear it out."""

from __future__ import annotations

import pytest
import torch

from gradviz_core.lessons.steps import difference, equal, missing, refused, there, zero

ONES, ZEROS = torch.ones(3), torch.zeros(3)


def test_equal_says_by_how_much() -> None:
    assert equal("Both", ONES, ONES).sentence == "Both: largest difference 0."
    assert equal("Both", ONES, ONES).holds
    apart = equal("Both", ONES, ONES + 0.5)
    assert not apart.holds
    assert "largest difference 0.5" in apart.sentence


def test_rounding_is_allowed_where_it_was_asked_for() -> None:
    near = ONES + 1e-7
    assert not equal("Both", ONES, near).holds
    assert equal("Both", ONES, near, within=1e-6).holds
    assert not equal("Both", ONES, ONES + 1e-5, within=1e-6).holds
    assert equal("Both", 1000 * ONES, 1000 * ONES + 1e-4, within=1e-6).holds


def test_nan_is_equal_to_nothing() -> None:
    assert not equal("Both", ONES, ONES * float("nan"), within=1.0).holds


def test_other_shapes_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(1, 3\) cannot be compared"):
        difference(ONES, ONES[None])


def test_refused_needs_an_error_with_these_words() -> None:
    assert refused("No", RuntimeError("a leaf Variable. More."), "leaf").sentence == "No: “a leaf Variable”."
    assert refused("No", RuntimeError("a leaf Variable. More."), "leaf").holds
    assert not refused("No", RuntimeError("something else"), "leaf").holds
    assert not refused("No", None, "leaf").holds


def test_none_zero_and_there_are_three_things() -> None:
    for value, expected in ((None, (1, 0, 0)), (ZEROS, (0, 1, 0)), (ONES, (0, 0, 1))):
        assert (missing("g", value).holds, zero("g", value).holds, there("g", value).holds) == expected
