"""The kinds of question that there are. They are found: each is a file of this wing with a question and its answer, and
a file of the same name in ``answers/``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from gradviz_core.errors import ComputeError
from gradviz_core.types.questions import A, Answer, Question


@dataclass(frozen=True, slots=True)
class Kind:
    """The two classes of one kind."""

    question: type[Question]
    answer: type[Answer]


def answer_to(question: Question[A], answer: Answer) -> A:
    """``answer``, which is of the kind that the question asks for.

    Raises:
        ComputeError: it is of another kind.
    """
    if not isinstance(answer, KINDS[question.kind].answer):
        raise ComputeError(f"A question of kind {question.kind} got an answer of kind {answer.kind}. Restart GradViz.")
    return cast("A", answer)


def _found() -> Mapping[str, Kind]:
    names = sorted(found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = {name: importlib.import_module(f"{__package__}.{name}") for name in names if name != "kinds"}
    return {name: kind for name, module in modules.items() if (kind := _kind(name, module)) is not None}


def _kind(name: str, module: ModuleType) -> Kind | None:
    """What a file holds whose question and answer say that they are of the kind that it is named after."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and is_dataclass(value)]
    own = [found for found in classes if any(part.name == "kind" and part.default == name for part in fields(found))]
    questions = [found for found in own if issubclass(found, Question)]
    answers = [found for found in own if issubclass(found, Answer)]
    return Kind(questions[0], answers[0]) if questions and answers else None


KINDS = _found()
