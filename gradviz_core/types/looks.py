"""How an answer will be drawn. It does not change the question; where an answer holds more values than a screen can
show, it says which of them the page needs."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.types.map_kinds import MAP_KINDS, map_kind
from gradviz_core.types.subjects import Layout
from gradviz_core.types.views import VIEWS, view

Part = tuple[int, int, int, int]
"""First row, last row, first column, last column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a page draws of an answer. Fields that do not apply to a kind of answer are ignored."""

    reduction: str = VIEWS[0].name
    """The view of an input gradient."""
    pixel: tuple[int, int] | None = None
    """Row and column of the pixel around which exact values are needed."""
    part: Part | None = None
    """The part of the input that is drawn; None is all of it."""
    maps: str = MAP_KINDS[0].name
    """The kind of map that is drawn of a site inside the model."""
    layout: Layout = "maps"
    """How the site inside the model is read, as ``SiteInfo`` says; ``axis`` and ``shape`` too."""
    axis: int | None = None
    shape: tuple[int, ...] = ()
    """The shape of the site that a Jacobian is taken by."""
    strongest_first: bool = True
    """Whether the channels are in the order of their strength; else in that of their numbers."""
    channel: int | None = None
    """The channel that is drawn by itself; None is the strongest."""
    place: tuple[int, ...] = ()
    """The position in that channel around which exact values are needed."""

    means: bool = False
    """Whether the means over the blocks of a large map are needed too."""

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for an unknown view or kind of map."""
        view(self.reduction)
        map_kind(self.maps)


USUAL = Look()
