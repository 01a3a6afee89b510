"""A message of a component that comes late does not undo a newer one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from pages.shell import newest
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

RENDER = """
function render({ data, parentElement }) {
  parentElement.textContent = data.text;
  return () => { parentElement.textContent = ""; };
}
"""
CALLED = """async ({ script, messages }) => {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: call } = await import(address);
  const places = [document.createElement("p"), document.createElement("p")], cleanups = [];
  for (const [place, data] of messages) cleanups.push(typeof call({ data, parentElement: places[place] }));
  return [places.map((place) => place.textContent), cleanups];
}"""


def test_older_data_are_not_drawn_after_newer_ones(visited: Server, page: Page) -> None:
    page.goto(visited.address("export"))
    messages = [
        (0, {"text": "second", newest.NEW: 2}),
        (0, {"text": "first", newest.NEW: 1}),
        (1, {"text": "another place", newest.NEW: 1}),
        (0, {"text": "again", newest.NEW: 2}),
    ]
    drawn, cleanups = page.evaluate(CALLED, {"script": newest.script(RENDER), "messages": messages})
    assert drawn == ["again", "another place"]
    assert cleanups == ["function", "undefined", "function", "function"]
