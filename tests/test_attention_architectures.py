"""Attention weights and token grids of timm's transformers, with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import nn

from gradviz_core.methods.token_grids import grid_of
from gradviz_core.tracing import trace

pytestmark = pytest.mark.sweep

ARCHITECTURES: dict[str, tuple[dict[str, Any], tuple[int, int], int, set[tuple[int, int]]]] = {
    # sizes, picture, attention layers, rows and columns of patches
    "vit_tiny_patch16_224": ({"img_size": (48, 64), "depth": 2}, (48, 64), 2, {(3, 4)}),
    "deit3_small_patch16_224": ({"img_size": 64, "depth": 2}, (64, 64), 2, {(4, 4)}),
    "beit_base_patch16_224": ({"img_size": 64, "depth": 2}, (64, 64), 2, {(4, 4)}),
    "eva02_tiny_patch14_224": ({"img_size": 56, "depth": 2}, (56, 56), 2, {(4, 4)}),
    "vit_small_patch16_dinov3": ({"img_size": 64, "depth": 2}, (64, 64), 2, {(4, 4)}),
    "cait_xxs24_224": ({"img_size": 64, "depth": 2}, (64, 64), 4, {(4, 4)}),
    "pit_ti_224": ({}, (224, 224), 12, {(27, 27), (14, 14), (7, 7)}),
    "levit_128s": ({}, (224, 224), 11, {(14, 14), (7, 7), (4, 4)}),
    "swinv2_tiny_window8_256": ({"img_size": 64, "depths": (2, 2)}, (64, 64), 4, {(16, 16), (8, 8)}),
    "maxvit_pico_rw_256": ({}, (256, 256), 22, {(64, 64), (32, 32), (16, 16), (8, 8)}),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_layer_is_found_and_its_grid_followed(name: str) -> None:
    sizes, picture, count, grids = ARCHITECTURES[name]
    module: nn.Module = timm.create_model(name, **sizes).eval()
    x = torch.randn(1, 3, *picture, generator=torch.Generator().manual_seed(0))
    found = trace.forward(module, x, attention=True)
    with torch.no_grad():
        expected = module(x)
    assert isinstance(found.output, torch.Tensor)
    assert (found.output - expected).abs().max() < 1e-4 * expected.abs().max()
    assert len(found.attention) == count
    known = [grid_of(found, site) for site in found.attention]
    assert {grid.guessed for grid in known if grid} == {""}
    assert {(grid.rows, grid.columns) for grid in known if grid} == grids
