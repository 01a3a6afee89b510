"""Lessons: they need no scene, because each builds its own networks and data."""

from __future__ import annotations

import time

import torch

from gradviz_core.answers.scene import Clock
from gradviz_core.types import LessonAnswer, LessonQuestion


def answer(question: LessonQuestion) -> LessonAnswer:
    """The results of the lesson, on the CPU, computed by the code that is shown.

    Raises:
        QuestionError: there is no such lesson or control, or a control cannot take the value.
    """
    from gradviz_core.lessons import running  # not before the first lesson: a worker starts sooner

    clock = Clock(torch.device("cpu"), time.perf_counter())
    result = running.run(question.lesson, dict(question.choices))
    return LessonAnswer(question=question, steps=result.steps, receipt=clock.receipt(), arrays=result.arrays)
