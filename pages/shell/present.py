"""The presentation view of a page: its pictures with their scale, its sentence and the one control that matters, in
large type, and nothing else. ``present=1`` in the address, a button beside the title, and Escape to leave.

What a page draws is the same; a style sheet hides the rest. The page's card names the keys of what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shell import address, unseen
from pages.shell.parameters import Parameter
from pages.streamlit_private import elements

PARAMETERS = (Parameter("present"),)
ON = "1"
LEAVE = "leave_presentation"
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


def _leave() -> None:
    address.write({"present": ""})


def _style(shown: Sequence[str]) -> str:
    keys = [*(f".st-key-{key}" for key in (*shown, LEAVE)), '[class*="st-key-error_"]']
    inside = ", ".join((*keys, *(f"{key} *" for key in keys)))
    rest = f"""
{elements.MAIN_BLOCK} {elements.ELEMENT}:not({inside}),
{elements.MAIN_BLOCK} {elements.LAYOUT}:not(:has({", ".join(keys)})):not({inside}),
[class*="st-key-read_"] {{ display: none !important; }}
[class*="st-key-chart_"] {{ --most: calc(100vh - 13.5rem) !important; }}
"""
    return f"""
html {{ font-size: clamp(17px, 1.45vw, 32px) !important; }}
{elements.HEADER}, {elements.SIDEBAR}, {elements.OPEN_SIDEBAR}, .st-key-tools, .st-key-sheet {{
  display: none !important; }}
{elements.VIEW} {{ padding-left: 0 !important; }}
{elements.MAIN_BLOCK} {{ padding: 1rem 2rem !important; }}
.st-key-{LEAVE} {{ position: fixed; top: 0.3rem; right: 0.6rem; z-index: 999990; width: auto !important; }}
{elements.CHART} text {{ font-size: clamp(12px, 0.95vw, 20px) !important; }}
{rest if shown else ""}"""
