"""What is said where an uploaded model fails, in its own words."""

from __future__ import annotations

import pytest

from gradviz_core.answers.failures import explaining
from gradviz_core.errors import QuestionError

UPLOADED = "upload/" + "a" * 64


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        ("line one\n  and two.", "line one and two"),
        ("broken at /home/me/model.py:3, and in conv.cpp", "broken at … and in …"),
        ("", "ValueError"),
    ],
)
def test_the_message_is_one_line_of_at_most_200_characters_without_files(message: str, said: str) -> None:
    with pytest.raises(QuestionError) as caught, explaining(UPLOADED, "The forward pass failed", "Export it again."):
        raise ValueError(message)
    assert str(caught.value) == f"The forward pass failed: {said}. Export it again."


def test_a_fault_of_our_own_keeps_its_type() -> None:
    with pytest.raises(ValueError, match=r"^ours$"), explaining("preset/digits", "The forward pass failed", ""):
        raise ValueError("ours")
