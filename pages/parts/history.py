"""One choice is one step in the browser's history, however many parameters of the address it changes.

Streamlit writes an entry for each parameter: a new model, which lets target, site and place fall, made six, and the way
back led through views that nobody ever saw. What is written within a moment of the last entry replaces it. An address
that loses all its choices, as it does on the way to another page, waits longer for what comes next.
"""

from __future__ import annotations

import streamlit as st

from pages.parts import unseen

MOMENT_MS = 500
"""Entries that follow one another faster than this are one choice."""
LEAVING_MS = 3000
"""The same, after an entry that took every choice out of the address."""

_JS = """
export default function ({ data }) {
  if (window.gradvizPush) return;
  const push = window.gradvizPush = window.history.pushState.bind(window.history);
  let [written, moment] = [-Infinity, data.moment];
  window.history.pushState = (state, title, address) => {
    const now = performance.now(), same = now - written < moment, next = new URL(address ?? "", location.href);
    const emptied = location.search && !next.search && location.pathname === next.pathname;
    [written, moment] = [now, emptied ? data.leaving : data.moment];
    if (same) window.history.replaceState(state, title, address);
    else push(state, title, address);
  };
}
"""
_component = st.components.v2.component("gradviz_history", html="<span></span>", js=_JS)


def gather() -> None:
    """Let quick entries become one, from now on."""
    with unseen.place():
        _component(key="history", data={"moment": MOMENT_MS, "leaving": LEAVING_MS})
