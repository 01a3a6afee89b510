"""The doctor's page in a browser: a sound preset, the check by keyboard, a copied address; a cut in an own model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from torch import Tensor, nn

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab
from tests.browser.test_one_screen import CHOICES, MOST_SHIFT, SHIFT, WATCH
from tests.exported.files import exported_bytes

pytestmark = pytest.mark.browser


class Cut(nn.Module):
    """Two layers, and a detach between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu().mean((2, 3))
        kept = h.detach()
        scores: Tensor = self.last(kept)
        return scores


def test_a_sound_model_is_said_to_be_sound_and_its_gradient_is_checked(
    visited: Server, page: Page, browser: Browser
) -> None:
    page.goto(visited.address("doctor?model=preset/digits-mlp&image=sample/star"))
    expect(page.get_by_text("No problems found: the input and every parameter")).to_be_visible(timeout=60_000)
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


def test_a_cut_in_an_exported_model_is_shown_at_the_authors_line(visited: Server, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "cut.pt2"
    file.write_bytes(exported_bytes(Cut().eval(), torch.zeros(1, 3, 96, 96)))
    page.goto(visited.address("doctor?model=preset/digits-mlp&image=sample/star"))
    seeing.wait(page)
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").click()
    page.get_by_role("dialog").locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("button", name="Use this model").click(timeout=60_000)
    expect(page.get_by_role("heading", name="1. Broken: a value is detached")).to_be_visible(timeout=60_000)
    seeing.wait(page)
    expect(page.get_by_text("kept = h.detach()")).to_be_visible()
    expect(page.get_by_text("1 finding.")).to_be_visible()
    page.get_by_role("button", name="Check the gradient").click()
    expect(page.get_by_text("No gradient of the logit of class")).to_be_visible(timeout=60_000)
    seeing.wait(page)


def test_the_verdict_and_the_check_are_above_the_fold_and_nothing_jumps(visited: Server, browser: Browser) -> None:
    with tab(browser, moving=True) as page, script(page, WATCH):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(visited.address(f"doctor?{CHOICES}"))
        expect(page.get_by_text("No problems found")).to_be_in_viewport(ratio=1, timeout=60_000)
        seeing.wait(page)
        shift, moved = page.evaluate(SHIFT)
        assert shift < MOST_SHIFT, moved
        for width, height in ((1280, 720), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            expect(page.get_by_text("No problems found")).to_be_in_viewport(ratio=1)
            expect(page.get_by_role("button", name="Check the gradient")).to_be_in_viewport(ratio=1)
