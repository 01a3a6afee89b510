"""Back and forth in the browser: one step for one choice."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser import seeing
from tests.browser.conftest import Server


def test_one_step_back_undoes_a_choice_that_lets_others_fall(visited: Server, page: Page) -> None:
    """A new model lets target, site and place fall: still one step, and one step back brings them all again."""
    page.goto(visited.address("neurons?image=sample/star&site=features.14&channel=5&row=3&col=4"))
    before = seeing.finite(seeing.heatmap(page, "gradient"))
    address, steps = page.url, page.evaluate("history.length")
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="Shapes, residual network").click()
    page.wait_for_function("location.search.includes('model=') && !location.search.includes('channel=')")
    seeing.wait(page)
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=address)
    assert seeing.finite(seeing.heatmap(page, "gradient")) == before
    page.go_forward()
    page.wait_for_function("location.search.includes('model=') && !location.search.includes('channel=')")
    seeing.wait(page)
