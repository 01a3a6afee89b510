"""The presentation view of a page: its pictures with their scale, its sentence and the one control that matters, in
large type, and nothing else. ``present=1`` in the address, a button beside the title, and Escape to leave.

What a page draws is the same; a style sheet hides the rest. The page's card names the keys of what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.shell import address, narrow, unseen
from pages.shell.parameters import Parameter
from pages.streamlit_private import elements

NAME = "present"
PARAMETERS = (Parameter(NAME),)
ON = "1"
LEAVE = "leave_presentation"
LARGER = 1.25
"""How much larger a chart with axes is than on its page."""
_JS = """
export default function ({ parentElement, setTriggerValue }) {
  parentElement.forget?.();
  const press = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) setTriggerValue("left", true);
  };
  document.addEventListener("keydown", press);
  parentElement.forget = () => document.removeEventListener("keydown", press);
  return parentElement.forget;
}
"""
_component = st.components.v2.component("gradviz_present", html="<span></span>", js=_JS)


def button() -> None:
    """The button that begins it."""
    st.button("Present", icon=":material/slideshow:", key="present", on_click=address.write, args=({"present": ON},))


def begin(shown: Sequence[str]) -> None:
    """Show nothing but the elements with these keys, if the address asks for that; all of the page, without what stands
    round it, where there are no keys.

    Raises:
        NoSuchChoice: the address asks for anything else.
    """
    asked = address.read("present")
    if not asked:
        return
    if asked != ON:
        raise address.NoSuchChoice(f"Present cannot be {asked[:60]!r}: it must be 1. Leave it out.", "present")
    st.html(f"<style>{_style(shown)}</style>")
    st.button("Leave", icon=":material/close:", key=LEAVE, type="tertiary", on_click=_leave, help="Escape")
    with unseen.place():
        _component(key="present_escape", on_left_change=_leave)


def on() -> bool:
    """Whether the page is being presented."""
    return address.read(NAME) == ON


def enlarged(figure: go.Figure) -> go.Figure:
    """A chart with axes whose words, margins and height are ``LARGER``: the style sheet cannot do that, as Plotly makes
    room for words as they are when it draws. A picture is returned as it is."""
    layout = figure.layout.to_plotly_json()
    if (layout.get("meta") or {}).get("rows_per_column"):
        return figure
    margin = {side: LARGER * length for side, length in layout.get("margin", {}).items() if side in "lrtb"}
    higher = {"height": LARGER * layout["height"]} if layout.get("height") else {}
    return go.Figure(figure.data, _larger_words(layout) | higher | {"margin": layout.get("margin", {}) | margin})


def _larger_words(part: dict[str, Any]) -> dict[str, Any]:
    """The same part of a layout; the ``size`` of every font in it, at any depth, is larger."""
    return {name: _larger_font(name, each) for name, each in part.items()}


def _larger_font(name: str, part: Any) -> Any:
    if isinstance(part, list | tuple):
        return [_larger_font(name, each) for each in part]
    if not isinstance(part, dict):
        return part
    if name.endswith("font") and "size" in part:
        return part | {"size": LARGER * part["size"]}
    return _larger_words(part)


def _leave() -> None:
    address.write({"present": ""})


def _style(shown: Sequence[str]) -> str:
    keys = [*(f".st-key-{key}" for key in (*shown, LEAVE)), '[class*="st-key-error_"]']
    inside = ", ".join((*keys, *(f"{key} *" for key in keys)))
    rest = f"""
{elements.MAIN_BLOCK} {elements.ELEMENT}:not({inside}),
{elements.MAIN_BLOCK} {elements.LAYOUT}:not(:has({", ".join(keys)})):not({inside}),
[class*="st-key-read_"], .gradviz-check {{ display: none !important; }}
[class*="st-key-chart_"] {{ --most: calc(100vh - 15.6rem) !important; }}
[class*="st-key-column_"], .st-key-all_channels, .st-key-flow_room, .st-key-beside_title {{
  min-height: 0 !important; }}
:is(.st-key-shown_channel, .st-key-shown_output) {{ width: 11rem !important; }}
@media (max-width: {narrow.WIDEST}px) {{
  [class*="st-key-chart_"] {{ --most: min(var(--high), 70vh) !important; }}
}}
"""
    return f"""
html {{ font-size: clamp(17px, 1.45vw, 32px) !important; }}
{elements.HEADER}, {elements.SIDEBAR}, {elements.OPEN_SIDEBAR}, .st-key-tools, .st-key-sheet {{
  display: none !important; }}
{elements.VIEW} {{ padding-left: 0 !important; }}
{elements.MAIN_BLOCK} {{ padding: 3rem 2rem 1rem !important; }}
.st-key-{LEAVE} {{ position: fixed; top: 0.3rem; right: 0.6rem; z-index: 999990; width: auto !important; }}
{elements.CHART} :is(.cbaxis, .cbtitle) text {{ font-size: clamp(12px, 0.95vw, 20px) !important; }}
.st-key-lesson_program {elements.CODE} :is(pre, code) {{ font-size: 0.85rem !important; }}
@media (max-width: {narrow.WIDEST}px) {{ {elements.MAIN_BLOCK} {{ padding: 3rem 1rem 1rem !important; }} }}
{rest if shown else ""}"""
