"""A small map of the network: its layer outputs in order of execution, in blocks, the chosen one marked. A click or the
arrows of the keyboard choose another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from gradviz_core.drawing import architecture
from gradviz_core.text.shown_text import visible
from gradviz_core.types import Site, SiteInfo
from pages.shell import address, newest
from pages.shell.clicks import sent

_HTML = """<div class="map">
  <div class="bars" role="slider" tabindex="0"></div>
  <div class="names" aria-hidden="true"></div>
</div>"""
_CSS = """
.map { font: 0.72rem/1.3 var(--st-font); color: var(--st-text-color); }
.bars { display: flex; align-items: center; height: 2.5rem; cursor: pointer; outline-offset: 2px; }
.bars:focus-visible { outline: 2px solid var(--st-text-color); }
.bars > span { display: flex; align-items: center; flex: 1 1 0; min-width: 0; height: 100%; position: relative; }
.bars > span.start:not(:first-child) { margin-left: min(3px, 0.7%); }
.bars i { width: 100%; border-right: 1px solid var(--st-background-color);
  background: color-mix(in srgb, var(--st-text-color) 32%, var(--st-background-color)); }
.bars > span:hover i { background: color-mix(in srgb, var(--st-text-color) 60%, var(--st-background-color)); }
.bars > span.chosen i { background: var(--st-primary-color); border-right: 0; }
.bars > span.chosen::after { content: ""; position: absolute; inset: 0 auto 0 50%; width: 2px; margin-left: -1px;
  background: var(--st-primary-color); }
.bars.many i { border-right: 0; }
.names { position: relative; height: 1rem; overflow: hidden; }
.names span { position: absolute; white-space: nowrap; }
.names span.left-out { visibility: hidden; }
"""
_JS = """
const SETTLE_MS = 350;
function render({ data, parentElement, setTriggerValue }) {
  const bars = parentElement.querySelector(".bars"), names = parentElement.querySelector(".names");
  parentElement.forget?.();
  const pending = data.bars.findIndex((bar) => bar.site === parentElement.pending);
  let at = pending < 0 ? data.chosen : pending, waiting = null;
  const spans = data.bars.map((bar, number) => {
    const span = document.createElement("span"), drawn = document.createElement("i");
    span.title = `${bar.title}\n${bar.block}`;
    span.dataset.site = bar.site;
    span.classList.toggle("start", bar.start);
    drawn.style.height = `${100 * bar.height}%`;
    span.append(drawn);
    span.onclick = () => choose(number);
    return span;
  });
  bars.replaceChildren(...spans);
  bars.classList.toggle("many", spans.length > 60);
  const starts = spans.filter((_, number) => data.bars[number].start);
  names.replaceChildren(...data.bars.filter((bar) => bar.start).map((bar) => {
    const label = document.createElement("span");
    label.textContent = bar.block;
    return label;
  }));
  const fit = () => {
    let free = 0;
    [...names.children].forEach((label, number) => {
      const left = starts[number].offsetLeft - bars.offsetLeft, end = left + label.offsetWidth;
      const fits = left >= free && end <= names.clientWidth;
      label.style.left = `${left}px`;
      label.className = fits ? "" : "left-out";
      if (fits) free = end + 8;
    });
  };
  const mark = () => {
    spans.forEach((span, number) => span.classList.toggle("chosen", number === at));
    const said = at < 0 ? "none" : data.bars[at].title;
    const now = Math.max(at, 0);
    const values = { label: data.label, valuemin: 0, valuemax: spans.length - 1, valuenow: now, valuetext: said };
    for (const [name, value] of Object.entries(values)) bars.setAttribute(`aria-${name}`, value);
  };
  const choose = (number) => {
    clearTimeout(waiting);
    delete parentElement.pending;
    at = number;
    mark();
    setTriggerValue("chosen", data.bars[at].site);
  };
  const settle = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => choose(at), SETTLE_MS);
  };
  const last = spans.length - 1;
  bars.onkeydown = (event) => {
    const [left, right] = [at - 1, at + 1];
    const keys = { ArrowLeft: left, ArrowDown: left, ArrowRight: right, ArrowUp: right, Home: 0, End: last };
    const to = keys[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    at = Math.max(0, Math.min(last, to));
    parentElement.pending = data.bars[at].site;
    mark();
    settle();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(names);
  parentElement.forget = () => { observer.disconnect(); clearTimeout(waiting); };
  if (pending < 0) delete parentElement.pending; else settle();
  mark();
  fit();
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_architecture", html=_HTML, css=_CSS, js=newest.script(_JS))


def draw(infos: Sequence[SiteInfo], chosen: Site, name: str = "site", label: str = "Map of the network") -> None:
    """Draw it. A choice is written into the address under ``name``."""
    on_map = architecture.shown(infos, chosen)
    if len(on_map) < 2:
        return
    bars = architecture.bars(on_map)
    known = {bar.site for bar in bars}
    key = f"map_{name}"

    def heard() -> None:
        site = sent(key, "chosen")
        if isinstance(site, str) and site in known:
            address.write({name: site})

    told = [asdict(bar) | {"title": visible(bar.title), "block": visible(bar.block)} for bar in bars]
    data = {
        "bars": tuple(told),
        "chosen": next((number for number, bar in enumerate(bars) if bar.site == str(chosen)), -1),
        "label": label,
    }
    _component(key=key, data=newest.stamped(key, data), on_chosen_change=heard)
