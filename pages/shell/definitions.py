"""The definition of a term where it stands in a sentence: under the pointer, at the keyboard's focus, and at a touch.

``words.explained`` writes a term as a link to the glossary. This small component shows its definition beside it. A
plain click or touch shows it too, and Escape takes it away; opened in a new tab, the link leads to the glossary.
"""

from __future__ import annotations

import streamlit as st

from gradviz_core.text.glossary import MEANINGS
from pages.shell import unseen, words
from pages.streamlit_private import elements

BOX = "gradviz-definition"
_LINK = f'a[href*="{words.TO_A_TERM}"]'
STYLE = f"""
{elements.APP} {_LINK}, .gradviz-check {_LINK}, [data-baseweb] {_LINK} {{ color: inherit !important; cursor: help;
  text-decoration: underline dotted 1px !important; text-underline-offset: 0.2em; }}
{_LINK}:focus-visible {{ outline: 2px solid currentColor; outline-offset: 1px; }}
#{BOX} {{ position: fixed; z-index: 2000000; box-sizing: border-box; width: max-content;
  max-width: min(22rem, calc(100vw - 1rem)); padding: 0.5rem 0.7rem; font-size: 0.875rem; line-height: 1.4;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: 0.4rem;
  box-shadow: 0 2px 8px rgb(0 0 0 / 0.2); }}
#{BOX}[hidden] {{ display: none; }}
@media print {{ #{BOX} {{ display: none; }} {_LINK} {{ text-decoration: none !important; }} }}
"""
_JS = """
export default function ({ data }) {
  if (document.getElementById(data.box)) return;
  const box = Object.assign(document.createElement("div"), { id: data.box, hidden: true });
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let shown = null;
  const term = (event) => event.target.closest?.(data.link);
  const hide = () => {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    box.hidden = true;
  };
  const place = () => {
    if (!shown) return;
    if (!shown.isConnected) return hide();
    const word = shown.getClientRects()[0], { width, height } = box.getBoundingClientRect();
    const below = word.bottom + height <= innerHeight;
    box.style.top = `${below ? word.bottom : word.top - height}px`;
    box.style.left = `${Math.max(8, Math.min(word.left, innerWidth - width - 8))}px`;
  };
  const show = (link) => {
    const name = decodeURIComponent(link.hash.slice(1)), meaning = data.meanings[name];
    if (!meaning) return;
    if (shown !== link) hide();
    shown = link;
    const strong = Object.assign(document.createElement("strong"), { textContent: name });
    box.replaceChildren(strong, `: ${meaning}`);
    const { color, backgroundColor, fontFamily } = getComputedStyle(document.querySelector(data.app));
    Object.assign(box.style, { color, backgroundColor, fontFamily });
    box.hidden = false;
    link.setAttribute("aria-describedby", data.box);
    place();
  };
  const listen = (kind, act) => document.addEventListener(kind, act, true);
  listen("pointerover", (event) => term(event) && show(term(event)));
  listen("pointerout", (event) => {
    const to = event.relatedTarget;
    if (event.pointerType === "mouse" && shown && !box.contains(to) && !shown.contains(to)) hide();
  });
  listen("focusin", (event) => (term(event) ? show(term(event)) : hide()));
  listen("focusout", (event) => term(event) === shown && hide());
  listen("click", (event) => {
    const link = term(event);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link);
  });
  listen("pointerdown", (event) => term(event) || box.contains(event.target) || hide());
  listen("keydown", (event) => event.key === "Escape" && hide());
  listen("pointermove", () => shown && !shown.isConnected && hide());
  listen("scroll", place);
}
"""
_component = st.components.v2.component("gradviz_definitions", html="<span></span>", js=_JS)


def listen() -> None:
    """From now on, the definition of a term that is pointed at is shown."""
    data = {"box": BOX, "link": _LINK, "app": elements.APP, "meanings": MEANINGS}
    with unseen.place():
        _component(key="definitions", data=data)
