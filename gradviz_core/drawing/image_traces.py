"""The image as a network sees it, as a part of a figure."""

from __future__ import annotations

import base64
import io

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from gradviz_core.drawing import block_figures
from gradviz_core.types import Pixels
from gradviz_core.types.blocks import Blocks


def image_trace(pixels: Pixels, blocks: Blocks | None, *, hover: bool) -> go.Image:
    """The picture as a trace. ``blocks`` says which pixels each of these is the mean of, where they are means."""
    said = block_figures.mean_hover(blocks) if blocks else "row %{y}, column %{x}<br>rgb(%{z[0]}, %{z[1]}, %{z[2]})"
    trace = go.Image(
        source=png_address(pixels),
        hoverinfo=None if hover else "skip",
        hovertemplate=f"{said}<extra></extra>" if hover else None,
    )
    if blocks is not None:
        block_figures.spread(trace, blocks)
    return trace


def png_address(pixels: Pixels) -> str:
    """The picture as a PNG in a ``data:`` address, lossless. It is packed fast rather than tight."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8)).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def grey(pixels: Pixels) -> Pixels:
    """The same in grey, by its luma."""
    luma = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.repeat(luma[..., None], 3, axis=2).round().astype(np.uint8)
