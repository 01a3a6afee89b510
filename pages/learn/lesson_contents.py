"""The table of contents of a lesson: its steps by their titles, which one is open, and which ones are done.

The links are real ones, so each step can be copied or opened in a tab of its own; a plain click, and the arrows of the
keyboard, change the step without loading the page again. On a phone the list stands at the foot and opens upwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from gradviz_core.types.lesson_cards import Lesson
from pages.learn import lesson_memory
from pages.shell import address, newest
from pages.shell.clicks import sent
from pages.shell.parameters import Parameter
from pages.streamlit_private import elements

PARAMETERS = (Parameter("lesson_step", within=("lesson",)),)
PREDICT = "predict"
"""The question at the end of a lesson, in the address."""
KEY = "lesson_contents_list"

_HTML = """<nav aria-label="Steps of the lesson">
  <a class="turn before"><span aria-hidden="true">◂</span> Previous</a>
  <button type="button" aria-expanded="false" aria-controls="steps"></button>
  <ol id="steps"></ol>
  <a class="turn after">Next <span aria-hidden="true">▸</span></a>
  <p role="status"></p>
</nav>"""
_CSS = """
nav { display: flex; align-items: stretch; gap: 0.5rem; min-height: 2.9rem; font: 0.85rem/1.25 var(--st-font);
  color: var(--st-text-color); }
a, button { color: inherit; font: inherit; text-decoration: none; border-radius: var(--st-base-radius); }
a:focus-visible, button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.turn { flex: none; display: flex; align-items: center; gap: 0.3rem; padding: 0 0.7rem; white-space: nowrap;
  border: 1px solid var(--st-border-color); }
.turn:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.turn:not([href]) { visibility: hidden; }
button { display: none; cursor: pointer; background: transparent; border: 1px solid var(--st-border-color); }
ol { flex: 1 1 auto; display: flex; gap: 2px; margin: 0; padding: 0; list-style: none; }
li { flex: 1 1 0; min-width: 0; }
li a { box-sizing: border-box; height: 100%; display: flex; align-items: center; gap: 0.45rem; padding: 0.2rem 0.4rem;
  border-bottom: 3px solid transparent; }
li a:hover { border-bottom-color: var(--st-border-color); }
li a[aria-current] { font-weight: 600; border-bottom-color: var(--st-primary-color); }
i { flex: none; display: grid; place-items: center; width: 1.35rem; height: 1.35rem; border-radius: 50%;
  font-style: normal; font-size: 0.8rem; border: 1.5px solid color-mix(in srgb, currentColor 60%, transparent); }
.done i { background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: light-dark(#ffffff, #0b1110); }
p { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; margin: 0; overflow: hidden; }
@media print { nav .turn { display: none; } }
@media (max-width: 767px) {
  nav { position: fixed; inset: auto 0 0 0; z-index: 100; padding: 0.4rem 0.75rem; justify-content: space-between;
    background: var(--st-background-color); border-top: 1px solid var(--st-border-color); }
  button { display: block; flex: 0 1 auto; padding: 0 0.8rem; }
  ol { display: none; position: absolute; inset: auto 0 100% 0; flex-direction: column; padding: 0.5rem 0.75rem;
    background: var(--st-background-color); border-top: 1px solid var(--st-border-color); }
  .open ol { display: flex; }
  li a { min-height: 2.6rem; }
}
"""
_JS = """
const PATIENCE_MS = 5000;  // so long a press counts from the step that was asked for last
function render({ data, parentElement, setTriggerValue }) {
  parentElement.forget?.();
  const find = (selector) => parentElement.querySelector(selector);
  const nav = find("nav"), button = find("button");
  const open = (whether) => {
    nav.classList.toggle("open", whether);
    button.setAttribute("aria-expanded", whether);
  };
  const lead = (link, step) => {
    if (!step) { link.removeAttribute("href"); delete link.dataset.key; return; }
    link.href = step.address;
    link.dataset.key = step.key;
  };
  find("ol").replaceChildren(...data.steps.map((step, number) => {
    const item = document.createElement("li"), link = document.createElement("a"), mark = document.createElement("i");
    mark.textContent = step.done ? "✓" : number + 1;
    mark.ariaHidden = "true";
    const title = document.createElement("span");
    title.textContent = step.title;
    link.append(mark, title);
    link.classList.toggle("done", step.done);
    link.setAttribute("aria-label", `${number + 1}. ${step.title}${step.done ? ", done" : ""}`);
    if (number === data.here) link.setAttribute("aria-current", "step");
    lead(link, step);
    item.append(link);
    return item;
  }));
  lead(find(".before"), data.steps[data.here - 1]);
  lead(find(".after"), data.steps[data.here + 1]);
  const said = data.here < 0 ? "Steps" : `Step ${data.here + 1} of ${data.steps.length}`;
  button.textContent = said;
  const told = data.here < 0 ? "" : `${said}: ${data.steps[data.here].title}`, status = find("p");
  if (status.textContent !== told) status.textContent = told;
  button.onclick = () => open(!nav.classList.contains("open"));
  if (nav.wanted === data.steps[data.here]?.key) delete nav.wanted;
  const go = (key) => {
    open(false);
    nav.wanted = key;
    clearTimeout(nav.waiting);
    nav.waiting = setTimeout(() => { delete nav.wanted; }, PATIENCE_MS);
    setTriggerValue("go", key);
  };
  const by = (steps) => {
    const wanted = data.steps.findIndex((step) => step.key === nav.wanted);
    const to = data.steps[(wanted < 0 ? data.here : wanted) + steps];
    if (to) go(to.key);
  };
  nav.onclick = (event) => {
    const link = event.target.closest("a[data-key]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const steps = { before: -1, after: 1 }[link.classList[1]];
    if (steps) by(steps); else go(link.dataset.key);
  };
  const takesArrows = "input, textarea, select, [contenteditable], [role=slider], [role=radiogroup], [role=listbox],"
    + " [role=tablist], [role=combobox], [role=dialog], pre, code, [tabindex]:not(body)";
  const press = (event) => {
    const from = event.composedPath()[0];
    if (event.key === "Escape" && nav.classList.contains("open")) { open(false); button.focus(); }
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!steps || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (data.here < 0 || from.closest?.(takesArrows)?.matches(`:not(${data.main})`)) return;
    event.preventDefault();
    by(steps);
  };
  document.addEventListener("keydown", press);
  parentElement.forget = () => document.removeEventListener("keydown", press);
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_lesson_contents", html=_HTML, css=_CSS, js=newest.script(_JS))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the table of contents."""

    key: str
    title: str


def entries(lesson: Lesson) -> tuple[Entry, ...]:
    """The steps of the lesson, and the question at its end."""
    steps = (Entry(card.key, card.title) for card in lesson.steps)
    return (*steps, Entry(PREDICT, lesson.prediction.title))


def chosen(lesson: Lesson) -> Entry:
    """The open step; the first by default. In addresses from before there were steps, an answer was always to the
    question at the end.

    Raises:
        NoSuchChoice: the address names another one.
    """
    there = {entry.key: entry for entry in entries(lesson)}
    key = address.read("lesson_step") or implied().get("lesson_step", lesson.steps[0].key)
    if key not in there:
        rule = f"it must be one of {', '.join(there)}. Choose one of them."
        raise address.NoSuchChoice(f"This lesson has no step {key[:60]!r}: {rule}", "lesson_step")
    return there[key]


def implied() -> dict[str, str]:
    """The step that the address means without naming it, for an address to be copied, which leaves out the answer."""
    return {"lesson_step": PREDICT} if address.read("guess") and not address.read("lesson_step") else {}


def links(lesson: Lesson, here: Entry | None) -> None:
    """The table. Without an open step it leads to all of them."""
    listed = entries(lesson)
    steps = [
        {
            "key": entry.key,
            "title": entry.title,
            "address": _address(lesson, entry),
            "done": lesson_memory.is_done(lesson.key, entry.key),
        }
        for entry in listed
    ]

    def go() -> None:
        """Open the step that the browser names, with the answer given there; anything else it may send is ignored."""
        key = sent(KEY, "go")
        if isinstance(key, str) and key in {entry.key for entry in listed}:
            address.write({"lesson_step": key, "guess": lesson_memory.guess(lesson.key, key)})

    data = {"steps": steps, "here": listed.index(here) if here is not None else -1, "main": elements.MAIN}
    _component(key=KEY, data=newest.stamped(KEY, data), on_go_change=go)


def _address(lesson: Lesson, entry: Entry) -> str:
    """The permalink of a step, relative to the address of any page."""
    place = {"lesson": lesson.key, "set": address.read("set"), "lesson_step": entry.key}
    return f"lessons?{urlencode({name: text for name, text in place.items() if text})}"
