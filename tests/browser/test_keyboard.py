"""The keyboard alone reaches every choice: model, image, target, view, another page, and a unit's row and column."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from gradviz_core.story.views import VIEWS
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server
from tests.browser.reaching import MOST_TABS

pytestmark = pytest.mark.browser


def _reach(page: Page, goal: Locator) -> None:
    """Press Tab until the goal, or something in it, has the focus."""
    for _ in range(MOST_TABS):
        if goal.evaluate("e => e.contains(e.getRootNode().activeElement)"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MOST_TABS} times Tab do not reach {goal}")


def _pick(page: Page, label: str, name: str, words: str, text: str) -> None:
    """Choose from a list that opens, by typing a part of its words."""
    _reach(page, page.get_by_role("combobox", name=label, exact=True))
    page.keyboard.type(words)
    expect(page.get_by_role("option").first).to_contain_text(words)
    page.keyboard.press("Enter")
    _wait_for(page, name, text)


def _wait_for(page: Page, name: str, text: str) -> None:
    """Until the address says so, and the page is still."""
    page.wait_for_function(
        "([name, text]) => new URL(location.href).searchParams.get(name) === text", arg=[name, text], timeout=30_000
    )
    seeing.wait(page)


def test_every_choice_is_made_without_a_mouse(visited: Server, page: Page) -> None:
    page.goto(visited.address("?image=sample/star"))
    seeing.check_drawn(page, "gradient")
    _pick(page, "Model", "model", "Shapes, residual", "preset/shapes-resnet")

    _reach(page, page.get_by_role("radio", name="Star", exact=True))
    page.keyboard.press("ArrowRight")
    page.wait_for_function("!location.search.includes('star')")
    seeing.wait(page)
    assert str(seeing.choice(page, "image")).startswith("sample/")

    _pick(page, "Target", "target", "heart", "6")

    _reach(page, page.get_by_role("radiogroup", name="View"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    _wait_for(page, "view", "l2")
    seeing.check_drawn(page, "gradient")

    _reach(page, page.get_by_test_id(streamlit_ids.TOP_NAV_SECTION).filter(has_text="Explore"))
    page.keyboard.press("ArrowDown")
    for _ in range(2):  # to Input saliency, then to Neurons
        neurons = page.get_by_test_id(streamlit_ids.TOP_NAV_MENU_LINK).filter(has_text="Neurons")
        if neurons.evaluate("e => e.contains(document.activeElement)"):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "activation")
    for label, name, text in (("Row", "row", "3"), ("Column", "col", "4")):
        _reach(page, page.get_by_role("spinbutton", name=label))
        page.keyboard.press("Control+a")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        _wait_for(page, name, text)
    seeing.check_drawn(page, "activation")
    assert seeing.choice(page, "model") == "preset/shapes-resnet"


def test_the_story_is_walked_by_its_arrows_and_by_its_links(visited: Server, page: Page) -> None:
    page.goto(visited.address())
    first, second, third = VIEWS[:3]
    walk = page.get_by_role("navigation", name="Story")
    expect(walk.get_by_role("listitem")).to_have_count(len(VIEWS), timeout=60_000)  # now the arrows are listened to
    expect(page.get_by_role("heading", level=1)).to_contain_text(first.title)
    seeing.wait(page)
    page.keyboard.press("ArrowRight")
    _wait_for(page, "story", second.name)
    expect(page.get_by_role("heading", level=1)).to_contain_text(second.title)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("!location.search")
    expect(page.get_by_role("heading", level=1)).to_contain_text(first.title)
    _reach(page, walk.get_by_role("link", name=third.title))
    page.keyboard.press("Enter")
    _wait_for(page, "story", third.name)
    expect(page.get_by_role("heading", level=1)).to_contain_text(third.title)
    assert walk.get_by_role("link", name=first.title).get_attribute("href") == "story"
    assert len(page.context.pages) == 1
