"""The definition of a term where it stands: under the pointer, at the keyboard's focus, at a touch."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gradviz_core.text.glossary import MEANINGS
from pages.shell.definitions import BOX
from tests.browser import seeing
from tests.browser.conftest import Server, tab
from tests.browser.test_accessibility import violations

pytestmark = pytest.mark.browser

SALIENCY = "saliency?model=preset/shapes-cnn&image=sample/star"


@pytest.fixture
def term(page: Page, visited: Server) -> Locator:
    """The first term in the sentence below the gradient."""
    page.goto(visited.address(SALIENCY))
    seeing.wait(page)
    return page.locator(".st-key-said_gradient").get_by_role("link", name="logit", exact=True)


def test_it_follows_the_pointer_and_can_be_pointed_at_itself(page: Page, term: Locator) -> None:
    box = page.locator(f"#{BOX}")
    expect(box).to_be_hidden()
    term.hover()
    expect(box).to_have_text(f"logit: {MEANINGS['logit']}")
    expect(term).to_have_accessible_description(f"logit: {MEANINGS['logit']}")
    box.hover()
    expect(box).to_be_visible()
    page.mouse.move(1, 1)
    expect(box).to_be_hidden()
    expect(term).to_have_accessible_description("")


def test_the_keyboard_shows_it_and_escape_takes_it_away(page: Page, term: Locator) -> None:
    box = page.locator(f"#{BOX}")
    term.focus()
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    page.keyboard.press("Enter")
    expect(box).to_be_visible()
    page.keyboard.press("Tab")
    expect(box).to_have_text(f"signed sum: {MEANINGS['signed sum']}")


def test_a_touch_shows_it_until_another_is_elsewhere(browser: Browser, visited: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(visited.address(SALIENCY))
    seeing.wait(page)
    address, box = page.url, page.locator(f"#{BOX}")
    page.locator(".st-key-said_gradient").get_by_role("link", name="channels").tap()
    expect(box).to_have_text(f"channel: {MEANINGS['channel']}")
    place = box.bounding_box()
    assert place is not None
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 390
    page.get_by_role("heading", level=1).tap()
    expect(box).to_be_hidden()
    assert (page.url, len(context.pages)) == (address, 1)
    context.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_while_it_is_shown(browser: Browser, visited: Server, dark: bool) -> None:
    with tab(browser, dark=dark) as page:
        page.goto(visited.address(SALIENCY))
        seeing.wait(page)
        page.locator(".st-key-said_gradient").get_by_role("link", name="logit", exact=True).hover()
        expect(page.locator(f"#{BOX}")).to_be_visible()
        assert violations(page, dark=dark) == []


def test_the_line_of_the_check_explains_its_term(page: Page, term: Locator) -> None:
    line = page.locator(".gradviz-check")
    expect(line).to_contain_text("agrees with", timeout=30_000)
    line.get_by_role("link", name="finite differences").hover()
    expect(page.locator(f"#{BOX}")).to_contain_text(MEANINGS["finite difference"])
