"""The strip of all steps, and the buttons and keys that play them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from pages.shell import newest
from pages.shell.clicks import sent

SPEEDS = (0.5, 1.0, 2.0, 4.0)
"""Steps in a second."""

_HTML = """<div class="player" role="group" aria-label="Play the passes">
  <div class="buttons">
    <button type="button" data-go="first" aria-label="To the start" title="To the start (Home)">
      <span aria-hidden="true">skip_previous</span></button>
    <button type="button" data-go="back" aria-label="One step back" title="One step back (left arrow)">
      <span aria-hidden="true">chevron_left</span></button>
    <button type="button" data-go="play" class="play" title="Play or pause (space)"></button>
    <button type="button" data-go="on" aria-label="One step on" title="One step on (right arrow)">
      <span aria-hidden="true">chevron_right</span></button>
    <button type="button" data-go="last" aria-label="To the end" title="To the end (End)">
      <span aria-hidden="true">skip_next</span></button>
    <i class="turn"></i>
    <label>Speed <select></select></label>
    <span class="where" role="status"></span>
  </div>
  <div class="strip" role="slider" tabindex="0" aria-label="Step"></div>
  <div class="names" aria-hidden="true"></div>
</div>"""
_CSS = """
.player { font: 0.875rem/1.3 var(--st-font); color: var(--st-text-color); }
.buttons { display: flex; gap: 0.35rem; align-items: center; flex-wrap: wrap; margin-bottom: 0.4rem; }
button, select { font: inherit; color: inherit; background: var(--st-background-color); cursor: pointer;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); min-height: 2rem;
  padding: 0 0.6rem; }
button.play { min-width: 5.6rem; background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: light-dark(#ffffff, #0b1110); }
button:hover, select:hover { border-color: var(--st-primary-color); }
button:focus-visible, select:focus-visible, .strip:focus-visible { outline: 2px solid var(--st-text-color);
  outline-offset: 1px; }
button[aria-disabled=true] { opacity: 0.45; cursor: default; }
button span { display: inline-block; width: 1.2rem; height: 1.2rem; overflow: hidden; vertical-align: -0.25em;
  font: 1.2rem/1 "Material Symbols Rounded"; font-feature-settings: "liga"; }
.turn { display: none; }
@media (max-width: 767px) { .turn { display: block; flex-basis: 100%; } }
.where { margin-left: 0.4rem; font-variant-numeric: tabular-nums; }
.strip { display: flex; height: 1.5rem; gap: 1px; cursor: pointer; min-width: 0; }
.strip.many { gap: 0; }
.strip i { flex: 1 1 0; min-width: 0; background: var(--st-secondary-background-color);
  border-bottom: 3px solid transparent; }
.strip:not(.many) i.start { margin-left: 2px; }
.strip i.now { outline: 2px solid var(--st-text-color); outline-offset: 0; z-index: 1; }
.strip i.broken { border-bottom-color: var(--st-red-color); }
.names { display: flex; gap: 1px; height: 1.1rem; font-size: 0.72rem; overflow: hidden; }
@media print { button, label { display: none; } }
.names span { min-width: 0; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; padding-left: 3px;
  color: color-mix(in srgb, currentColor 72%, transparent); }
"""
_JS = """
const REST_MS = 150, PATIENCE_MS = 5000;
function render({ data, parentElement, setTriggerValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const strip = find(".strip"), where = find(".where"), play = find(".play");
  const speed = find("select"), names = find(".names");
  const self = (parentElement.player ??= { playing: false, at: data.position, timer: null, began: 0 });
  const count = data.steps.length, last = 2 * count - 1;
  parentElement.forget?.();
  if (self.wanted === data.position || !(performance.now() < self.until)) delete self.wanted;
  self.at = self.wanted ?? data.position;

  const send = () => { self.unsent = false; setTriggerValue("went", self.at); };
  const rest = () => { self.resting = setTimeout(send, REST_MS); };
  const go = (to, atOnce = false) => {
    const at = Math.max(0, Math.min(last, to));
    if (at === self.at) return;
    self.at = self.wanted = at;
    self.began = performance.now();
    self.until = self.began + PATIENCE_MS;
    mark();
    clearTimeout(self.resting);
    self.unsent = true;
    if (atOnce) send(); else rest();
  };
  const halt = () => { clearTimeout(self.timer); self.playing = false; mark(); };
  const tick = () => {
    clearTimeout(self.timer);
    if (!self.playing || self.wanted !== undefined) return;
    if (self.at >= last) return halt();
    const passed = performance.now() - self.began;
    self.timer = setTimeout(() => self.playing && go(self.at + 1, true), Math.max(0, 1000 / data.speed - passed));
  };
  const toggle = () => {
    if (self.playing) return halt();
    self.playing = true;
    mark();
    if (self.at >= last) go(0, true);
    else { self.began = performance.now(); tick(); }
  };
  const number = (at) => (at < count ? at : last - at);
  const mark = () => {
    const back = self.at >= count, now = number(self.at);
    strip.querySelectorAll("i").forEach((cell, i) => {
      const done = back ? i >= now : i <= now;
      const level = data.steps[i].level;
      cell.className = [i === now && "now", data.steps[i].start && "start", i === data.broken && "broken"]
        .filter(Boolean).join(" ");
      const full = back ? "var(--st-primary-color)" : "color-mix(in srgb, var(--st-text-color) 45%, transparent)";
      cell.style.background = !done ? "" : back && level < 0 ? "var(--st-red-background-color)"
        : `color-mix(in srgb, ${full} ${back ? 15 + 85 * level : 100}%, var(--st-secondary-background-color))`;
    });
    const said = `${back ? "Back" : "Forward"}, step ${back ? self.at - count + 1 : self.at + 1} of ${count}: ` +
      data.steps[now].name;
    where.textContent = said;
    for (const [name, value] of Object.entries({ min: 0, max: last, now: self.at, text: said }))
      strip.setAttribute(`aria-value${name}`, value);
    const icon = document.createElement("span");
    icon.textContent = self.playing ? "pause" : "play_arrow";
    icon.ariaHidden = true;
    play.replaceChildren(icon, self.playing ? " Pause" : " Play");
    where.ariaLive = self.playing ? "off" : "polite";
    for (const [name, end] of Object.entries({ first: 0, back: 0, on: last, last }))
      find(`[data-go=${name}]`).ariaDisabled = self.at === end;
  };

  const drawn = JSON.stringify([data.steps.map((step) => [step.name, step.start])]);
  if (strip.dataset.drawn !== drawn) {
    strip.dataset.drawn = drawn;
    strip.replaceChildren(...data.steps.map((step) => {
      const cell = document.createElement("i");
      cell.title = step.title;
      return cell;
    }));
    const blocks = [];
    for (const step of data.steps) {
      if (step.start || !blocks.length) blocks.push({ name: step.block, size: 0 });
      blocks.at(-1).size += 1;
    }
    names.replaceChildren(...blocks.map((block) => {
      const label = document.createElement("span");
      label.textContent = label.title = block.name;
      label.style.flex = `${block.size} 1 0`;
      return label;
    }));
  }
  strip.classList.toggle("many", count > 80);
  strip.querySelectorAll("i").forEach((cell, i) => { cell.title = data.steps[i].title; });
  if (!speed.length) speed.replaceChildren(...data.speeds.map((value) => new Option(`${value} / s`, value)));
  speed.value = data.speed;
  speed.onchange = () => setTriggerValue("sped", Number(speed.value));
  strip.onclick = ({ target }) => {
    const i = [...strip.children].indexOf(target);
    if (i < 0) return;
    halt();
    go(self.at >= count ? last - i : i);
  };
  const steps = { first: () => go(0), back: () => go(self.at - 1), on: () => go(self.at + 1), last: () => go(last) };
  parentElement.querySelectorAll("button").forEach((button) => {
    button.onclick = () => {
      if (button.dataset.go === "play") return toggle();
      halt();
      steps[button.dataset.go]();
    };
  });
  const keys = { ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last" };
  const press = (event) => {
    const from = event.composedPath()[0];
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const used = "input, textarea, select, [contenteditable], [role=dialog], [role=radio], [role=slider], " +
      "[role=tab], [role=option], [role=combobox], [role=menuitem]";
    if (from !== strip && from.closest?.(used)) return;
    if (event.key === " " && from.closest?.("button, a, summary")) return;
    if (!event.key.startsWith("Arrow") && !event.composedPath().includes(strip.parentElement)) return;
    if (event.key === " ") toggle();
    else if (keys[event.key]) { halt(); steps[keys[event.key]](); }
    else return;
    event.preventDefault();
  };
  const hide = () => document.hidden && halt();
  document.addEventListener("keydown", press);
  document.addEventListener("visibilitychange", hide);
  parentElement.forget = () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("visibilitychange", hide);
    clearTimeout(self.timer);
    clearTimeout(self.resting);
  };
  if (self.unsent) rest();
  mark();
  tick();
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_player", html=_HTML, css=_CSS, js=newest.script(_JS))


@dataclass(frozen=True, slots=True)
class Cell:
    """One step in the strip."""

    name: str
    title: str
    """Under the pointer."""
    block: str
    """The block that it belongs to."""
    start: bool
    """Whether it is the first of its block."""
    level: float
    """How large the gradient at its output is, 0 to 1; negative where none arrives."""


def player(
    cells: Sequence[Cell],
    position: int,
    broken: int,
    speed: float,
    went: Callable[[int], None],
    sped: Callable[[float], None],
) -> None:
    """Draw it. ``went`` is called with each new position, ``sped`` with each new speed, before the page is drawn."""

    def heard() -> None:
        to = sent("player", "went")
        if isinstance(to, int | float) and 0 <= to < 2 * len(cells):
            went(int(to))

    def heard_speed() -> None:
        to = sent("player", "sped")
        if to in SPEEDS and isinstance(to, int | float):
            sped(float(to))

    data = {
        "steps": tuple(asdict(cell) for cell in cells),
        "position": position,
        "broken": broken,
        "speed": speed,
        "speeds": SPEEDS,
    }
    _component(key="player", data=newest.stamped("player", data), on_went_change=heard, on_sped_change=heard_speed)
