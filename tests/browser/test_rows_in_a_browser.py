"""A long sum in a browser: the picture converges and moves nothing, stops when told, goes on, and is kept."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import seeing
from tests.browser.conftest import Server, script, tab
from tests.browser.test_one_screen import MOST_SHIFT, SHIFT, WATCH

pytestmark = pytest.mark.browser
DRAWS = 1024
"""The most that can be asked for: a fast machine takes seconds for them, and the stop below comes in time."""
LONG = f"saliency?model=preset/shapes-vit&image=sample/star&method=smoothgrad&options=draws={DRAWS}"


def test_a_long_sum_converges_stops_goes_on_and_is_kept(visited: Server, browser: Browser) -> None:
    with tab(browser, moving=True) as page, script(page, WATCH):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(visited.address(LONG))
        row, said = page.locator(".st-key-row"), page.locator(".st-key-said_gradient p").first
        expect(row).to_contain_text(f"of {DRAWS} draws, about", timeout=60_000)
        page.locator(".st-key-row_stop button").click()
        expect(row).to_contain_text("Stopped after")
        seeing.wait(page)
        stopped = re.search(r"Stopped after (\d+) of", row.inner_text())
        assert stopped is not None
        assert int(stopped[1]) < DRAWS
        expect(said).to_contain_text(f"averaged over {stopped[1]} noisy copies")
        seeing.check_drawn(page, "gradient")

        page.locator(".st-key-row_go_on button").click()
        expect(row).to_contain_text(f"{DRAWS} draws in", timeout=120_000)
        expect(said).to_contain_text(f"averaged over {DRAWS} noisy copies")
        shift, moved = page.evaluate(SHIFT)
        assert shift < MOST_SHIFT, moved
        whole = seeing.heatmap(page, "gradient")

        page.reload()
        assert seeing.heatmap(page, "gradient") == whole
        expect(row).to_have_count(0)
