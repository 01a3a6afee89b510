"""The perturbation page in a browser: a slider moved by keyboard, a class clicked, a copied address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser


def test_a_larger_epsilon_changes_the_picture_and_the_address_restores_it(
    visited: Server, page: Page, browser: Browser
) -> None:
    page.goto(visited.address("perturbation?model=preset/shapes-cnn&image=sample/star&way=away&epsilon=4"))
    first = seeing.finite(seeing.heatmap(page, "difference"))
    assert max(map(abs, first)) == 12, "4 levels in each of 3 channels"
    expect(page.get_by_text("This is exactly the image that the network was given")).to_be_visible()

    page.get_by_role("slider", name="Epsilon").focus()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('epsilon=6')")
    seeing.wait(page)
    larger = seeing.finite(seeing.heatmap(page, "difference"))
    assert max(map(abs, larger)) == 18

    with tab(browser) as other:
        other.goto(page.url)
        assert seeing.finite(seeing.heatmap(other, "difference")) == larger

    said = page.evaluate("document.querySelector('.st-key-chart_classes .js-plotly-plot')._fullData[2].customdata[2]")
    (label,) = set(re.findall(r"\(class (\d+)\)", said))
    seeing.click(page, "classes", 2, 50)
    assert seeing.choice(page, "target") == label
    assert seeing.finite(seeing.heatmap(page, "difference")) != larger
