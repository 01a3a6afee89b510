"""Where the positions of layer outputs lie over the picture: class tokens, registers, windows, any order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers.keeping import over_image
from gradviz_core.answers.lying import grid_at
from gradviz_core.drawing import cam_words
from gradviz_core.methods.class_activation import cam_of
from gradviz_core.tracing import trace
from gradviz_core.tracing.site_grids import grids
from gradviz_core.types import Field, SiteInfo, layouts
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import settled
from gradviz_core.types.patches import Centres
from tests import attending
from tests.oracles import oracle_of, scene_of
from tests.test_token_grids import Unfolded, blocks, deit, maxvit, timms_swin, with_registers


def of(module: nn.Module, x: Tensor) -> dict[str, Grid]:
    return {str(site): grid for site, grid in grids(trace.forward(module.eval(), x, positions=True)).items()}


def test_tokens_behind_others_are_rows_and_columns() -> None:
    assert of(with_registers(), attending.picture(28, 42))["blocks.1"] == Grid(
        5, 2, 3, centres=Centres(6.5, 6.5, 14, 14), shown=True
    )
    distilled = of(deit(), attending.picture(32, 48))
    assert {distilled[f"blocks.{i}"] for i in (0, 1)} == {Grid(2, 2, 3, centres=Centres(7.5, 7.5, 16, 16), shown=True)}


def test_a_token_that_comes_last_and_patches_in_columns() -> None:
    found = of(Unfolded(), attending.picture(8, 12))["embed"]
    assert (found.rows, found.columns, found.order) == (2, 3, (0, 2, 4, 1, 3, 5))
    tokens = np.array([0, 3, 1, 4, 2, 5, 9.0])
    assert tokens[found.positions].reshape(2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert [found.patch(position) for position in range(7)] == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), None]
    assert all(found.patch(found.position(row, column)) == (row, column) for row in range(2) for column in range(3))


@pytest.mark.parametrize(
    ("make", "size", "site", "windows"),
    [
        (timms_swin, 32, "layers.0.blocks.0.attn", blocks(8, 4)),
        (timms_swin, 32, "layers.0.blocks.1.attn", blocks(8, 4, 2)),
        (maxvit, 64, "blocks.0.layers.0.layers.window_attention.attn_layer.1", blocks(16, 4)),
    ],
)
def test_windows_are_put_back(make: type[nn.Module], size: int, site: str, windows: list[list[int]]) -> None:
    found = of(make(), attending.picture(size, size))[site]
    patches = np.array(windows).ravel()
    assert patches[found.positions].tolist() == list(range(found.rows * found.columns))


def test_values_with_rows_and_columns_as_they_come_need_none() -> None:
    found = of(timms_swin(), attending.picture(32, 32))
    assert "layers.0.blocks.0" not in found
    assert "layers.0.blocks.0.norm2" in found, "the same as a sequence"
    assert of(gv.load("preset/shapes-cnn"), torch.zeros(1, 3, 96, 96)) == {}


def test_following_places_changes_no_number() -> None:
    module, x = attending.vision_transformer(), attending.picture()
    one, other = (trace.forward(module, x, positions=followed) for followed in (False, True))
    assert all(torch.equal(value, other.values[site]) for site, value in one.values.items())
    assert not one.positions
    assert other.positions


def test_a_map_of_windows_is_one_map_of_all() -> None:
    module, x = timms_swin().eval().requires_grad_(False), attending.picture(32, 32)
    scene, site = scene_of(module, x), gv.Site("layers.0.blocks.1.attn.proj")
    oracle = oracle_of(scene, gv.ClassScore(3), site)
    value = scene.trace.value(site).detach()
    found = cam_of("grad_cam")(oracle, value, settled("grad_cam", (("negative", "kept"),)))
    weights = oracle(value).mean((0, 1))
    torch.testing.assert_close(found[..., 0], value @ weights)
    grid = grid_at(scene, site, value.shape, 2)
    assert grid is not None
    over = over_image(found, grid)
    for window, patches in enumerate(blocks(8, 4, 2)):
        assert torch.equal(over.flatten()[patches], found[window, :, 0])
    assert len(scene.grids) == 1, "followed once"


def test_without_such_a_pass_the_number_of_tokens_is_read_and_said() -> None:
    info = SiteInfo(gv.Site("a"), "Linear", (1, 17, 8), "float32", "tokens", axis=2)
    read = layouts.grid(info, (32, 32))
    assert read == Grid(1, 4, 4)
    shown = replace(info, grid=Grid(5, 3, 4, shown=True))
    assert layouts.grid(shown, (32, 32)) == shown.grid
    field = Field(np.zeros((4, 4), np.float32), True, "", 1.0)
    said = [
        cam_words.over_image("grad_cam", (), gv.ClassScore(0), (), one, field, grid).facts
        for one, grid in ((info, read), (shown, shown.grid))
        if grid is not None
    ]
    guess = "which token is which patch was guessed from their number"
    assert [guess in facts for facts in said] == [True, False]
    assert "the class token, which stands apart, is left out" in said[0]
    assert "5 tokens that are no patch are left out" in said[1]
    assert layouts.turned(shown, 1).grid is None, "on another axis it says nothing"
