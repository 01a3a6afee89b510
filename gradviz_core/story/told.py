"""What a view of the story tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import plotly.graph_objects as go

from gradviz_core.drawing.captions import Caption
from gradviz_core.errors import QuestionError
from gradviz_core.types import ProofQuestion, Question
from gradviz_core.types.questions import A


class NotSo(QuestionError):
    """What a view claims does not hold for this model and this image."""


class Ask(Protocol):
    """Whoever answers: the compute service for a page, this process for a test."""

    def __call__(self, question: Question[A], /) -> A:
        """The answer.

        Raises:
            GradVizError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The keys of the model and the image that the story uses."""

    model: str
    image: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a view."""

    title: str
    """A few words above it."""
    figure: go.Figure
    caption: Caption
    """What is drawn: shown on request, with the formula."""
    checked: ProofQuestion | None = None
    """The check of its gradient by finite differences, whose verdict stands below it."""

    @property
    def is_picture(self) -> bool:
        """Whether it has rows and columns of pixels, and is no chart with axes."""
        return bool((self.figure.layout.meta or {}).get("rows_per_column"))

    @property
    def has_scale(self) -> bool:
        """Whether a scale of its colours stands beside it."""
        return any(trace.type == "heatmap" for trace in self.figure.data)


@dataclass(frozen=True, slots=True)
class Computed:
    """Where a number of the sentence or the note comes from."""

    words: str
    formula: str = ""
    """LaTeX, with the number."""


@dataclass(frozen=True, slots=True)
class Explore:
    """The page that shows the same question with all its controls."""

    page: str
    """Its name in the address."""
    choices: tuple[tuple[str, str], ...]
    """Its choices there."""


@dataclass(frozen=True, slots=True)
class Told:
    """One view, told of one model and image."""

    sentence: str
    """The claim, in large type; made of the answer's own numbers and words."""
    note: str
    """What the words mean, what is marked, or why it is so."""
    computed: tuple[Computed, ...]
    """How each number of both is computed."""
    pictures: tuple[Shown, ...]
    explore: Explore


@dataclass(frozen=True, slots=True)
class Slider:
    """What a person may move in a view: the sentence, the numbers and the pictures follow."""

    name: str
    """In the address. It never changes its meaning, nor do the stops."""
    label: str
    unit: str
    """After the number: ``%``."""
    meaning: str
    """The tooltip."""
    stops: tuple[int, ...]
    first: int
    """Where it stands until somebody moves it."""
    tell: Callable[[Ask, Subject, int], Told]
    """The view with the slider at one of its stops."""


def claim(holds: bool, what: str) -> None:
    """Raise ``NotSo`` unless the claim holds; ``what`` says in words what would have to be so."""
    if not holds:
        raise NotSo(f"This view shows that {what}. That is not so for this model and image: explore another.")
