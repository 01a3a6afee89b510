"""The names of layers on the axis of a chart along a network: as many as a phone has room for, on one or two lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from gradviz_core.text.shown_text import figure_lines, visible

MOST = 14
"""Names on a chart as wide as a phone: at an angle, each takes some 18 of its 260 pixels."""
MOST_OF_TWO_LINES = 9
"""The same where one of them has two lines."""
LONGEST = 18
"""Characters of a line."""
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
    count, written = len(names), [lines(visible(name)) for name in names]
    most = max(2, (MOST if all(len(one) == 1 for one in written) else MOST_OF_TWO_LINES) // panels)
    chosen = range(count) if count <= most else np.linspace(0, count - 1, most).round().astype(int).tolist()
    figure.update_layout(
        {
            axis: {
                "tickmode": "array",
                "tickvals": [at[i] for i in chosen],
                "ticktext": [figure_lines(written[i]) for i in chosen],
                "tickfont": {"size": 10},
                "autotickangles": ANGLES,
                "showticklabels": True,
                "ticklabeloverflow": "allow",
                "automargin": True,
            }
        }
    )


def lines(name: str, longest: int = LONGEST) -> tuple[str, ...]:
    """The name on one line, or on two that part at a dot: ``layer3.0.`` and ``conv1.relu``. Where two are too short its
    beginning is left out, which a ``…`` says; the hover of its point has all of it."""
    if len(name) <= longest:
        return (name,)
    last = _end(name, longest)
    first = name[: -len(last)]
    return (first if len(first) <= longest else f"…{_end(first, longest - 1)}", last)


def _end(name: str, longest: int) -> str:
    """As much of the end as fits, from behind a dot where there is one."""
    dot = name.find(".", max(0, len(name) - longest - 1), -1)
    return name[dot + 1 :] if dot >= 0 else name[-longest:]
