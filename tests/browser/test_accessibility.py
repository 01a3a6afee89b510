"""Axe (WCAG 2.2, levels A and AA, and the order of headings) finds nothing of ours to mend, on any page or theme."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pages.layout import contents
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
CHOICES = "model=preset/shapes-cnn&image=sample/star"
OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"heading-order": {"enabled": True}},
    "resultTypes": ["violations"],
}
STREAMLIT = {
    "list": streamlit_ids.filled("$SIDEBAR_NAV_ITEMS"),
    "listitem": streamlit_ids.filled("$SIDEBAR_NAV_ITEMS li"),
}
"""Rules that Streamlit's own elements break, and where. Its list of pages puts a ``div`` for each section between the
``ul`` and its ``li``; the links themselves have names and the list is inside a ``nav``."""


def violations(page: Page) -> list[str]:
    """What axe finds that is ours: rule, place, element, and what is wrong with it."""
    seeing.faded_in(page)
    page.evaluate(AXE)
    response: dict[str, Any] = page.evaluate("options => axe.run(options)", OPTIONS)
    return [
        f"{violation['id']}: {node['target']} {node['html'][:150]} {_reasons(node)}"
        for violation in response["violations"]
        for node in violation["nodes"]
        if not _is_streamlits(page, violation["id"], node["target"])
    ]


def _reasons(node: dict[str, Any]) -> list[str]:
    return [check["message"][:200] for check in node["any"] + node["all"] + node["none"]]


def _is_streamlits(page: Page, rule: str, target: list[Any]) -> bool:
    if rule not in STREAMLIT or len(target) != 1 or not isinstance(target[0], str):
        return False
    return bool(page.evaluate("([at, rule]) => document.querySelector(at).matches(rule)", [target[0], STREAMLIT[rule]]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(visited: Server, browser: Browser, dark: bool) -> None:
    with tab(browser, dark=dark) as page:
        paths = tuple(contents.pages())
        assert len(paths) >= 8
        found = {path: _found_at(page, visited.address(f"{path}?{CHOICES}")) for path in paths}
    assert not any(found.values()), "\n".join(f"{path}: {line}" for path, lines in found.items() for line in lines)


def _found_at(page: Page, address: str) -> list[str]:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)
    seeing.wait(page)
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=30_000)
    return violations(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("?", "PyTorch"),
        ("?", "Upload an image"),
        ("?", "Bring your own model"),
        ("lessons?lesson=missing-gradients&guess=0", ""),
        ("doctor?check=1", ""),
        ("neurons?site=nowhere", ""),
    ],
)
def test_axe_finds_nothing_in_what_opens(
    visited: Server, browser: Browser, address: str, opens: str, dark: bool
) -> None:
    with tab(browser, dark=dark) as page:
        assert _found_at(page, visited.address(f"{address}&{CHOICES}")) == []
        if opens:
            page.get_by_role("button", name=opens).first.click()
            expect(page.locator(streamlit_ids.filled("[role=dialog], $POPOVER_BODY")).first).to_be_visible()
            seeing.wait(page)
            assert violations(page) == []
