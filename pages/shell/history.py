"""Opening another page is one step in the browser's history.

Each choice is one step. But when another page is opened, Streamlit removes all choices from the address, and the next
page writes them back: two or three entries, so that the back button would lead through views that nobody saw. So an
entry that is written without any action of the person replaces the last one, and until the next page is there, all
entries are one step, however often an impatient person clicks.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen

LEAVING_MS = 3000
"""The longest time that opening another page may take."""

_JS = """
export default function ({ data }) {
  if (window.gradvizPush) return;
  const push = window.gradvizPush = window.history.pushState.bind(window.history);
  let acted = false, left = -Infinity;
  for (const act of ["pointerdown", "keydown", "click"]) window.addEventListener(act, () => { acted = true; }, true);
  window.history.pushState = (state, title, address) => {
    const now = performance.now(), next = new URL(address ?? "", location.href);
    const same = !acted || now - left < data.leaving;
    const emptied = new URLSearchParams(location.search).size > 1 && !next.search;
    if (location.pathname !== next.pathname) left = -Infinity;
    else if (emptied) left = now;
    acted = false;
    if (same) window.history.replaceState(state, title, address);
    else push(state, title, address);
  };
}
"""
_component = st.components.v2.component("gradviz_history", html="<span></span>", js=_JS)


def gather() -> None:
    """From now on, opening another page is one entry in the history."""
    with unseen.place():
        _component(key="history", data={"leaving": LEAVING_MS})
