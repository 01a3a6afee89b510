"""The button that copies the address of what the page shows. Where the browser refuses the clipboard (it does so on a
page that came over plain HTTP from another machine), the address is shown, selected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

from pages.shell import address, newest

SAID_MS = 2000
"""How long "Copied" stands in place of the button's name."""

_HTML = """
<button type="button"><span class="icon" aria-hidden="true">link</span><span class="name">Copy link</span></button>
<div class="refused" hidden><label for="address">Copy it from here</label><input id="address" readonly></div>
<p role="status"></p>
"""
_JS = """
function render({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  const [button, name, refused, field, status] = ["button", ".name", ".refused", "input", "p"].map(find);
  const address = () => {
    const here = new URL(location.href);
    for (const own of data.personal) if (here.searchParams.has(own)) here.searchParams.delete(own);
    for (const [name, text] of Object.entries(data.implied))
      if (!here.searchParams.has(name)) here.searchParams.set(name, text);
    return here.href;
  };
  const say = (text, beside) => {
    status.textContent = text;
    name.textContent = beside;
    find(".icon").textContent = text ? "check" : "link";
  };
  button.onclick = async () => {
    field.value = address();
    try {
      await navigator.clipboard.writeText(field.value);
      refused.hidden = true;
      say("Copied", "Copied");
      setTimeout(() => say("", "Copy link"), data.said);
    } catch {
      refused.hidden = false;
      field.focus();
      field.select();
    }
  };
  field.onkeydown = ({ key }) => {
    if (key !== "Escape") return;
    refused.hidden = true;
    button.focus();
  };
}
"""
_CSS = """
button { display: inline-flex; align-items: center; gap: 0.4rem; min-height: 2.3rem; padding: 0.25rem 0.75rem;
  font: inherit; font-size: 0.875rem; white-space: nowrap; cursor: pointer; color: var(--st-text-color);
  background: transparent; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.icon { font-family: "Material Symbols Rounded"; font-size: 1.25rem; line-height: 1; width: 1.25rem; overflow: hidden; }
.name { min-width: 4.6em; text-align: left; }
@media (max-width: 1000px) {
  button { padding: 0.25rem 0.5rem; }
  .name { position: absolute; min-width: 0; clip-path: inset(50%); }
}
.refused { position: absolute; right: 0; z-index: 10; width: min(28rem, 80vw); padding: 0.6rem; font-size: 0.85rem;
  color: var(--st-text-color); background: var(--st-background-color); border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); }
.refused[hidden] { display: none; }
input { width: 100%; box-sizing: border-box; margin-top: 0.3rem; padding: 0.4rem; font: inherit;
  color: inherit; background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color); }
p { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; margin: 0; overflow: hidden; }
"""
_component = st.components.v2.component("gradviz_copy_link", html=_HTML, js=newest.script(_JS), css=_CSS)


def button(personal: Iterable[str], implied: Mapping[str, str] | None = None) -> None:
    """The button. ``personal`` are the choices that the copied address leaves out. It names what is implied, here or by
    every page, so that it means the same without those, and whatever is shown first some day."""
    data = {"personal": sorted(personal), "implied": address.implied() | dict(implied or {}), "said": SAID_MS}
    _component(key="copy_link", data=newest.stamped("copy_link", data), width="content")
