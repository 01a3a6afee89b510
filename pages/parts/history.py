"""One choice is one step in the browser's history, however many parameters of the address it changes.

Streamlit writes an entry for each parameter: a new model, which lets target, site and place fall, made six, and the way
back led through views that nobody ever saw. What is written within a moment of the last entry replaces it.
"""

from __future__ import annotations

import streamlit as st

from pages.parts import unseen

MOMENT_MS = 500
"""Entries that follow one another faster than this are one choice."""

_JS = """
export default function ({ data }) {
  if (window.gradvizPush) return;
  const push = window.gradvizPush = window.history.pushState.bind(window.history);
  let written = -Infinity;
  window.history.pushState = (state, title, address) => {
    const now = performance.now(), same = now - written < data.moment;
    written = now;
    if (same) window.history.replaceState(state, title, address);
    else push(state, title, address);
  };
}
"""
_component = st.components.v2.component("gradviz_history", html="<span></span>", js=_JS)


def gather() -> None:
    """Let quick entries become one, from now on."""
    with unseen.place():
        _component(key="history", data={"moment": MOMENT_MS})
