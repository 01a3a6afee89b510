"""On a narrow screen the sidebar covers the page, so it is closed at the start and after a page is chosen from it.

Streamlit closes it only in the browser of a phone, and remembers for later visits that it was left open. On a narrow
screen this note is deleted: without it Streamlit closes the sidebar on narrow screens and opens it on wide ones.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen
from pages.streamlit_private import elements

WIDEST = 767
"""Pixels; in a window up to this width Streamlit draws the sidebar over the page."""

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
  if (narrow.matches && !performance.interactionCount) close();
}
"""
_NAMES = {
    "sidebar": elements.SIDEBAR,
    "closing": elements.CLOSE_SIDEBAR,
    "main": elements.MAIN,
    "link": elements.LINK_IN_SIDEBAR,
    "note": elements.CLOSED_SIDEBAR_NOTE,
}
_component = st.components.v2.component("gradviz_narrow", html="<span></span>", js=_JS)


def keep_clear() -> None:
    """From now on, the sidebar of a narrow screen closes by itself."""
    with unseen.place():
        _component(key="narrow", data={"widest": WIDEST, **_NAMES})
