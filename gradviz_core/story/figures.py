"""The pictures of the story: all of one height, so that nothing moves from one view to the next."""

from __future__ import annotations

import plotly.graph_objects as go

from gradviz_core.drawing import figures
from gradviz_core.drawing.outlines import Box, outline
from gradviz_core.types import Field, Pixels

HEIGHT = 456
"""Of a picture with its scale, in CSS pixels: with title and buttons it fits a screen of 1280 by 720."""


def photo(pixels: Pixels, box: Box | None = None) -> go.Figure:
    """What the network sees, with the marked region."""
    drawn = figures.image(pixels, height=HEIGHT)
    if box is not None:
        outline(drawn, box, dash="solid")
    return drawn


def heatmap(field: Field, pixels: Pixels | None = None, box: Box | None = None, dashed: Box | None = None) -> go.Figure:
    """A field with its scale, and the marked region; ``dashed`` is a second one."""
    return figures.heatmap(field, pixels=pixels, solid=box, dashed=dashed, height=HEIGHT)


def chart(drawn: go.Figure) -> go.Figure:
    """A chart at the height of the pictures beside it."""
    return drawn.update_layout(height=HEIGHT)
