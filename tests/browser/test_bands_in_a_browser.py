"""A network of twelve bands from its file to its picture: what is on screen is what autograd gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from tests import bands
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, use
from tests.image_files import npy

pytestmark = pytest.mark.browser


def test_a_network_of_twelve_bands_to_its_picture(visited: Server, page: Page, tmp_path: Path) -> None:
    numbers = bands.reflectances()
    (tmp_path / "land.pt2").write_bytes(bands.file())
    (tmp_path / "scene.npy").write_bytes(npy(numbers))

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "land.pt2")
    page.get_by_role("dialog").get_by_text("Change the preprocessing").click()
    page.get_by_role("radio", name="Mean 0, standard deviation 1").click()
    page.get_by_label("Bands shown", exact=True).fill("3, 2, 1")
    page.keyboard.press("Enter")
    seeing.wait(page)
    use(page)
    expect(page.get_by_text("This model takes 12 bands, and the image is a picture")).to_be_visible(timeout=20_000)
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()
    page.get_by_test_id(streamlit_ids.POPOVER_BODY).locator("input[type=file]").set_input_files(tmp_path / "scene.npy")
    page.wait_for_function("new URL(location.href).searchParams.get('image')?.startsWith('upload/')", timeout=30_000)
    expect(page.get_by_text("Bands 3, 2 and 1 as red, green and blue").first).to_be_visible(timeout=20_000)

    exact = torch.tensor(numbers.astype(float))
    mean, std = exact.mean((1, 2), keepdim=True), exact.std((1, 2), keepdim=True, correction=0)
    x = ((exact - mean) / std).float()[None].requires_grad_()
    (slope,) = torch.autograd.grad(bands.network()(x)[0].max(), x)
    check_same(seeing.heatmap(page, "gradient"), slope[0].sum(0))
