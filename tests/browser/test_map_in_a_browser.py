"""The map of the network in a browser: a click and the arrows of the keyboard choose a layer output."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser


def chosen(page: Page, site: str) -> None:
    page.wait_for_function("site => new URL(location.href).searchParams.get('site') === site", arg=site, timeout=30_000)
    seeing.wait(page)


def test_a_click_and_the_keyboard_choose_a_layer_output(visited: Server, page: Page) -> None:
    page.goto(visited.address("neurons?model=preset/shapes-cnn&image=sample/star"))
    seeing.wait(page)
    strip = page.get_by_role("slider", name="Map of the network")
    expect(strip).to_have_attribute("aria-valuetext", "features.14 · ReLU · 88×12×12", timeout=30_000)
    strip.locator("[data-site='features.2']").click()
    chosen(page, "features.2")
    expect(strip).to_have_attribute("aria-valuetext", "features.2 · ReLU · 24×48×48")
    strip.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    chosen(page, "features.4")
    expect(strip).to_be_focused()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_names_of_its_blocks_do_not_overlap(visited: Server, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(visited.address("neurons?model=preset/shapes-resnet&image=sample/star"))
    seeing.wait(page)
    strip = page.get_by_role("slider", name="Map of the network")
    expect(strip).to_be_visible(timeout=30_000)
    boxes = strip.evaluate(
        """(bars) => [...bars.parentElement.querySelectorAll(".names span:not(.left-out)")].map((label) => {
          const { left, right } = label.getBoundingClientRect();
          return [label.textContent, left, right];
        })"""
    )
    assert len(boxes) >= 3
    assert boxes[0][0] == "conv1"
    assert all(one[2] < two[1] for one, two in itertools.pairwise(boxes))
    # A network of many blocks has less room for each.
    assert strip.evaluate("(bars) => (bars.parentElement.style.width = '36px', bars.scrollWidth <= bars.clientWidth)")
