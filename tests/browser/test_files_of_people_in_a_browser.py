"""Files that people bring, each from the file to its picture: what is on screen is what autograd gives."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect
from torch import Tensor, nn

from gradviz_core import images
from gradviz_core.images import preprocessing
from gradviz_core.models import catalogue
from gradviz_core.types import Preprocessing
from tests.browser import seeing
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, plain_range, upload_image, use
from tests.image_files import heic, noise
from tests.test_dinov2 import PLAIN, built, of_meta

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore:The tensor attributes .* were assigned during export"),
]
ROWS, COLUMNS = 32, 96


class Reader(nn.Module):
    """A CRNN: columns of a convolution's maps are read one after the other, each gets a score of every letter."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 8, 5, 4, 1), nn.ReLU(), nn.MaxPool2d((4, 1)))
        self.sequence = nn.LSTM(16, 12, bidirectional=True)
        self.letters = nn.Linear(24, 11)

    def forward(self, x: Tensor) -> Tensor:
        columns = self.maps(x).flatten(1, 2).permute(2, 0, 1)
        scores: Tensor = self.letters(self.sequence(columns)[0]).log_softmax(-1)
        return scores


def seen(data: bytes, steps: Preprocessing) -> Tensor:
    """What the network gets of a picture whose range is 0 to 1."""
    return torch.tensor(preprocessing.normalise(preprocessing.as_seen(images.decode(data), steps), steps))


def test_a_phones_photo_read_by_a_crnn(visited: Server, page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Reader().eval()
    program = torch.export.export(model, (torch.zeros(1, 3, ROWS, COLUMNS),))
    torch.export.save(program, tmp_path / "reader.pt2")
    (tmp_path / "IMG_0001.HEIC").write_bytes(photo := heic(noise(64, 120)))

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "reader.pt2")
    plain_range(page)
    use(page)
    upload_image(page, tmp_path / "IMG_0001.HEIC")
    expect(page.get_by_text("From 120×64 HEIC")).to_be_visible(timeout=20_000)
    value = page.get_by_role("textbox", name="One value of the output")
    value.fill("5,0,3")
    value.press("Enter")
    page.wait_for_function("location.search.includes('element=5')")
    expect(page.get_by_text("the value (5, 0, 3)").first).to_be_visible(timeout=20_000)
    x = seen(photo, Preprocessing((ROWS, COLUMNS), None, (0.0,) * 3, (1.0,) * 3)).requires_grad_()
    (slope,) = torch.autograd.grad(model(x)[5, 0, 3], x)
    check_same(seeing.heatmap(page, "gradient"), slope[0].sum(0))


def test_a_dinov2_file_with_metas_names(visited: Server, page: Page, tmp_path: Path) -> None:
    """A backbone alone: its outputs are features, of which the largest is asked about."""
    side = 56
    model, state = copy.deepcopy(built(PLAIN, side)), of_meta(PLAIN, side)
    for name in (
        name for name in state if name.endswith("gamma")
    ):  # before training they are 1e-5: no gradient is left
        model.state_dict()[name].fill_(1.0)
        state[name] = torch.ones_like(state[name])
    torch.save(state, tmp_path / "dinov2_vits14_pretrain.pth")
    page.goto(visited.address("saliency?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "dinov2_vits14_pretrain.pth")
    plain_range(page)
    use(page)
    seeing.check_drawn(page, "gradient")
    star = catalogue.image_file(catalogue.sample_image("star")).read_bytes()
    x = seen(star, Preprocessing((side, side), None, (0.0,) * 3, (1.0,) * 3, "bicubic")).requires_grad_()
    (slope,) = torch.autograd.grad(model(x)[0].max(), x)
    check_same(seeing.heatmap(page, "gradient"), slope[0].sum(0))
