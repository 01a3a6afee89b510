"""One choice is one step in the browser's history, however many parameters of the address it changes.

Streamlit writes an entry for each parameter: a new model, which lets target, site and place fall, made six, and the way
back led through views that nobody ever saw. What is written without the person having done anything since the last
entry is of the same choice, and replaces it; so is what follows within a blink, since a second click can fall between
two parameters of the first. On the way to another page Streamlit takes all choices out of the address, and the next
page brings them back: until it is there, all is one step, however often an impatient person clicks.
"""

from __future__ import annotations

import streamlit as st

from pages.shell import unseen

BLINK_MS = 100
"""Entries that follow one another faster than this are one choice: nobody sees a page, and chooses, in that time."""
LEAVING_MS = 3000
"""The longest that the way to another page is waited for."""

_JS = """
export default function ({ data }) {
  if (window.gradvizPush) return;
  const push = window.gradvizPush = window.history.pushState.bind(window.history);
  let [acted, written, left] = [false, -Infinity, -Infinity];
  for (const act of ["pointerdown", "keydown", "click"]) window.addEventListener(act, () => { acted = true; }, true);
  window.history.pushState = (state, title, address) => {
    const now = performance.now(), next = new URL(address ?? "", location.href);
    const same = !acted || now - written < data.blink || now - left < data.leaving;
    const emptied = new URLSearchParams(location.search).size > 1 && !next.search;
    if (location.pathname !== next.pathname) left = -Infinity;
    else if (emptied) left = now;
    [acted, written] = [false, now];
    if (same) window.history.replaceState(state, title, address);
    else push(state, title, address);
  };
}
"""
_component = st.components.v2.component("gradviz_history", html="<span></span>", js=_JS)


def gather() -> None:
    """Let what is written for one choice become one entry, from now on."""
    with unseen.place():
        _component(key="history", data={"blink": BLINK_MS, "leaving": LEAVING_MS})
