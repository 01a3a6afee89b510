"""The names of layers on the axis of a chart along a network: as many as a phone has room for, cut in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from gradviz_core.text.shown_text import figure_text, visible

MOST = 14
"""Names on a chart as wide as a phone: at an angle, each takes some 18 of its 260 pixels."""
LONGEST = 18
"""Characters of a name; the hover of its point has all of them."""
ANGLES = (0, -45, -90)
"""Plotly takes the first at which the names do not overlap."""


def write(
    figure: go.Figure,
    names: Sequence[str],
    at: Sequence[float],
    *,
    axis: Literal["xaxis", "xaxis2"] = "xaxis",
    panels: int = 1,
) -> None:
    """Write names below the points ``at`` these places: all, or evenly spaced ones with the first and the last.
    ``panels`` share the width."""
    most = max(2, MOST // panels)
    count = len(names)
    chosen = range(count) if count <= most else np.linspace(0, count - 1, most).round().astype(int).tolist()
    figure.update_layout(
        {
            axis: {
                "tickmode": "array",
                "tickvals": [at[i] for i in chosen],
                "ticktext": [figure_text(cut(visible(names[i]))) for i in chosen],
                "tickfont": {"size": 10},
                "autotickangles": ANGLES,
                "showticklabels": True,
                "ticklabeloverflow": "allow",
                "automargin": True,
            }
        }
    )


def cut(name: str, longest: int = LONGEST) -> str:
    """The name, without its middle where it is longer: ``blocks.11.…se.conv``."""
    if len(name) <= longest:
        return name
    head = longest // 2 + 1
    return f"{name[:head]}…{name[len(name) - (longest - head - 1) :]}"
