"""The views of the story, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradviz_core.story import magnitude, photo
from gradviz_core.story.told import Ask, Subject, Told


@dataclass(frozen=True, slots=True)
class View:
    """One view."""

    name: str
    """In the address. It never changes its meaning, wherever the view stands: people keep links to it."""
    title: str
    tell: Callable[[Ask, Subject], Told]
    """Asks its questions and draws. Raises GradVizError where one has no answer, NotSo where the claim does not
    hold."""


VIEWS = (
    View("photo", "What a gradient says of a photo", photo.tell),
    View("magnitude", "Magnitude and sign", magnitude.tell),
)
