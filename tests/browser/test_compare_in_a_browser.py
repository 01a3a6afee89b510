"""Compare in a browser: maps are zoomed together, follow each other's pointer, and a click marks one place in all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser
MAPS = ("map1", "map2", "map3")
RANGES = """(key) => {
  const { xaxis, yaxis } = document.querySelector(`.st-key-chart_${key} .js-plotly-plot`).layout;
  return [...xaxis.range, ...yaxis.range].map(Number);
}"""
ALL_NUMBERS = """() => [...document.querySelectorAll('.js-plotly-plot')].map((plot) =>
  [...plot._fullData.find((trace) => trace.type == 'heatmap').z].map((row) => [...row]))"""
LINKED = ".js-plotly-plot[data-linked=on][data-clicks=on]"


TOGETHER = f"""([left, right]) => {{
  const all = {list(MAPS)}.map({RANGES}), [first] = all;
  return first[0] > left && first[0] < right
    && all.every((one) => one.every((value, i) => Math.abs(value - first[i]) < 0.4));
}}"""
"""All show the same part, and the left end of that of the first lies between the two numbers."""


def turn(page: Page, by: int) -> None:
    page.keyboard.down("Control")
    page.mouse.wheel(0, by)
    page.keyboard.up("Control")


def test_maps_are_linked_by_pointer_zoom_and_place(visited: Server, page: Page) -> None:
    page.goto(visited.address("compare?model=preset/shapes-cnn&image=sample/star"))
    for key in MAPS:
        seeing.check_drawn(page, key)
        page.wait_for_selector(f".st-key-chart_{key} {LINKED}")
    second, third = seeing.heatmap(page, "map2"), seeing.heatmap(page, "map3")

    seeing.hover(page, "map1", 40, 60)
    for key, text, value in (
        ("map2", "row 40, column 60: ", second[40][60]),
        ("map3", "row 5, column 7: ", third[5][7]),
    ):
        label = page.locator(f".st-key-chart_{key} .gradviz-linked b")
        expect(label).to_contain_text(text)
        said = (label.text_content() or "").removeprefix(text).replace("\N{MINUS SIGN}", "-")
        assert float(said) == pytest.approx(value, rel=1e-3)

    x, y = seeing.point(page, "map1", 24, 24)
    page.mouse.move(x, y)
    for _ in range(6):
        turn(page, -300)
    page.wait_for_function(TOGETHER, arg=[9, 24])

    x, y = seeing.point(page, "map3", 24, 24)
    page.mouse.move(x, y)
    page.wait_for_timeout(100)
    page.mouse.dblclick(x, y)
    page.wait_for_function(TOGETHER, arg=[-0.9, -0.1])


def test_a_click_marks_the_place_in_all_and_the_address_restores_it(
    visited: Server, page: Page, browser: Browser, tmp_path: Path
) -> None:
    page.goto(visited.address("compare?model=preset/shapes-cnn&image=sample/star&map2=layer.grad_cam&map3=none"))
    seeing.check_drawn(page, "map1")
    seeing.click(page, "map1", 40, 60)
    assert seeing.choice(page, "map_at") == "42.1875,63.0208"
    table = page.locator(".st-key-compare_values table")
    expect(table.get_by_role("row").nth(1)).to_contain_text("40, 60")
    expect(table.get_by_role("row").nth(2)).to_contain_text("5, 7")
    before = table.inner_text()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    seeing.check_drawn(page, "map2")
    expect(page.locator(".st-key-compare_values table")).to_have_text(
        table.inner_text() and before, use_inner_text=True
    )

    shown = [np.array(seeing.heatmap(page, key)) for key in ("map1", "map2")]
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Download").click()
    with page.expect_download(timeout=30_000) as download:
        page.get_by_role("button", name="All pictures (HTML)", exact=True).click()
    download.value.save_as(together := tmp_path / "together.html")
    with tab(browser) as other:
        other.goto(together.as_uri())
        other.wait_for_function(
            "[...document.querySelectorAll('.js-plotly-plot')].filter((p) => p._fullData).length == 2"
        )
        kept = other.evaluate(ALL_NUMBERS)
        for found, expected in zip(kept, shown, strict=True):
            np.testing.assert_array_equal(np.array(found, float), expected)
        expect(other.locator("section").nth(1)).to_contain_text("Grad-CAM of features.17")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Change").nth(1).click()
    method = page.get_by_role("combobox", name="Method")
    expect(method).to_be_visible()
    method.fill("HiRes")
    method.press("Enter")
    page.wait_for_function("location.search.includes('hires_cam')")
    expect(page.get_by_text("HiResCAM of features.17").first).to_be_visible()
