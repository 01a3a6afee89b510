"""The newest data of a component wins.

Streamlit imports the script of a component for each of its messages. While the first import is still loading, a second
one may be answered before it (Chromium answers those that wait in any order), so the component would be drawn with the
older data last. Each message says when its data were new; data that are older than what is drawn are not drawn.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

import streamlit as st

NEW = "newSince"
MOST = 64
"""Components of a session that are remembered, those that were drawn last: more than a page has."""
_ENDING = f"""
const newest = new WeakMap();
export default function (message) {{
  const {{ parentElement, data }} = message;
  if (data.{NEW} < newest.get(parentElement)) return undefined;
  newest.set(parentElement, data.{NEW});
  return render(message);
}}
"""


def script(render: str) -> str:
    """The script of a component that defines the function ``render(message)``, and gets its data by ``stamped``."""
    return render + _ENDING


def stamped(key: str, data: Mapping[str, object]) -> dict[str, object]:
    """The data of the component ``key``, with the time in microseconds since when this session draws it so."""
    seen = cast(dict[str, tuple[int, int]], st.session_state.setdefault("newest", {}))
    print_of_data = hash(repr(data))
    before, since = seen.pop(key, (None, 0))
    if before != print_of_data:
        since = max(time.time_ns() // 1000, *(stamp + 1 for _, stamp in seen.values()), since + 1)
    seen[key] = print_of_data, since
    if len(seen) > MOST:
        del seen[next(iter(seen))]
    return {**data, NEW: since}
