"""A network of clips from its file to its frames: what is on screen is what autograd gives, frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from tests import volumes
from tests.browser import seeing
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, plain_range, upload_image, use
from tests.image_files import npy

pytestmark = pytest.mark.browser


def test_a_network_of_clips_to_each_of_its_frames(visited: Server, page: Page, tmp_path: Path) -> None:
    numbers = volumes.numbers(6, 3, 12, 14)
    (tmp_path / "clip.pt2").write_bytes(volumes.sound(volumes.OF_CLIPS))
    (tmp_path / "clip.npy").write_bytes(npy(numbers))

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "clip.pt2")
    expect(page.get_by_text("read as 6 frames of 3 channels")).to_be_visible()
    plain_range(page)
    use(page)
    upload_image(page, tmp_path / "clip.npy")
    x = torch.tensor(numbers)[None].requires_grad_()
    (slope,) = torch.autograd.grad(volumes.of_clips()(x)[0].max(), x)
    strongest = int(slope[0].square().sum((1, 2, 3)).argmax())
    expect(page.get_by_text(f"Frame {strongest} of 0 to 5").first).to_be_visible(timeout=20_000)
    check_same(seeing.heatmap(page, "gradient"), slope[0, strongest].sum(0))

    step = -1 if strongest else 1
    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    slider.press("ArrowLeft" if strongest else "ArrowRight")
    expect(page.get_by_text(f"Frame {strongest + step} of 0 to 5").first).to_be_visible(timeout=20_000)
    check_same(seeing.heatmap(page, "gradient"), slope[0, strongest + step].sum(0))
    assert seeing.choice(page, "input_slice") == str(strongest + step)
