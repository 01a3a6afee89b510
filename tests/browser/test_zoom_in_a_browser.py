"""Pictures are zoomed, and names of bars are clicked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
RANGE = """() => document.querySelector('.st-key-chart_gradient .js-plotly-plot').layout.xaxis.range.map(Number)"""
SCROLLED = streamlit_ids.filled("document.querySelector('$MAIN').scrollTop")


def turn(page: Page, by: int, *, ctrl: bool) -> None:
    """Turn the wheel over row 48, column 24 of the gradient."""
    x, y = seeing.point(page, "gradient", 48, 24)
    page.mouse.move(x, y)
    if ctrl:
        page.keyboard.down("Control")
    page.mouse.wheel(0, by)
    if ctrl:
        page.keyboard.up("Control")
    page.wait_for_timeout(400)


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl_and_a_click_chooses_the_pixel_that_is_seen(
    visited: Server, page: Page
) -> None:
    page.set_viewport_size({"width": 1280, "height": 600})
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(page, "gradient")
    whole = page.evaluate(RANGE)
    before = page.evaluate(SCROLLED)
    turn(page, 200, ctrl=False)
    assert page.evaluate(RANGE) == whole
    assert page.evaluate(SCROLLED) != before, "the page is not stopped"
    for _ in range(4):
        turn(page, -300, ctrl=True)
    left, right = page.evaluate(RANGE)
    assert right - left < 0.8 * (whole[1] - whole[0])
    assert left < 24 < right, "about the pointer"
    seeing.click(page, "gradient", 48, 24)
    assert seeing.choice(page, "pixel") == "48,24"
    page.wait_for_function(f"({RANGE})()[0] > 0")
    page.wait_for_timeout(400)
    assert page.evaluate(RANGE) == pytest.approx([left, right], abs=0.5), "it stays zoomed"
    x, y = seeing.point(page, "gradient", 48, 24)
    page.mouse.dblclick(x, y)
    page.wait_for_function(f"JSON.stringify(({RANGE})()) === JSON.stringify({whole})")
    turn(page, -300, ctrl=True)
    page.wait_for_function(f"({RANGE})()[0] > {whole[0]}")
    page.get_by_role("radio", name="Heart", exact=True).check(force=True)
    page.wait_for_function("location.search.includes('heart')")
    seeing.check_drawn(page, "gradient")
    page.wait_for_timeout(400)
    assert page.evaluate(RANGE) == whole, "another image is shown whole"


def test_a_click_on_the_name_of_a_class_is_a_click_on_its_bar(visited: Server, page: Page) -> None:
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(page, "gradient")
    page.wait_for_selector(".st-key-chart_classes .js-plotly-plot[data-names=on]")
    third = page.locator(".st-key-chart_classes .ytick text").nth(2)
    name = third.text_content() or ""
    third.scroll_into_view_if_needed()
    third.click()
    page.wait_for_function("location.search.includes('target=')")
    seeing.wait(page)
    chosen = f"logit of {name} ({seeing.choice(page, 'target')})"
    expect(page.get_by_test_id(streamlit_ids.MAIN).get_by_text(chosen).first).to_be_visible()
