"""The pictures of the story: all of one height, so that nothing moves from one view to the next."""

from __future__ import annotations

import plotly.graph_objects as go

from gradviz_core.drawing import cam_figures, figures
from gradviz_core.drawing.outlines import Box, outline
from gradviz_core.drawing.screen.seen import Seen
from gradviz_core.story.regions import Mask, cut
from gradviz_core.types import Field, Pixels

HEIGHT, CHART, CHART_OF_THREE = 800, 440, 290
"""Of the highest picture, in CSS pixels; the page makes it as much smaller as its screen is. And of a chart beside one
picture, and between two."""
OPACITY = 0.65
"""Of a field over a picture."""
OF_PATCHES = 0.85
"""Of patches over a picture: pale ones can be told from those without colour."""


def photo(pixels: Pixels, box: Box | None = None) -> go.Figure:
    """What the network sees, with the marked region."""
    drawn = figures.image(pixels, height=HEIGHT)
    if box is not None:
        outline(drawn, box, dash="solid")
    return drawn


def heatmap(field: Field, pixels: Pixels | None = None, box: Box | None = None, dashed: Box | None = None) -> go.Figure:
    """A field with its scale, and the marked region; ``dashed`` is a second one."""
    return figures.heatmap(field, pixels=pixels, solid=box, dashed=dashed, height=HEIGHT)


def enlarged(field: Field, window: Box, box: Box | None = None, dashed: Box | None = None) -> go.Figure:
    """The part of a field within a window, in the rows and columns of the whole; both boxes lie in the window."""
    top, _, left, _ = window

    def moved(one: Box | None) -> Box | None:
        return one and (one[0] - top, one[1] - top, one[2] - left, one[3] - left)

    drawn = heatmap(cut(field, window), box=moved(box), dashed=moved(dashed))
    drawn.data[0].update(x0=left, y0=top, dx=1, dy=1)
    for axis, by in ((drawn.layout.xaxis, left), (drawn.layout.yaxis, top)):
        axis.range = [end + by for end in axis.range]
    for shape in drawn.layout.shapes:
        shape.update(x0=shape.x0 + left, x1=shape.x1 + left, y0=shape.y0 + top, y1=shape.y1 + top)
    return drawn


def over_image(field: Field, seen: Seen, box: Box) -> go.Figure:
    """A coarse field over the picture in grey, and the marked region of the picture."""
    drawn = cam_figures.over_image(field, seen, opacity=OPACITY, height=HEIGHT)
    outline(drawn, box, dash="solid")
    return drawn


def encircle(drawn: go.Figure, marked: Mask) -> None:
    """A thin line around the marked pixels."""
    drawn.add_trace(
        go.Contour(
            z=marked.astype("uint8"),
            contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            line={"color": "#111111", "width": 1},
            showscale=False,
            hoverinfo="skip",
        )
    )


def patches(field: Field, seen: Seen, box: Box) -> go.Figure:
    """The same with sharp cells: each is one patch."""
    drawn = over_image(field, seen, box)
    drawn.data[-1].update(zsmooth=False, opacity=OF_PATCHES)
    return drawn


def two_lines(drawn: go.Figure) -> go.Figure:
    """The first two lines of a chart, at the height of the picture beside it."""
    return go.Figure(drawn.data[:2], drawn.layout).update_layout(height=CHART)
