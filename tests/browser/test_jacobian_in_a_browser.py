"""The Jacobian page in a browser: the scores by the image, a row clicked, a copied address; and a matrix that is too
wide for the screen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser


def test_from_all_scores_by_the_image_to_one_of_them(visited: Server, page: Page, browser: Browser) -> None:
    page.goto(visited.address("jacobian?model=preset/digits-mlp&image=sample/star"))
    assert len(seeing.finite(seeing.heatmap(page, "matrix"))) == 10 * 784

    seeing.click(page, "matrix", 7, 300)
    page.wait_for_function("location.search.includes('output=7')")
    seeing.wait(page)
    expect(page.get_by_text("Output 7, class 7")).to_be_visible()
    row = seeing.finite(seeing.heatmap(page, "output"))
    assert len(row) == 784

    with tab(browser) as other:
        other.goto(page.url)
        assert seeing.finite(seeing.heatmap(other, "output")) == row


def test_a_wide_matrix_is_drawn_as_a_screen_can_show_it(visited: Server, page: Page) -> None:
    page.set_viewport_size({"width": 2400, "height": 1000})  # each of its cells has a pixel; on less, one zooms
    page.goto(visited.address("jacobian?model=preset/shapes-cnn&image=sample/star&of=features.0&rows=24970-24980"))
    cells = seeing.heatmap(page, "matrix")
    assert (len(cells), len(cells[0])) == (11, 790)
    assert all(any(row) for row in cells)
    said = page.get_by_text("each cell shows the entry of largest magnitude of 1×35, with its sign")
    page.get_by_role("button", name="What is this?").click()
    expect(said).to_be_visible()
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()

    x, y = seeing.point(page, "matrix", 9, 219)
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)
    said = page.locator(".st-key-chart_matrix .hoverlayer")
    expect(said).to_contain_text("channel 10, row 40, column 19")
    expect(said).to_contain_text("channel 0, row 79, column 81 to channel 0, row 80, column 19")

    seeing.click(page, "matrix", 9, 219)
    page.wait_for_function("location.search.includes('output=24979')")
    expect(page.get_by_text("Output 24979, channel 10, row 40, column 19")).to_be_visible()
