"""Walking through the story: which view is open, and the row of links that leads to the others.

The links are real ones, so each view can be copied or opened in a tab of its own; a plain click, and the arrows of the
keyboard, change the view without loading the page again.
"""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from gradviz_core.story.views import VIEWS, View
from pages.shell import address, newest
from pages.shell.clicks import sent
from pages.shell.parameters import Parameter
from pages.streamlit_private import elements

PARAMETERS = (
    Parameter("story"),
    *(Parameter(view.slider.name, within=("story",)) for view in VIEWS if view.slider is not None),
)
NAMES = tuple(view.name for view in VIEWS)
SLIDERS = tuple(f"shown_{view.slider.name}" for view in VIEWS if view.slider is not None)
"""Their keys on the page."""
KEY = "story_walk"
PATIENCE_MS = 5000
"""So long a press counts from the view that was asked for last, though it is not there yet."""

_HTML = """<nav class="gradviz-walk" aria-label="Story">
  <a class="step before"><span aria-hidden="true">◂</span> Previous</a>
  <ol></ol>
  <a class="step after">Next <span aria-hidden="true">▸</span></a>
  <p role="status"></p>
</nav>"""
STYLE = """
.gradviz-walk { position: fixed; inset: auto 0 0 0; z-index: 100; display: flex; align-items: center;
  justify-content: space-between; gap: 0.5rem; padding: 0.4rem 2rem 0.8rem; background: var(--st-background-color); }
.gradviz-walk ol { display: flex; flex-wrap: wrap; justify-content: center; list-style: none; margin: 0; padding: 0; }
.gradviz-walk li { margin: 0; padding: 0; }
.gradviz-walk a { color: inherit; text-decoration: none; border-radius: var(--st-base-radius); }
.gradviz-walk a.step { padding: 0.6rem 1rem; border: 1px solid var(--st-border-color); white-space: nowrap; }
.gradviz-walk a.step:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.gradviz-walk a.step:not([href]) { visibility: hidden; }
.gradviz-walk li a { display: block; padding: 0.6rem 0.46rem; }
.gradviz-walk li a span { display: block; width: 0.7rem; height: 0.7rem; border-radius: 50%;
  border: 1.5px solid color-mix(in srgb, currentColor 60%, transparent); }
.gradviz-walk li a:hover span { border-color: var(--st-primary-color); }
.gradviz-walk li a[aria-current] span { background: var(--st-primary-color); border-color: var(--st-primary-color); }
.gradviz-walk p { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; margin: 0; overflow: hidden; }
.gradviz-walk a:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
@media (max-width: 767px) {
  .gradviz-walk { padding: 0.4rem 0.75rem; border-top: 1px solid var(--st-border-color); }
  .gradviz-walk a.step { padding: 0.6rem 0.5rem; }
  .gradviz-walk li a { padding: 0.6rem 0.1rem; }
  .gradviz-walk li a span { width: 0.5rem; height: 0.5rem; }
}
"""
_JS = """
function render({ data, parentElement, setTriggerValue }) {
  parentElement.forget?.();
  const nav = parentElement.querySelector(".gradviz-walk"), list = nav.querySelector("ol");
  const lead = (link, view) => {
    if (!view) { link.removeAttribute("href"); delete link.dataset.name; return; }
    link.href = view.address;
    link.dataset.name = view.name;
  };
  list.replaceChildren(...data.views.map((view, number) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.append(document.createElement("span"));
    link.title = `${number + 1}. ${view.title}`;
    link.setAttribute("aria-label", link.title);
    if (number === data.here) link.setAttribute("aria-current", "page");
    lead(link, view);
    item.append(link);
    return item;
  }));
  lead(nav.querySelector(".before"), data.views[data.here - 1]);
  lead(nav.querySelector(".after"), data.views[data.here + 1]);
  if (nav.here !== undefined && nav.here !== data.here) {
    document.querySelector(data.main)?.scrollTo(0, 0);
    nav.querySelector("p").textContent = `${data.here + 1} of ${data.views.length}: ${data.views[data.here]?.title}`;
  }
  nav.here = data.here;
  if (nav.wanted === data.here) delete nav.wanted;
  const go = (number) => {
    if (!data.views[number]) return;
    nav.wanted = number;
    clearTimeout(nav.waiting);
    nav.waiting = setTimeout(() => { delete nav.wanted; }, data.patience);
    setTriggerValue("go", data.views[number].name);
  };
  const by = (steps) => go((nav.wanted ?? data.here) + steps);
  nav.onclick = (event) => {
    const link = event.target.closest("a[data-name]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const steps = { before: -1, after: 1 }[link.classList[1]];
    if (steps) by(steps); else go(data.views.findIndex((view) => view.name === link.dataset.name));
  };
  const takesArrows = "input, textarea, select, [contenteditable], [role=slider], [role=radiogroup], [role=listbox],"
    + " [role=tablist], [role=dialog]";
  const press = (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!steps || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (event.defaultPrevented || event.composedPath()[0].closest?.(takesArrows)) return;
    event.preventDefault();
    by(steps);
  };
  document.addEventListener("keydown", press);
  parentElement.forget = () => document.removeEventListener("keydown", press);
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_walk", html=_HTML, js=newest.script(_JS), isolate_styles=False)


def chosen() -> View:
    """The open view; the first by default.

    Raises:
        NoSuchChoice: the address names another one.
    """
    name = address.read("story", NAMES[0])
    if name not in NAMES:
        rule = f"it must be one of {', '.join(NAMES)}. Choose one of them."
        raise address.NoSuchChoice(f"The story has no view {name[:60]!r}: {rule}", "story")
    return VIEWS[NAMES.index(name)]


def links(here: View | None) -> None:
    """The row of links: previous, a dot for each view, next. Without an open view the dots alone lead on."""
    views = [{"name": view.name, "title": view.title, "address": _address(view)} for view in VIEWS]
    open_at = -1 if here is None else NAMES.index(here.name)
    data = {"views": views, "here": open_at, "main": elements.MAIN, "patience": PATIENCE_MS}
    _component(key=KEY, data=newest.stamped(KEY, data), on_go_change=_go)


def _go() -> None:
    """Open the view that the browser names; anything else it may send is ignored."""
    name = sent(KEY, "go")
    if name in NAMES:
        address.write({"story": "" if name == NAMES[0] else name})


def _address(view: View) -> str:
    """The permalink of a view, relative to the address of any page."""
    return "story" if view.name == NAMES[0] else f"story?{urlencode({'story': view.name})}"
