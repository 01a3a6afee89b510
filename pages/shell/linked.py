"""Pictures that are zoomed together, and of which each shows the place that the pointer rests on in another one, with
its value there: in the browser alone.

Places are shares of the height and width of the photo, whatever part of it a picture shows and however many cells it
has. Where a picture does not show the place, it marks none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from gradviz_core.types.photo_window import Window
from pages.shell import newest, unseen
from pages.streamlit_private import elements

STYLE = """
.gradviz-linked { position: absolute; inset: 0; pointer-events: none; overflow: hidden; }
.gradviz-linked i { position: absolute; background: #111111; outline: 1px solid #ffffff; opacity: 0.75; }
.gradviz-linked b { position: absolute; padding: 0.1rem 0.35rem; font-size: 0.75rem; font-weight: 400; color: #111111;
  background: #ffffff; border: 1px solid #111111; border-radius: 0.2rem; white-space: nowrap; }
@media print { .gradviz-linked { display: none; } }
"""
ALIKE = 0.01
"""Ranges that differ by less, as a share of what is shown, are the same: a wheel is turned over whole pixels."""
_JS = """
function render({ data, parentElement }) {
  parentElement.forget?.();
  const charts = new Map(), seen = new Map();
  const same = (one, other) => one.flat().every((value, i) =>
    Math.abs(value - other.flat()[i]) < data.alike * Math.abs(other[0][1] - other[0][0]));
  const find = (key) => document.querySelector(`.st-key-${key} ${data.plotly}`);
  const whole = ({ rows, columns }) => [[-0.5, columns - 0.5], [rows - 0.5, -0.5]];
  const ranges = ({ layout, _fullLayout }) =>  // the second is ahead of the first
    ["xaxis", "yaxis"].map((axis) => (_fullLayout ?? layout)[axis].range.map(Number));
  const photo = ({ rows, columns, window: [top, bottom, left, right] }, y, x) =>
    [top + ((y + 0.5) / rows) * (bottom - top), left + ((x + 0.5) / columns) * (right - left)];
  const inside = ({ rows, columns, window: [top, bottom, left, right] }, [down, across]) =>
    [((down - top) / (bottom - top)) * rows - 0.5, ((across - left) / (right - left)) * columns - 0.5];
  const number = (value) => Number.isFinite(value) ? String(Number(value.toPrecision(4))).replace("-", "\\u2212") : "";

  const mark = (one, chart, place) => {
    let over = chart.querySelector(".gradviz-linked");
    if (!place) return over?.remove();
    const heat = chart._fullData?.find((trace) => trace.type === "heatmap"), drag = chart.querySelector(data.drag);
    const [y, x] = inside(one, place), [[left, right], [bottom, top]] = ranges(chart);
    if (!heat || !drag || y < -0.5 || x < -0.5 || y >= one.rows - 0.5 || x >= one.columns - 0.5) return over?.remove();
    const count = [heat.z.length, heat.z[0].length];
    const first = [heat.y0 ?? 0, heat.x0 ?? 0], step = [heat.dy ?? 1, heat.dx ?? 1];
    const cell = [y, x].map((at, i) => Math.round((at - first[i]) / step[i]));
    if (cell.some((at, i) => at < 0 || at >= count[i])) return over?.remove();
    const middle = cell.map((at, i) => first[i] + at * step[i]);
    const box = drag.getBoundingClientRect(), here = chart.getBoundingClientRect();
    const down = (middle[0] - top) / (bottom - top), across = (middle[1] - left) / (right - left);
    if (down < 0 || down > 1 || across < 0 || across > 1) return over?.remove();
    if (!over) {
      over = document.createElement("div");
      over.className = "gradviz-linked";
      over.setAttribute("aria-hidden", "true");
      over.append(...["i", "i", "b"].map((name) => document.createElement(name)));
      if (getComputedStyle(chart).position === "static") chart.style.position = "relative";
      chart.append(over);
    }
    const [level, upright, label] = over.children;
    const at = { x: box.left - here.left + across * box.width, y: box.top - here.top + down * box.height };
    Object.assign(level.style, { left: `${box.left - here.left}px`, top: `${at.y}px`, height: "1px",
      width: `${box.width}px` });
    Object.assign(upright.style, { left: `${at.x}px`, top: `${box.top - here.top}px`, width: "1px",
      height: `${box.height}px` });
    const where = count.every((number, i) => number === one.cells[i]) ? `row ${cell[0]}, column ${cell[1]}: ` : "";
    label.textContent = `${where}${number(heat.z[cell[0]][cell[1]])}`;
    label.style.top = `${at.y + (down < 0.5 ? 8 : -30)}px`;
    const room = label.offsetWidth + 8;
    label.style.left = `${Math.min(at.x + 8, Math.max(0, here.width - room))}px`;
  };
  const others = (one, act) => {
    for (const other of data.charts)
      if (other.key !== one.key && charts.has(other.key)) act(other, charts.get(other.key).chart);
  };
  const follow = (one, chart) => {
    const found = ranges(chart), now = same(found, whole(one)) ? whole(one) : found;
    if (same(now, seen.get(one.key) ?? whole(one))) return;  // as it was asked to be
    seen.set(one.key, now);
    others(one, (other, its) => {
      const [top, left] = inside(other, photo(one, now[1][1], now[0][0]));
      const [bottom, right] = inside(other, photo(one, now[1][0], now[0][1]));
      const wanted = same(now, whole(one)) ? whole(other) : [[left, right], [bottom, top]];
      seen.set(other.key, wanted);
      if (!same(wanted, ranges(its))) window.gradvizZoom?.move(its, whole(other), ranges(its), wanted);
      mark(other, its, null);
    });
  };
  const attach = () => {
    for (const one of data.charts) {
      const chart = find(one.key);
      if (!chart || charts.get(one.key)?.chart === chart || typeof chart.on !== "function") continue;
      leave(one.key);
      const heard = {
        plotly_hover: ({ points: [point] }) => {
          const place = photo(one, Number(point.y), Number(point.x));
          others(one, (other, its) => mark(other, its, place));
        },
        plotly_unhover: () => others(one, (other, its) => mark(other, its, null)),
        plotly_relayout: () => follow(one, chart),
      };
      for (const [name, act] of Object.entries(heard)) chart.on(name, act);
      charts.set(one.key, { chart, heard });
      chart.dataset.linked = "on";
    }
  };
  const leave = (key) => {
    const there = charts.get(key);
    if (!there) return;
    for (const [name, act] of Object.entries(there.heard)) there.chart.removeListener?.(name, act);
    mark({}, there.chart, null);
    charts.delete(key);
  };
  for (const one of data.charts) {
    const found = find(one.key)?.layout && ranges(find(one.key));
    if (found && !same(found, whole(one))) seen.set(one.key, found);
  }
  const observer = new MutationObserver(attach);
  parentElement.forget = () => {
    observer.disconnect();
    for (const key of [...charts.keys()]) leave(key);
  };
  attach();
  observer.observe(document.body, { childList: true, subtree: true });
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_linked", html="<span></span>", js=newest.script(_JS))


@dataclass(frozen=True, slots=True)
class Linked:
    """A picture that is linked with others."""

    chart: str
    """The key of its chart."""
    size: tuple[int, int]
    """Rows and columns of its picture."""
    cells: tuple[int, int]
    """Rows and columns of the map that is drawn over it."""
    window: Window
    """The part of the photo that it shows."""


def listen(pictures: Sequence[Linked]) -> None:
    """Link these from now on."""
    charts = [
        {
            "key": one.chart,
            "rows": one.size[0],
            "columns": one.size[1],
            "cells": list(one.cells),
            "window": [one.window.top, one.window.bottom, one.window.left, one.window.right],
        }
        for one in pictures
    ]
    data = {"charts": charts, "plotly": elements.CHART, "drag": elements.CHART_DRAG, "alike": ALIKE}
    with unseen.place():
        _component(key="linked", data=newest.stamped("linked", data))
