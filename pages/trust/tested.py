"""The map that is tested, and what a test is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing.completeness import Completeness
from gradviz_core.drawing.screen.seen import Seen
from gradviz_core.drawing.snippets import MapAt
from gradviz_core.types import (
    AboutAModel,
    GradientQuestion,
    InsertionQuestion,
    MethodName,
    ProofQuestion,
    RandomisedQuestion,
    Site,
    SiteInfo,
    Target,
)
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.insertion import Order, Substrate
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import OptionValues, card_of, settled
from gradviz_core.types.randomised import ViewName
from pages.layout.code import Rooms

TERMS = 16
"""Draws, masks or steps of a method, at most, in the tests that make many maps."""
SAMPLES = 256
"""The same of samples that are fitted together: fewer would fit nothing."""


class _SameMap(TypedDict):
    """What questions about one map have in common."""

    model: str
    image: str
    target: Target
    method: MethodName
    options: OptionValues
    wrt: Site
    axis: int | None
    view: ViewName
    seed: int


@dataclass(frozen=True, slots=True)
class Tested:
    """The map on the page."""

    question: GradientQuestion
    """What it answers."""
    target: Target
    """With the predicted class filled in."""
    view: ViewName
    """How its channels are reduced."""
    seen: Seen
    """The picture that the network sees."""
    at: MapAt
    """Whether it is a map of a layer output, or of patches."""
    opacity: float
    """How strongly such a map covers the picture."""
    checked: ProofQuestion | None = None
    """The check by finite differences; None where there is none."""
    sums: Completeness | None = None
    """What its values sum to; None where no law says what that should be, or terms are missing."""
    whole: bool = True
    """Whether all its terms are there."""
    steps: Preprocessing | None = None
    """How the image becomes the input: they say the unit of a map of it."""

    @property
    def info(self) -> SiteInfo | None:
        """The layer output that it is a map of; None for the input."""
        return self.at.info

    @property
    def site(self) -> Site:
        """Where it is."""
        return self.question.wrt[0]

    @property
    def few(self) -> OptionValues:
        """The options with fewer terms, where there are many."""
        method, options = self.question.method, self.question.options
        values = settled(method, options)
        most = {card_of(method).counts: TERMS, "steps": TERMS, "samples": SAMPLES}
        fewer = {name: float(value) for name, value in most.items() if name in values and float(values[name]) > value}
        return tuple((values | fewer).items()) if fewer else options

    @property
    def look(self) -> Look:
        """How another map of its kind is drawn."""
        if self.info is None:
            return Look(reduction=self.view)
        return Look(layout=self.info.layout, axis=self.info.axis)

    def randomised(self) -> RandomisedQuestion:
        """The question about the same map, with nothing random yet."""
        return RandomisedQuestion(**self._same_map())

    def another_draw(self) -> RandomisedQuestion:
        """Whether there are enough draws is a question about all of them."""
        return replace(self.randomised(), options=self.question.options, other_draw=True)

    def insertion(self, order: Order, substrate: Substrate) -> InsertionQuestion:
        """The question about the pixels in one order."""
        return InsertionQuestion(**self._same_map(), order=order, substrate=substrate)

    def _same_map(self) -> _SameMap:
        """What each question about this map says of it."""
        asked = self.question
        return {
            "model": asked.model,
            "image": asked.image,
            "target": self.target,
            "method": asked.method,
            "options": self.few,
            "wrt": self.site,
            "axis": asked.axis,
            "view": self.view,
            "seed": asked.seed,
        }


@dataclass(frozen=True, slots=True)
class Test:
    """One test of a map."""

    draw: Callable[[DeltaGenerator, Tested, Rooms], None]
    """Draws it; its controls go into the row, its programs into the rooms."""
    few: bool = True
    """Whether it makes many maps, of few terms each."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """The keys of its pictures, and what they are called."""
    programs: tuple[str, ...] = ()
    """The names of its programs."""
    arrays: Callable[[Tested], Mapping[str, AboutAModel]] = lambda tested: {}
    """The questions whose answers can be downloaded, by what they are called."""
