"""Axe (WCAG 2.2, levels A and AA, and the order of headings) finds nothing of ours to mend, on any page or theme; and
each page, while it is open for that, is drawn in both themes and can be used by the keyboard."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from pages.layout import contents
from pages.shell import check
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab
from tests.browser.reaching import passed_over
from tests.browser.test_pages_in_a_browser import PAGES, WIDE, check_marked, check_pictures

pytestmark = pytest.mark.browser

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
CHOICES = "model=preset/shapes-cnn&image=sample/star"
OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "rules": {"heading-order": {"enabled": True}},
    "resultTypes": ["violations"],
}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
BACKGROUNDS = {"light": "rgb(252, 252, 251)", "dark": "rgb(20, 23, 26)"}
"""Those of ``.streamlit/config.toml``."""
STREAMLIT = {
    "list": streamlit_ids.filled("$SIDEBAR_NAV_ITEMS"),
    "listitem": streamlit_ids.filled("$SIDEBAR_NAV_ITEMS li"),
}
"""Rules that Streamlit's own elements break, and where. Its list of pages puts a ``div`` for each section between the
``ul`` and its ``li``; the links themselves have names and the list is inside a ``nav``."""


def violations(page: Page, *, dark: bool = False) -> list[str]:
    """What axe finds that is ours: rule, place, element, and what is wrong with it. In the dark theme only what depends
    on colours: the elements are those of the light one."""
    seeing.faded_in(page)
    page.evaluate(AXE)
    response: dict[str, Any] = page.evaluate("options => axe.run(options)", COLOURS if dark else OPTIONS)
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


def violations_in_both(page: Page) -> list[str]:
    """What is found in the light theme and in the dark one, to which an open page changes over, and back again."""
    found = violations(page)
    _in_colours(page, "dark")
    found += violations(page, dark=True)
    _in_colours(page, "light")
    return found


def _in_colours(page: Page, scheme: Literal["dark", "light"]) -> None:
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_test_id(streamlit_ids.APP)).to_have_css("background-color", BACKGROUNDS[scheme])
    _settled(page)


@pytest.mark.parametrize("path", contents.pages())
def test_axe_finds_nothing_pictures_have_words_and_tab_reaches_whatever_can_be_used(
    visited: Server, browser: Browser, path: str
) -> None:
    with tab(browser, width=WIDE) as page:
        _open(page, visited.address(f"{path}?{CHOICES}"))
        assert violations_in_both(page) == []
        if path in PAGES:
            check_pictures(page, PAGES[path][1], WIDE)
        assert passed_over(page) == {}
        if contents.pages()[path].listed:
            check_marked(page, contents.pages()[path].title)


def _open(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=60_000)
    _settled(page)


def _settled(page: Page) -> None:
    seeing.wait(page)
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=60_000)
    expect(page.locator(".st-key-unseen")).to_have_css("display", "none", timeout=60_000)  # styles arrive by themselves
    expect(page.get_by_text(check.PENDING)).to_have_count(0, timeout=60_000)  # its words are replaced by others


@pytest.mark.parametrize(
    "address", ["lessons?lesson=missing-gradients&guess=0", "doctor?check=1", "neurons?site=nowhere"]
)
def test_axe_finds_nothing_in_an_answer_a_result_and_an_error(visited: Server, page: Page, address: str) -> None:
    _open(page, visited.address(f"{address}&{CHOICES}"))
    assert violations_in_both(page) == []


def test_axe_finds_nothing_in_what_opens(visited: Server, page: Page) -> None:
    _open(page, visited.address(f"?{CHOICES}"))
    for opens in ("PyTorch", "Upload an image", "Bring your own model"):
        page.get_by_role("button", name=opens).first.click()
        opened = page.locator(streamlit_ids.filled("[role=dialog], $POPOVER_BODY"))
        expect(opened.first).to_be_visible()
        seeing.wait(page)
        assert violations_in_both(page) == [], opens
        expect(opened.first).to_be_visible()
        page.keyboard.press("Escape")
        expect(opened).to_have_count(0)
