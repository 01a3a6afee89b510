"""Pictures whose cells stand for blocks of positions: where each cell is, and what the hover says.

Such a picture is drawn in the coordinates of the positions, so that marks and boxes are where they would be on the
whole picture. A smaller block at the edge ends where the picture ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gradviz_core.drawing.fields import Tiles
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import Field
from gradviz_core.types.blocks import Blocks


def size(drawn: Field) -> tuple[int, int]:
    """Rows and columns of positions."""
    rows, columns = drawn.values.shape
    return (drawn.blocks.rows, drawn.blocks.columns) if drawn.blocks else (rows, columns)


def spread(trace: go.Heatmap | go.Image, blocks: Blocks) -> None:
    """Put the cells over the positions that they stand for."""
    trace.x0, trace.dx = (blocks.width - 1) / 2, blocks.width
    trace.y0, trace.dy = (blocks.height - 1) / 2, blocks.height


def name_blocks(figure: go.Figure, blocks: Blocks) -> None:
    """Let the hover name the rows and columns of a block."""
    for update, size_, count in (
        (figure.update_yaxes, blocks.height, blocks.rows),
        (figure.update_xaxes, blocks.width, blocks.columns),
    ):
        firsts = range(0, count, size_)
        update(
            visible=True,
            showgrid=False,
            zeroline=False,
            ticks="",
            showticklabels=False,
            tickmode="array",
            tickvals=[first + (size_ - 1) / 2 for first in firsts],
            ticktext=[f"{first}–{min(first + size_, count) - 1}" for first in firsts],
        )


def picked_places(blocks: Blocks) -> np.ndarray:
    """Row and column of the position whose value each cell shows, (h, w, 2)."""
    assert blocks.picked is not None
    return _short(np.stack(np.divmod(blocks.picked, blocks.columns), axis=-1))


def _short(whole: npt.NDArray[np.integer]) -> np.ndarray:
    """The indices in half the bytes, where they are small enough, because they are sent with the picture."""
    return whole.astype(np.int16 if whole.size and whole.max() < 2**15 else np.int32)


def hover(blocks: Blocks) -> str:
    """The hover of a cell: its block, and the position in it whose value is shown."""
    return (
        f"rows %{{y}}, columns %{{x}}: largest magnitude of {blocks.size}<br>"
        "at row %{customdata[0]}, column %{customdata[1]}: <b>%{z:.4~g}</b>"
    )


def mean_hover(blocks: Blocks) -> str:
    """The hover of a cell that is a mean of colours."""
    return f"rows %{{y}}, columns %{{x}}: mean of {blocks.size}<br>rgb(%{{z[0]}}, %{{z[1]}}, %{{z[2]}})"


def tile_hover(sheet: Tiles, each: str) -> str:
    """The hover of a cell of a sheet whose custom data is ``tile_places``."""
    at = "row %{customdata[1]}, column %{customdata[2]}"
    if sheet.blocks is not None and sheet.blocks.picked is None:
        at = f"mean of {sheet.blocks.size}, starting at {at}"
    elif sheet.blocks is not None and max(sheet.blocks.height, sheet.blocks.width) > 1:
        at = f"largest magnitude of {sheet.blocks.size}: {at}"
    return f"{figure_text(each)} %{{customdata[0]}}<br>{at}<br><b>%{{z:.4~g}}</b><extra></extra>"


def tile_places(sheet: Tiles, origin: tuple[int, int]) -> np.ndarray:
    """Channel, row and column within its tile, for each cell of the sheet: of the position whose value it shows, or of
    the first position in its block where it is a mean. Shape (H, W, 3)."""
    places = np.zeros((*sheet.field.values.shape, 3), dtype=np.int32)
    cells = np.moveaxis(np.indices((sheet.height, sheet.width)), 0, -1)
    blocks = sheet.blocks
    for position, number in enumerate(sheet.numbers):
        row, column = sheet.corner(position)
        block = places[row : row + sheet.height, column : column + sheet.width]
        inner = cells
        if blocks is not None and blocks.picked is None:
            inner = cells * (blocks.height, blocks.width)
        elif blocks is not None and blocks.picked is not None:
            found = blocks.picked if blocks.picked.ndim == 2 else blocks.picked[position]
            inner = np.stack(np.divmod(found, blocks.columns), axis=-1)
        block[..., 0], block[..., 1:] = number, inner + origin
    return _short(places)
