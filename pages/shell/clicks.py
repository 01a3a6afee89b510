"""Clicks on pictures and on the names beside bars, and rectangles drawn over pictures. Plotly reports them only in the
browser; this small component passes them on.

The chart is found by its key. It is mounted again whenever its figure changes, so it is searched for at every change of
the page. For people without a mouse, a list or a number field beside each picture does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.shell import unseen
from pages.streamlit_private import elements

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const find = () => document.querySelector(`.st-key-${data.chart} ${data.plotly}`);
  const by = (a, b) => a - b;
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
  const enclose = (event) => {
    if (!event?.range?.x || !event.range.y) return;
    const [[left, right], [top, bottom]] = [event.range.x, event.range.y].map((ends) => ends.map(Number).sort(by));
    setTriggerValue("enclosed", { left, right, top, bottom });
  };
  const isBars = () => chart.data?.[0]?.type === "bar" && chart.data[0].orientation === "h";
  const names = () => [...chart.querySelectorAll(data.names)]
    .map((name) => name.getBoundingClientRect()).sort((one, two) => one.top - two.top);
  const named = (event) => {
    const inside = ({ left, right, top, bottom }) =>
      event.clientX >= left && event.clientX <= right && event.clientY >= top - 4 && event.clientY <= bottom + 4;
    const position = isBars() ? names().findIndex(inside) : -1;
    if (position >= 0) setTriggerValue("clicked", { x: -1, y: position, position, curve: -1 });
  };
  const leave = () => {
    chart?.removeEventListener("click", named);
    chart?.removeListener?.("plotly_click", tell);
    chart?.removeListener?.("plotly_selected", enclose);
  };
  const attach = () => {
    const found = find();
    if (!found || found === chart || typeof found.on !== "function") return;
    leave();
    chart = found;
    chart.on("plotly_click", tell);
    chart.on("plotly_selected", enclose);
    chart.addEventListener("click", named);
    window.gradvizZoom?.keep(chart, data.chart);
    chart.dataset.clicks = "on";
    chart.dataset.names = isBars() ? "on" : "off";
  };
  const observer = new MutationObserver(attach);
  parentElement.forget?.();
  parentElement.forget = () => {
    observer.disconnect();
    leave();
  };
  attach();
  observer.observe(document.body, { childList: true, subtree: true });
  return parentElement.forget;
}
"""
STYLE = f"[data-names=on] {elements.CHART_NAMES} {{ pointer-events: all; cursor: pointer; }}"
_component = st.components.v2.component("gradviz_clicks", html="<span></span>", js=_JS)


@dataclass(frozen=True, slots=True)
class Click:
    """Where a picture was clicked."""

    row: int
    column: int
    position: int
    """Index of the bar or point in charts that have them, otherwise -1."""
    curve: int = -1
    """Index of the line or bars that it belongs to, from 0; -1 if unknown."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The cells that a drawn rectangle touches: rows and columns, each from the first to the last, both included. They
    may lie outside the picture."""

    rows: tuple[int, int]
    columns: tuple[int, int]


def on_click(chart: str, act: Callable[[Click], None], enclose: Callable[[Enclosed], None] | None = None) -> None:
    """Call ``act`` with each click on the chart whose key is ``chart``, before the page is drawn again; and ``enclose``
    with each rectangle drawn over it, if its figure allows that (``dragmode="select"``)."""
    key = f"{chart}_clicks"

    def clicked() -> None:
        click = _read(sent(key, "clicked"))
        if click is not None:
            act(click)

    def enclosed() -> None:
        cells = _read_enclosed(sent(key, "enclosed"))
        if cells is not None and enclose is not None:
            enclose(cells)

    with unseen.place():
        _component(
            key=key,
            data={"chart": chart, "plotly": elements.CHART, "names": elements.CHART_NAMES},
            on_clicked_change=clicked,
            on_enclosed_change=enclosed,
        )


def sent(key: str, name: str) -> object:
    """The value that the component with this key has just sent under ``name``; None if it is gone. Streamlit forgets it
    if the page was left and the run of the next one was interrupted before it drew the same component."""
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None


def _read(value: object) -> Click | None:
    """The click in what the browser sent; None for anything else, as a browser may send anything."""
    said = _as_dict(value)
    numbers = _numbers(said, ("y", "x", "position"))
    curve = _numbers({"curve": said.get("curve", -1)}, ("curve",))
    if numbers is None or curve is None:
        return None
    row, column, position = map(round, numbers)
    return Click(row, column, position, round(curve[0]))


def _read_enclosed(value: object) -> Enclosed | None:
    """The same for a rectangle. Cell i lies from i - ½ to i + ½."""
    numbers = _numbers(_as_dict(value), ("top", "bottom", "left", "right"))
    if numbers is None:
        return None
    top, bottom, left, right = map(round, numbers)
    return Enclosed((min(top, bottom), max(top, bottom)), (min(left, right), max(left, right)))


def _as_dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _numbers(sent: dict[str, Any], names: Sequence[str]) -> list[float] | None:
    """The numbers under these names; None if one is missing or is not a number of reasonable size."""
    numbers = [sent.get(name) for name in names]
    if all(isinstance(n, int | float) and abs(n) < 10**6 for n in numbers):
        return [float(n) for n in numbers if n is not None]
    return None
