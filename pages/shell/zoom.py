"""Pictures are zoomed about the pointer: by the wheel while Ctrl or ⌘ is held, which is also what a touchpad sends for
a pinch, and by two fingers on a touch screen. A double click shows the whole picture again.

Plotly zooms at any turn of the wheel, and so would stop a person who scrolls down the page. So a turn without Ctrl or ⌘
does not reach it. A chart that is drawn anew, as after a click on a pixel, is zoomed as the one before it was of
the same page, model and image, by turns of the wheel over the point that stays where it is. ``gradvizZoom.move`` does
the same to any chart.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen
from pages.streamlit_private import elements

PER_E, MOST = 200, 20
"""Turn of the wheel, in Plotly's units, that multiplies what is shown by e, and the largest that it takes at a time."""
ALIKE = 1e-3
"""Ranges that differ by less, in cells, are the same."""

_JS = """
export default function ({ data }) {
  if (window.gradvizZoom) return;
  const chart = (event) => event.target.closest?.(data.plotly);
  window.addEventListener("wheel", (event) => {
    if (chart(event) && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  }, { capture: true, passive: true });

  const turn = (drag, by, x, y) => drag.dispatchEvent(new WheelEvent("wheel", { deltaY: by, ctrlKey: true,
    clientX: x, clientY: y, bubbles: true, cancelable: true }));
  const ranges = ({ layout }) => [layout.xaxis, layout.yaxis].map(({ range }) => range.map(Number));
  const same = (one, other) => one.flat().every((value, i) => Math.abs(value - other.flat()[i]) < data.alike);
  const kept = {};
  const turnAbout = (drag, whole, now, by) => {
    const shares = now.map(([start, end], i) =>
      (start - whole[i][0]) / (whole[i][1] - whole[i][0] - (end - start)));
    const [across, up] = shares.map((share) => (Number.isFinite(share) ? share : 0.5));  // as wide, or as high, as all
    const box = drag.getBoundingClientRect(), times = Math.ceil(Math.abs(by) / data.most);
    for (let i = 0; i < times; i++)
      turn(drag, by / times, box.left + across * box.width, box.bottom - up * box.height);
  };
  const into = (drag, whole, now, way) => {
    const [width, all] = [now, whole].map(([[left, right]]) => right - left);
    turnAbout(drag, whole, now, way * data.perE * Math.log(width / all));
  };
  window.gradvizZoom = {
    move: (chart, whole, before, after) => {
      const drag = chart.querySelector(data.drag);
      if (!drag) return;
      const still = after.map(([start, end], i) =>
        (start - before[i][0]) / (before[i][1] - before[i][0] - (end - start)));
      if (still.every((share) => share >= 0 && share <= 1)) return into(drag, before, after, 1);
      if (!same(before, whole)) into(drag, whole, before, -1);
      if (!same(after, whole)) into(drag, whole, after, 1);
    },
    keep: (chart, name) => {
      const said = new URLSearchParams(location.search);
      const key = JSON.stringify([location.pathname, said.get("model"), said.get("image"), name]);
      const drag = chart.querySelector(data.drag);
      if (!drag || !chart.layout.yaxis?.scaleanchor) return;
      const whole = ranges(chart);
      chart.on("plotly_relayout", () => {
        if (same(ranges(chart), whole)) delete kept[key];
        else kept[key] = { whole, now: ranges(chart) };
      });
      if (kept[key] && same(kept[key].whole, whole)) into(drag, whole, kept[key].now, 1);
    },
  };

  let apart = 0;
  const spread = ([one, two]) => Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
  window.addEventListener("touchmove", (event) => {
    if (event.touches.length !== 2 || !chart(event)) return void (apart = 0);
    event.preventDefault();
    const now = spread(event.touches), [one, two] = event.touches;
    const drag = chart(event).querySelector(data.drag), by = -data.perE * Math.log(now / apart);
    if (apart && drag) turn(drag, by, (one.clientX + two.clientX) / 2, (one.clientY + two.clientY) / 2);
    apart = now;
  }, { capture: true, passive: false });
  window.addEventListener("touchend", () => { apart = 0; }, true);
}
"""
_component = st.components.v2.component("gradviz_zoom", html="<span></span>", js=_JS)


def listen() -> None:
    """From now on, pictures can be zoomed without stopping the page."""
    names = {"plotly": elements.CHART, "drag": elements.CHART_DRAG}
    with unseen.place():
        _component(key="zoom", data={"perE": PER_E, "most": MOST, "alike": ALIKE, **names})
