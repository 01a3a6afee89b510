"""A lesson to run: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.lesson_cards import StepResult
from gradviz_core.types.questions import Answer, Question
from gradviz_core.types.receipts import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonQuestion(Question["LessonAnswer"]):
    """What are the results of a lesson with these of its controls changed, the others at their defaults?"""

    lesson: str
    choices: tuple[tuple[str, float | str], ...] = ()
    """Names and values of controls; every number as a float."""
    kind: Literal["lesson"] = field(default="lesson", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonAnswer(Answer):
    """Answer to a ``LessonQuestion``: ``arrays`` holds the numbers that its steps gave, named as by
    ``LessonResult.name_of``."""

    question: LessonQuestion
    steps: tuple[StepResult, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["lesson"] = field(default="lesson", repr=False)
