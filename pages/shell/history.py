"""To go to another page is one step in the browser's history.

A choice is one step by itself. But on the way to another page Streamlit takes all choices out of the address, and the
next page brings them back: two or three entries, and the way back would lead through views that nobody ever saw. So
what is written without the person having done anything since the last entry replaces it; and until the next page is
there, all is one step, however often an impatient person clicks.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen

LEAVING_MS = 3000
"""The longest that the way to another page is waited for."""

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
    """Let the way to another page become one entry, from now on."""
    with unseen.place():
        _component(key="history", data={"leaving": LEAVING_MS})
