"""A component by itself, on an empty page: called as Streamlit calls it, and what it sends to the server is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from playwright.sync_api import Page

from pages.shell import newest

_PLACE = """async ({ html, script }) => {
  const place = document.createElement("div").attachShadow({ mode: "open" });
  document.body.append(place.host);
  place.innerHTML = html;
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: call } = await import(address);
  window.sent = [];
  const setTriggerValue = (name, value) => window.sent.push([name, value]);
  window.draw = (data) => { call({ data, parentElement: place, setTriggerValue }); };
}"""


class Alone:
    """The component, drawn by ``draw``."""

    def __init__(self, page: Page, html: str, script: str) -> None:
        self._page = page
        self._stamp = 0
        page.evaluate(_PLACE, {"html": html, "script": script if "export default" in script else newest.script(script)})

    def draw(self, data: Mapping[str, object]) -> None:
        """Draw it from these data, as after a run of the page."""
        self._stamp += 1
        self._page.evaluate("(data) => window.draw(data)", {**data, newest.NEW: self._stamp})

    @property
    def sent(self) -> list[Any]:
        """The values that it has sent, in their order."""
        return [value for _, value in cast(list[list[Any]], self._page.evaluate("window.sent"))]
