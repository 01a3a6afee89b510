"""The slider of a clip in a browser: the frame that it shows is what autograd gives there."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import torch
from playwright.sync_api import Page, expect

from gradviz_core.types.cards import Recipe
from gradviz_core.uploads.store import Store
from tests import volumes
from tests.browser import seeing
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import check_same
from tests.image_files import npy

pytestmark = pytest.mark.browser


def test_the_slider_leads_to_another_frame(visited: Server, page: Page) -> None:
    store, numbers, steps = Store(visited.store, 10**9, 9), volumes.numbers(6, 3, 12, 14), volumes.OF_CLIPS
    recipe = Recipe(store.put(volumes.sound(steps)), "", "Clips", (), steps)
    asked = {"model": f"upload/{store.keep_recipe(recipe)}", "image": f"upload/{store.put(npy(numbers))}"}
    mean, std = (torch.tensor(each)[:, None, None] for each in (steps.mean, steps.std))
    x = ((torch.tensor(numbers) - mean) / std)[None].requires_grad_()
    (slope,) = torch.autograd.grad(volumes.of_clips()(x)[0].max(), x)

    page.goto(visited.address(f"saliency?{urlencode(asked | {'input_slice': '2'})}"))
    check_same(seeing.heatmap(page, "gradient"), slope[0, 2].sum(0))
    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    slider.press("ArrowRight")
    expect(page.get_by_text("Frame 3 of 0 to 5").first).to_be_visible(timeout=20_000)
    check_same(seeing.heatmap(page, "gradient"), slope[0, 3].sum(0))
    assert seeing.choice(page, "input_slice") == "3"
