"""What a kind of question is answered from: a pass of the model, and what must be there of it."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.types import INPUT, Site, Target
from gradviz_core.types.attention import is_attention


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
    attention: bool = False
    """Whether attention is run in plain operations, and all its weights are kept. ``sites`` that are attention weights
    ask for as much."""
    aside: bool = False
    """Whether it comes beside another question, so that what is remembered stays: the next click wants it."""

    @property
    def forms_attention(self) -> bool:
        """Whether the pass forms attention weights."""
        return self.attention or any(map(is_attention, self.sites or ()))


def about(target: Target) -> Needs:
    """The input, and the site that the target is read from."""
    at = target.at
    return Needs(frozenset({INPUT, *([at] if at else ())}))
