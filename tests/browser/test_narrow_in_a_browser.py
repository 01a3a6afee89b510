"""A screen as wide as a phone's: nothing covers the page, and nothing has to be scrolled sideways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from pages.layout import contents
from pages.shell.narrow import CHOICES
from pages.shell.narrow import PAGES as PAGES_BUTTON
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab
from tests.browser.test_one_screen import PHONE, View, box, steady
from tests.browser.test_one_screen import VIEWS as ON_ONE_SCREEN
from tests.browser.test_pages_in_a_browser import PAGES as DRAWN
from tests.browser.test_pages_in_a_browser import check_pictures

pytestmark = pytest.mark.browser

WIDTH = PHONE[0]
VIEWS = {view.path: view for view in ON_ONE_SCREEN if view.path != "export"}
LEFT_OPEN = streamlit_ids.filled(
    "for (const name of ['', '/']) localStorage.setItem(`$SIDEBAR_COLLAPSED-${name}`, 'false');"
)
"""What Streamlit writes down when a person leaves the sidebar open."""


@pytest.fixture
def narrow(browser: Browser) -> Iterator[Page]:
    with tab(browser, width=WIDTH) as page:
        yield page


def check_clear(page: Page) -> None:
    """The sidebar does not cover the page."""
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR)).to_have_attribute("data-collapsed", "true")
    expect(page.get_by_role("button", name=PAGES_BUTTON, exact=True)).to_be_visible()


def test_the_sidebar_closes_once_a_page_is_chosen_and_stays_closed(visited: Server, narrow: Page) -> None:
    narrow.goto(visited.address("export"))
    narrow.wait_for_function("window.gradvizNarrow")
    check_clear(narrow)
    narrow.get_by_role("button", name=PAGES_BUTTON, exact=True).click()
    narrow.get_by_role("link", name="Lessons").press("Enter")
    expect(narrow.get_by_role("heading", name="Lessons")).to_be_visible(timeout=30_000)
    check_clear(narrow)
    assert narrow.evaluate("document.activeElement.id") == streamlit_ids.MAIN, (
        "the keyboard goes on where the person looks"
    )
    narrow.get_by_role("button", name=PAGES_BUTTON, exact=True).click()
    expect(narrow.get_by_test_id(streamlit_ids.SIDEBAR)).to_have_attribute("data-collapsed", "false")
    narrow.wait_for_function(
        streamlit_ids.filled("!Object.keys(localStorage).some((name) => name.startsWith('$SIDEBAR_COLLAPSED'))")
    )


def test_a_sidebar_that_was_left_open_is_closed_at_the_start(visited: Server, narrow: Page) -> None:
    with script(narrow, LEFT_OPEN):
        narrow.goto(visited.address("export"))
        check_clear(narrow)


def test_on_a_wide_screen_the_sidebar_stays(visited: Server, page: Page) -> None:
    page.goto(visited.address("export"))
    page.wait_for_function("window.gradvizNarrow")
    seeing.go(page, "Lessons")
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR)).to_have_attribute("data-collapsed", "false")


@pytest.mark.parametrize("path", contents.pages())
def test_a_page_is_no_wider_than_the_screen_and_nothing_jumps(visited: Server, browser: Browser, path: str) -> None:
    with steady(browser, visited, path, PHONE) as page:
        main = page.get_by_test_id(streamlit_ids.MAIN)
        assert main.evaluate("(main) => main.scrollWidth") == main.evaluate("(main) => main.clientWidth") == WIDTH
        if path in VIEWS:
            check_first_screen(page, VIEWS[path])
        if path in DRAWN:
            _, chart = DRAWN[path]
            check_pictures(page, chart, WIDTH)


def check_first_screen(page: Page, view: View) -> None:
    """The gradient is within a screen and a half, and the logo is free."""
    top, bottom = box(page, f".st-key-chart_{view.on_a_phone or view.main} .js-plotly-plot")
    assert 0 < top < bottom <= 1.5 * PHONE[1]
    logo = page.get_by_test_id(streamlit_ids.HEADER_LOGO).bounding_box()
    tools = page.locator(".st-key-tools").bounding_box()
    assert logo is not None
    assert tools is not None
    assert logo["x"] + logo["width"] <= tools["x"]


def test_model_image_and_score_open_as_a_sheet_without_the_list_of_pages(visited: Server, narrow: Page) -> None:
    narrow.goto(visited.address("saliency?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(narrow, "gradient")
    check_clear(narrow)
    narrow.get_by_role("button", name=CHOICES, exact=True).click()
    sidebar = narrow.get_by_test_id(streamlit_ids.SIDEBAR)
    expect(sidebar.get_by_role("combobox", name="Model", exact=True)).to_be_visible()
    expect(sidebar.get_by_role("combobox", name="Target", exact=True)).to_be_in_viewport()
    expect(narrow.get_by_test_id(streamlit_ids.SIDEBAR_NAV)).to_be_hidden()


def test_the_sheet_opens_and_closes_by_the_keyboard(visited: Server, narrow: Page) -> None:
    narrow.goto(visited.address("saliency?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(narrow, "gradient")
    opens = narrow.get_by_role("button", name=CHOICES, exact=True)
    sidebar = narrow.get_by_test_id(streamlit_ids.SIDEBAR)
    for key in ("Enter", "Escape"):
        opens.press("Enter")
        expect(sidebar).to_have_attribute("data-collapsed", "false")
        expect(sidebar.locator("button:focus")).to_have_count(1)
        narrow.keyboard.press(key)
        expect(sidebar).to_have_attribute("data-collapsed", "true")
        expect(opens).to_be_focused()
