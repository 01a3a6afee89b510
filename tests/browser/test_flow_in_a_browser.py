"""The gradient flow page in a browser: a place clicked, the way on to its feature maps, two models in one figure."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

NAMES = """() => document.querySelector('.st-key-chart_flow .js-plotly-plot')._fullData.map((t) => t.name)"""
DRAWN = ".st-key-chart_flow .js-plotly-plot .scatterlayer .point"


def test_a_click_on_a_place_leads_to_its_feature_maps(visited: Server, page: Page) -> None:
    page.goto(visited.address("gradient-flow?model=preset/shapes-cnn&image=sample/star"))
    page.wait_for_selector(DRAWN, timeout=60_000)
    seeing.wait(page)
    page.wait_for_selector(".st-key-chart_flow .js-plotly-plot[data-clicks=on]")
    x, y = page.evaluate(
        """() => {
          const chart = document.querySelector('.st-key-chart_flow .js-plotly-plot'), line = chart._fullData[0];
          const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
          return [box.left + xaxis._offset + xaxis.d2p(line.x[2]), box.top + yaxis._offset + yaxis.d2p(line.y[2])];
        }"""
    )
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.wait_for_function("location.search.includes('site=features.2')")
    seeing.wait(page)
    page.get_by_role("link", name="Feature maps of features.2").click()
    expect(page.get_by_role("heading", name="Feature maps")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "channels")
    assert seeing.choice(page, "site") == "features.2"


def test_a_link_to_a_comparison_shows_both(visited: Server, page: Page) -> None:
    page.goto(visited.address("gradient-flow?model=preset/shapes-cnn&image=sample/star&model2=preset/shapes-resnet"))
    page.wait_for_selector(DRAWN, timeout=60_000)
    seeing.wait(page)
    assert page.evaluate(NAMES)[:4] == [
        "gradient, shapes-cnn", "activation, shapes-cnn", "gradient, shapes-resnet", "activation, shapes-resnet",
    ]  # fmt: skip
