"""On a narrow screen the sidebar covers the page: it is closed at the start and after a page is chosen from it, and two
buttons open it as a sheet, with the list of pages or with model, image and score. Escape closes it, and the keyboard is
back at the button.

Streamlit closes it only in the browser of a phone, and remembers for later visits that it was left open. On a narrow
screen this note is deleted: without it Streamlit closes the sidebar on narrow screens and opens it on wide ones.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import newest, unseen
from pages.streamlit_private import elements

WIDEST = 767
"""Pixels; in a window up to this width Streamlit draws the sidebar over the page."""

PAGES, CHOICES = "Pages", "Model, image, score"
_JS = """
export default function ({ data }) {
  if (window.gradvizNarrow) return;
  const narrow = window.gradvizNarrow = matchMedia(`(max-width: ${data.widest}px)`);
  const find = (selector) => document.querySelector(selector);
  const close = () => {
    const within = find(data.sidebar)?.contains(document.activeElement);
    find(data.closing)?.click();
    if (within) find(data.main)?.focus({ preventScroll: true });
  };
  const forget = () => {
    const notes = Object.keys(localStorage).filter((name) => name.startsWith(data.note));
    for (const name of notes) localStorage.removeItem(name);
  };
  window.addEventListener("click", ({ target }) => {
    if (!narrow.matches) return;
    if (target.closest(data.link)) setTimeout(close);
    setTimeout(forget);
  }, true);
  window.addEventListener("keydown", (event) => {
    if (!narrow.matches || event.key !== "Escape" || event.defaultPrevented) return;
    if (find(data.sidebar)?.contains(document.activeElement)) find(data.closing)?.click();
  });
  if (narrow.matches && !performance.interactionCount) close();
}
"""
_OPEN = """
function render({ data, parentElement }) {
  const find = (selector) => document.querySelector(selector);
  const back = (button) => {
    const now = document.activeElement;
    if (!now || now === document.body || find(data.sidebar)?.contains(now)) button.focus();
  };
  for (const button of parentElement.querySelectorAll("button")) {
    button.hidden = button.value === "choices" && !data.choices;
    button.onclick = () => {
      document.body.dataset.sheet = button.value;
      find(data.opening)?.click();
      setTimeout(() => {
        const closing = find(data.closing);
        closing?.focus();
        closing?.addEventListener("click", () => setTimeout(() => back(button)), { once: true });
      });
    };
  }
}
"""
_LOOKS = """
div { display: flex; gap: 0.5rem; }
button { flex: 1 1 auto; min-height: 2.4rem; font: inherit; font-weight: 600; cursor: pointer; text-align: left;
  padding: 0 0.75rem; color: var(--st-text-color); background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button[value=choices] { flex-grow: 3; }
"""
STYLE = f"""
.st-key-sheet {{ display: none; }}
@media (max-width: {WIDEST}px) {{
  .st-key-sheet {{ display: block; min-height: 2.4rem; }}
  {elements.OPEN_SIDEBAR} {{ display: none; }}
  body[data-sheet=choices] {elements.PAGES_IN_SIDEBAR} {{ display: none; }}
  body[data-sheet=pages] {elements.SIDEBAR_OF_THE_PAGE} {{ display: none; }}
}}
"""
_NAMES = {
    "sidebar": elements.SIDEBAR,
    "closing": elements.CLOSE_SIDEBAR,
    "main": elements.MAIN,
    "link": elements.LINK_IN_SIDEBAR,
    "note": elements.CLOSED_SIDEBAR_NOTE,
}
_open = st.components.v2.component(
    "gradviz_sheet",
    html=f"<div><button value='choices'>{CHOICES}</button><button value='pages'>{PAGES}</button></div>",
    js=newest.script(_OPEN),
    css=_LOOKS,
)
_component = st.components.v2.component("gradviz_narrow", html="<span></span>", js=_JS)


def keep_clear() -> None:
    """From now on, the sidebar of a narrow screen closes by itself."""
    with unseen.place():
        _component(key="narrow", data={"widest": WIDEST, **_NAMES})


def sheets(*, choices: bool) -> None:
    """The buttons that open the sidebar, on a narrow screen; ``choices`` where a model and an image are chosen."""
    with st.container(key="sheet"):
        data = {
            "choices": choices,
            "opening": elements.OPEN_SIDEBAR,
            "closing": elements.CLOSE_SIDEBAR,
            "sidebar": elements.SIDEBAR,
        }
        _open(key="open_sheet", data=newest.stamped("open_sheet", data))
