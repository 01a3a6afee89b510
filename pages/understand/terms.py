"""The terms of the sum at one number, each of which leads to the number that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from pages.shell import newest
from pages.shell.clicks import sent

_HTML = """<table><thead><tr><th>gradient that arrives</th><th>× local derivative</th><th>= term</th></tr></thead>
<tbody></tbody><tfoot></tfoot></table>"""
_CSS = """
table { border-collapse: collapse; width: 100%; font: 0.78rem/1.45 var(--st-font); color: var(--st-text-color);
  font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: color-mix(in srgb, currentColor 72%, transparent);
  padding: 0 0.4rem 0.1rem 0; }
td { padding: 0 0.4rem 0 0; vertical-align: top; white-space: nowrap; }
@media (max-width: 640px) { td { white-space: normal; } }
th:last-child, td:last-child { text-align: right; padding-right: 0; white-space: nowrap; }
tfoot .sum { font-weight: 600; }
tfoot .sum td { border-top: 1px solid var(--st-border-color); }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; text-align: left; cursor: pointer;
  text-decoration: underline dotted; text-underline-offset: 0.2em; }
button:hover { color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-text-color); outline-offset: 1px; }
"""
_JS = """
function render({ data, parentElement, setTriggerValue }) {
  const cell = (content, span = 1) => {
    const made = document.createElement("td");
    made.append(content);
    made.colSpan = span;
    return made;
  };
  parentElement.querySelector("tfoot").replaceChildren(...data.feet.map(([words, number, sum]) => {
    const line = document.createElement("tr");
    line.className = sum ? "sum" : "";
    line.append(cell(words, 2), cell(number));
    return line;
  }));
  parentElement.querySelector("tbody").replaceChildren(...data.rows.map((row, i) => {
    const line = document.createElement("tr");
    let first = row.gradient;
    if (data.leads) {
      first = document.createElement("button");
      Object.assign(first, { type: "button", textContent: row.gradient, title: "Where this number comes from" });
      first.onclick = () => setTriggerValue("chosen", i);
    }
    line.append(cell(first), cell(row.factor), cell(row.product));
    return line;
  }));
}
"""
_component = st.components.v2.component("gradviz_terms", html=_HTML, css=_CSS, js=newest.script(_JS))


@dataclass(frozen=True, slots=True)
class Row:
    """One term, in words."""

    gradient: str
    factor: str
    product: str


def listed(rows: Sequence[Row], feet: Sequence[tuple[str, str, bool]], act: Callable[[int], None] | None) -> None:
    """The terms, and below them what the others add up to, and the sum, which is marked. ``act`` is called with the
    place of one that was clicked, before the page is drawn again."""

    def heard() -> None:
        place = sent("terms", "chosen")
        if act is not None and isinstance(place, int | float) and 0 <= place < len(rows):
            act(int(place))

    data = {"rows": tuple(asdict(row) for row in rows), "feet": tuple(feet), "leads": act is not None}
    _component(key="terms", data=newest.stamped("terms", data), on_chosen_change=heard)
