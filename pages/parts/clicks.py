"""Clicks on pictures. Plotly reports a click on a heatmap to the browser alone; this small component passes it on.

The chart is found by its key. It is mounted anew whenever its figure changes, so it is looked for again at every change
of the page. Who has no mouse finds a list or a number field beside each picture that does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import unseen

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const find = () => document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
  let chart = null;
  const tell = (event) => {
    const point = event.points.find((p) => p.data.type === "heatmap" || p.data.type === "image") ?? event.points[0];
    if (!point) return;
    const [x, y] = [Number(point.x), Number(point.y)];
    setTriggerValue("clicked", {
      x: Number.isFinite(x) ? x : -1,
      y: Number.isFinite(y) ? y : -1,
      position: Number.isInteger(point.pointNumber) ? point.pointNumber : -1,
      curve: Number.isInteger(point.curveNumber) ? point.curveNumber : -1,
    });
  };
  const attach = () => {
    const found = find();
    if (!found || found === chart || typeof found.on !== "function") return;
    chart?.removeListener?.("plotly_click", tell);
    chart = found;
    chart.on("plotly_click", tell);
    chart.dataset.clicks = "on";
  };
  const observer = new MutationObserver(attach);
  parentElement.forget?.();
  parentElement.forget = () => {
    observer.disconnect();
    chart?.removeListener?.("plotly_click", tell);
  };
  attach();
  observer.observe(document.body, { childList: true, subtree: true });
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_clicks", html="<span></span>", js=_JS)


@dataclass(frozen=True, slots=True)
class Click:
    """Where a picture was clicked."""

    row: int
    column: int
    position: int
    """Number of the bar or point, for charts that have such; else -1."""
    curve: int = -1
    """Number of the line or bars that it belongs to, the first is 0; -1 where that is not known."""


def on_click(chart: str, act: Callable[[Click], None]) -> None:
    """Call ``act`` with each click on the chart whose key is ``chart``, before the page is drawn again."""
    key = f"{chart}_clicks"

    def heard() -> None:
        click = _read(st.session_state[key])
        if click is not None:
            act(click)

    with unseen.place():
        _component(key=key, data={"chart": chart}, on_clicked_change=heard)


def _read(state: Any) -> Click | None:
    """The click in what the browser sent; None for anything else, for the browser may send what it likes."""
    sent = state.get("clicked") if hasattr(state, "get") else None
    if not isinstance(sent, dict):
        return None
    numbers = [sent.get(name) for name in ("y", "x", "position")] + [sent.get("curve", -1)]
    if not all(isinstance(n, int | float) and abs(n) < 10**6 for n in numbers):
        return None
    row, column, position, curve = (round(n) for n in numbers if n is not None)
    return Click(row, column, position, curve)
