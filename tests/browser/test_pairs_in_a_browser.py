"""A model of two images from its file to both of its pictures: what is on screen is what autograd gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

from gradviz_core.answers import pictures
from gradviz_core.types.cards import Preprocessing
from tests import pairs
from tests.browser import seeing
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, use

pytestmark = pytest.mark.browser

STEPS = Preprocessing((pairs.SIDE, pairs.SIDE), pairs.SIDE, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def slopes(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """∂(the larger score)/∂first and ∂/∂second, summed over colours, by autograd alone."""
    both = first.requires_grad_(), second.requires_grad_()
    one, other = torch.autograd.grad(pairs.Product()(*both)[0].max(), both)
    return one[0].sum(0), other[0].sum(0)


def test_a_model_of_two_images_to_both_pictures(visited: Server, page: Page, tmp_path: Path) -> None:
    (tmp_path / "two.pt2").write_bytes(pairs.file(pairs.Product(), pairs.image(seed=1), pairs.image(seed=2)))
    page.goto(visited.address("saliency?model=preset/shapes-cnn&image=sample/star"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "two.pt2")
    use(page)
    seeing.check_drawn(page, "gradient2")
    star, ring = (torch.tensor(pictures.as_seen(f"sample/{name}", STEPS).numbers) for name in ("star", "ring"))
    one, other = slopes(star, ring)
    check_same(seeing.heatmap(page, "gradient"), one)
    check_same(seeing.heatmap(page, "gradient2"), other)
