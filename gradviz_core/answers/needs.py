"""What a kind of question is answered from: a pass of the model, and what must be there of it."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.types import INPUT, Site, Target


@dataclass(frozen=True, slots=True)
class Needs:
    """The pass that a question is answered from."""

    sites: frozenset[Site] | None
    """Whose values are kept; None keeps all."""
    may_stop: bool = False
    """Whether the pass may end once they are there."""
    parameters: bool = False
    """Whether its graph reaches to the parameters."""
    checked: bool = False
    """Whether the model must give unwatched what it gives watched; checked once for each."""
    aside: bool = False
    """Whether it comes beside another question, so that what is remembered stays: the next click wants it."""


def about(target: Target) -> Needs:
    """The input, and the site that the target is read from."""
    at = target.at
    return Needs(frozenset({INPUT, *([at] if at else ())}))
