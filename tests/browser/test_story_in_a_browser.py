"""The story on a projector and on a phone: each view whole, led through by keyboard and links, and where it leads."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from gradviz_core.story.views import VIEWS, View
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser

EACH = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
PROJECTOR, LAPTOP, PHONE = (1280, 720), (1440, 900), (390, 844)
OUTSIDE = """() => [...document.querySelectorAll(
  ".st-key-story_heading h1, .st-key-story_claim p, [class*=st-key-chart_story_] .main-svg, .gradviz-walk a.step[href],"
  + " .gradviz-walk li a")].map((e) => [e.textContent.slice(0, 40), e.getBoundingClientRect()])
  .filter(([, box]) => box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth)
  .map(([text, box]) => `${text} ${JSON.stringify(box)}`)"""
COVERED = """() => {
  const walk = document.querySelector(".gradviz-walk").getBoundingClientRect().top;
  return [...document.querySelectorAll(".st-key-story_said p, [class*=st-key-chart_story_] .main-svg")]
    .map((e) => [e.textContent.slice(0, 40), e.getBoundingClientRect().bottom, walk]).filter(([, low]) => low > walk);
}"""


def _open(page: Page, server: Server, view: View, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(server.address(f"story?story={view.name}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text(view.title)
    page.wait_for_selector(".st-key-chart_story_1 .main-svg", timeout=60_000)
    page.wait_for_selector(".gradviz-walk li a[aria-current]", timeout=60_000)
    seeing.wait(page)
    seeing.faded_in(page)


@EACH
def test_each_view_is_whole_on_a_laptop_and_on_a_projector(visited: Server, page: Page, view: View) -> None:
    """It opens on the larger screen; its pictures are too large for the smaller one until they follow."""
    _open(page, visited, view, LAPTOP)
    check_whole(page)
    page.set_viewport_size({"width": PROJECTOR[0], "height": PROJECTOR[1]})
    page.wait_for_function(f"({OUTSIDE})().length === 0 && ({COVERED})().length === 0")
    seeing.wait(page)
    check_whole(page)


def check_whole(page: Page) -> None:
    """Everything is within the window, and in large type."""
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(COVERED) == []
    expect(page.get_by_role("button", name="Explore this")).to_be_in_viewport(ratio=1)
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR)).to_be_hidden()
    height = page.locator(".st-key-story_claim p").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)")
    assert height > 20, "large type"


def test_on_a_phone_the_pictures_stack_and_the_links_stay_in_reach(visited: Server, browser: Browser) -> None:
    with tab(browser, width=PHONE[0]) as page:
        _open(page, visited, VIEWS[0], PHONE)
        keys = ("story_claim", "chart_story_0", "chart_story_1", "story_said")
        boxes = [box for key in keys if (box := page.locator(f".st-key-{key}").bounding_box()) is not None]
        assert len(boxes) == len(keys)
        for upper, lower in pairwise(boxes):
            assert upper["y"] + upper["height"] <= lower["y"]
        page.get_by_role("button", name="How it is computed").scroll_into_view_if_needed()
        expect(page.get_by_role("link", name="Next")).to_be_in_viewport(ratio=1)
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(VIEWS[1].title)
        expect(page.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("pause", [0, 150])
def test_each_of_several_quick_presses_counts(visited: Server, page: Page, pause: float) -> None:
    _open(page, visited, VIEWS[0], PROJECTOR)
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(pause)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(VIEWS[5].title, timeout=30_000)
    expect(page.get_by_role("navigation", name="Story").get_by_role("status")).to_have_text(
        f"6 of {len(VIEWS)}: {VIEWS[5].title}"
    )
    seeing.wait(page)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", level=1)).to_contain_text(VIEWS[4].title, timeout=30_000)


def test_the_last_view_leads_on_to_the_lessons(visited: Server, page: Page) -> None:
    _open(page, visited, VIEWS[-1], PROJECTOR)
    page.get_by_role("button", name="Go on with the lessons").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Lessons", timeout=30_000)


@pytest.mark.parametrize("name", ["magnitude", "step", "shortcut"])
def test_explore_this_opens_the_page_at_the_same_question_and_back_returns(
    visited: Server, page: Page, name: str
) -> None:
    (view,) = [view for view in VIEWS if view.name == name]
    _open(page, visited, view, PROJECTOR)
    sentence = page.locator(".st-key-story_claim").inner_text()
    address = page.url
    page.get_by_role("button", name="Explore this").click()
    page.wait_for_function("location.search.includes('model=')")
    seeing.wait(page)
    chosen = dict(parse_qsl(urlsplit(page.url).query))
    assert "story" not in chosen
    if name == "shortcut":
        assert (chosen["model"], chosen["image"]) == ("preset/shapes-shortcut", "sample/tagged-arrow")
    if name == "magnitude":
        assert chosen["view"] == "l2"
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=address)
    expect(page.locator(".st-key-story_claim")).to_have_text(sentence)


def test_a_link_of_the_story_opens_in_a_tab_of_its_own(visited: Server, page: Page) -> None:
    page.goto(visited.address())
    link = page.get_by_role("navigation", name="Story").get_by_role("link", name=VIEWS[3].title)
    assert link.evaluate("(link) => link.href") == visited.address(f"story?story={VIEWS[3].name}")


def test_the_arrows_move_the_slider_that_has_the_focus_and_not_the_story(visited: Server, page: Page) -> None:
    (view,) = [view for view in VIEWS if view.name == "path"]
    _open(page, visited, view, PROJECTOR)
    before = seeing.heatmap(page, "story_2")
    page.get_by_role("slider", name="Brightness").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('story_path=55')")
    expect(page.locator(".st-key-story_claim")).to_contain_text("At 55 % brightness")
    expect(page.get_by_role("heading", level=1)).to_contain_text(view.title)
    seeing.wait(page)
    assert seeing.heatmap(page, "story_2") != before
    page.get_by_role("link", name="Next").click()
    page.wait_for_function("!location.search.includes('story_path')")
