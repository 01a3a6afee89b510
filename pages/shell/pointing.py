"""Which cell of a picture the pointer rests on, for a part of the page that follows it.

The browser tells of a cell once the pointer has rested there, and of the next one only when the part was drawn for the
last: however fast the pointer moves, one question is on its way at a time.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pages.shell.clicks import sent
from pages.streamlit_private import elements

REST_MS = 150
"""A cell that the pointer leaves sooner is not reported."""
_LOST_MS = 2_000
"""If no answer has come by then, the page may have been drawn anew meanwhile: the cell is reported once more."""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.forget?.();
  const state = (parentElement.pointing ??= { wanted: null });
  const text = JSON.stringify, find = () => document.querySelector(`.st-key-${data.chart} ${data.plotly}`);
  let chart = null, timer = null, since = -data.lost;
  const tell = () => {
    if (text(state.wanted) === text(data.at)) return;
    const waited = performance.now() - since;
    clearTimeout(timer);
    timer = setTimeout(tell, waited < data.lost ? data.lost - waited : data.lost);
    if (waited < data.lost) return;
    since = performance.now();
    setTriggerValue("pointed", state.wanted ?? { row: -1, column: -1 });
  };
  const want = (place) => {
    state.wanted = place;
    clearTimeout(timer);
    timer = setTimeout(tell, data.rest);
  };
  const over = ({ points: [point] }) => want({ row: Number(point.y), column: Number(point.x) });
  const out = () => want(null);
  const leave = () => {
    chart?.removeListener?.("plotly_hover", over);
    chart?.removeListener?.("plotly_unhover", out);
  };
  const attach = () => {
    const found = find();
    if (!found || found === chart || typeof found.on !== "function") return;
    leave();
    chart = found;
    chart.on("plotly_hover", over);
    chart.on("plotly_unhover", out);
    chart.dataset.points = "on";
  };
  const observer = new MutationObserver(attach);
  parentElement.forget = () => {
    observer.disconnect();
    clearTimeout(timer);
    leave();
  };
  attach();
  observer.observe(document.body, { childList: true, subtree: true });
  timer = setTimeout(tell, data.rest);  // the pointer may have moved on meanwhile
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_pointing", html="<span></span>", js=_JS)
Cell = tuple[int, int]
"""Row and column."""


def at(key: str) -> Cell | None:
    """The cell that the browser has just told of, for the part that is drawn now; None where the pointer is elsewhere.
    A browser may send anything."""
    value = sent(key, "pointed")
    numbers = [value.get(name) for name in ("row", "column")] if isinstance(value, Mapping) else []
    if len(numbers) != 2 or not all(isinstance(n, int | float) and 0 <= n < 10**6 for n in numbers):
        return None
    row, column = (round(float(n)) for n in numbers if n is not None)
    return row, column


def listen(key: str, chart: str, told: Cell | None) -> None:
    """Listen to the pointer over the chart of this key. ``told`` is the cell that the part is drawn for."""
    names = {"chart": chart, "plotly": elements.CHART, "rest": REST_MS, "lost": _LOST_MS}
    here = None if told is None else {"row": told[0], "column": told[1]}
    with st.container(key=f"unseen_{key}", height=1, border=False):
        _component(key=key, data={**names, "at": here}, on_pointed_change=lambda: None)
