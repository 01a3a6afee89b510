"""The question about each cause of a missing gradient: whether it is None or zero, which are two things."""

from __future__ import annotations

from gradviz_core.lessons.steps import Found, Question, index_of


def _none_zero_or_more(found: Found) -> int:
    gradient = found["gradient"]
    return index_of(gradient is None, gradient is not None and not gradient.any(), gradient is not None)


NONE_ZERO_OR_MORE = Question(
    "What is the result named gradient?",
    ("None.", "Zero.", "A number other than zero, or several."),
    _none_zero_or_more,
    told=True,
)
