"""The gradient flow page in a browser: a click leads to feature maps and the way back, two models in one figure."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

NAMES = """() => document.querySelector('.st-key-chart_flow .js-plotly-plot')._fullData.map((t) => t.name)"""
DRAWN = ".st-key-chart_flow .js-plotly-plot .scatterlayer .point"


def drawn(page: Page) -> None:
    page.wait_for_selector(DRAWN, timeout=60_000)
    seeing.wait(page)


def click(page: Page, key: str, line: int, number: int) -> None:
    """Click the point of that number on that line."""
    page.wait_for_selector(f".st-key-chart_{key} .js-plotly-plot[data-clicks=on]")
    x, y, panel = page.evaluate(
        """([key, line, number]) => {
          const trace = document.querySelector(`.st-key-chart_${key} .js-plotly-plot`)._fullData[line];
          return [trace.x[number], trace.y[number], trace.xaxis.replace("x", "xaxis")];
        }""",
        [key, line, number],
    )
    x, y = page.evaluate(
        """([key, x, y, panel]) => {
          const chart = document.querySelector(`.st-key-chart_${key} .js-plotly-plot`);
          chart.scrollIntoView({ block: "center" });
          const { [panel]: xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
          return [box.left + xaxis._offset + xaxis.d2p(x), box.top + yaxis._offset + yaxis.d2p(y)];
        }""",
        [key, x, y, panel],
    )
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    page.evaluate(seeing.LOOKED_AGAIN)
    page.mouse.click(x, y)


def maps_of(page: Page, **choices: str) -> None:
    """The feature maps of these choices are on the screen."""
    expect(page.get_by_role("heading", name="Layers", exact=True)).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "channels")
    assert {name: seeing.choice(page, name) for name in choices} == choices


def test_a_click_leads_to_the_feature_maps_and_the_way_back_to_the_same_page(visited: Server, page: Page) -> None:
    page.goto(visited.address("gradient-flow?model=preset/shapes-cnn&image=sample/star&target=4"))
    drawn(page)
    address, steps, names = page.url, page.evaluate("history.length"), page.evaluate(NAMES)
    click(page, "flow", 0, 2)
    maps_of(page, site="features.2", model="preset/shapes-cnn", target="4")
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    expect(page.get_by_role("heading", name="Gradient flow")).to_be_visible(timeout=30_000)
    drawn(page)
    assert (page.url, page.evaluate(NAMES)) == (address, names)
    page.go_forward()
    maps_of(page, site="features.2", model="preset/shapes-cnn", target="4")


def test_a_click_on_the_second_line_or_on_a_parameter_leads_to_the_maps_behind_it(visited: Server, page: Page) -> None:
    comparison = "gradient-flow?model=preset/shapes-cnn&image=sample/star&model2=preset/shapes-resnet"
    page.goto(visited.address(comparison))
    drawn(page)
    click(page, "flow", 2, 31)
    maps_of(page, model="preset/shapes-resnet", image="sample/star")
    assert str(seeing.choice(page, "site")).startswith("layer")
    seeing.go(page, "Gradient flow")
    page.wait_for_function("location.search.includes('model2=')")
    assert seeing.choice(page, "model2") == "preset/shapes-cnn", "the comparison is there again"
    page.goto(visited.address(comparison.partition("&model2")[0]))
    drawn(page)
    click(page, "parameters", 0, 0)
    maps_of(page, site="features.0")


def test_the_site_is_chosen_and_its_maps_are_opened_without_a_mouse(visited: Server, page: Page) -> None:
    page.goto(visited.address("gradient-flow?model=preset/shapes-cnn&image=sample/star&site=features.2"))
    drawn(page)
    page.get_by_role("link", name="features.2 on the Layers page").focus()
    page.keyboard.press("Enter")
    maps_of(page, site="features.2")


def test_a_link_to_a_comparison_shows_both(visited: Server, page: Page) -> None:
    page.goto(visited.address("gradient-flow?model=preset/shapes-cnn&image=sample/star&model2=preset/shapes-resnet"))
    drawn(page)
    assert page.evaluate(NAMES)[:4] == [
        "gradient, shapes-cnn",
        "activation, shapes-cnn",
        "gradient, shapes-resnet",
        "activation, shapes-resnet",
    ]
