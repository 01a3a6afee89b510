"""The doctor's page in a browser: a sound preset, the check by keyboard, a copied address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser


def test_a_sound_model_is_said_to_be_sound_and_its_gradient_is_checked(
    visited: Server, page: Page, browser: Browser
) -> None:
    page.goto(visited.address("doctor?model=preset/digits-mlp&image=sample/star"))
    expect(page.get_by_text("Nothing is wrong: every parameter and the input")).to_be_visible(timeout=60_000)
    seeing.wait(page)
    page.get_by_role("button", name="Check the gradient").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('check=1')")
    expect(page.get_by_text("They agree in all 3 directions")).to_be_visible(timeout=60_000)
    seeing.wait(page)

    with tab(browser, dark=True, width=390) as other:
        other.goto(page.url)
        expect(other.get_by_text("They agree in all 3 directions")).to_be_visible(timeout=60_000)
        seeing.wait(other)
        assert other.evaluate("document.documentElement.scrollWidth <= innerWidth")
