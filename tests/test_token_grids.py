"""Which token is which patch: followed through the operations, from the image to the queries and keys of each layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision.models import MaxVit, SwinTransformer

import gradviz_core as gv
from gradviz_core.answers import tokens
from gradviz_core.methods.token_grids import Grid, grid_of
from gradviz_core.tracing import trace
from gradviz_core.types import AttentionLayer, attention_of
from gradviz_core.uploads import exported
from tests import attending
from tests.exported.files import exported_bytes


def grids(module: nn.Module, x: Tensor) -> list[Grid | None]:
    found = trace.forward(module, x, attention=True)
    return [grid_of(found, site) for site in found.attention]


def plain(grid: Grid | None) -> tuple[int, int, list[list[int]], str]:
    assert grid is not None
    assert torch.equal(grid.queries, grid.keys)
    return grid.rows, grid.columns, grid.keys.tolist(), grid.guessed


def row_by_row(rows: int, columns: int, before: int = 0) -> tuple[int, int, list[list[int]], str]:
    """All patches in order, after tokens that are none."""
    return rows, columns, [[-1] * before + list(range(rows * columns))], ""


# ------------------------------------------------------------------------------------------------- all attend to all


def from_timm(name: str, **sizes: Any) -> nn.Module:
    made: nn.Module = timm.create_model(name, **sizes)
    return made


def deit() -> nn.Module:
    return from_timm("deit_tiny_distilled_patch16_224", img_size=(32, 48), depth=2, embed_dim=24, num_heads=2)


def with_registers() -> nn.Module:
    return from_timm("vit_small_patch14_reg4_dinov2", img_size=(28, 42), depth=2, embed_dim=24, num_heads=2)


def no_class_token() -> nn.Module:
    return from_timm("vit_base_patch16_siglip_224", img_size=32, depth=2, embed_dim=24, num_heads=2)


class Unfolded(nn.Module):
    """Patches that are cut out by a reshape, in columns rather than rows, with the class token last."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(48, 8)
        self.token = nn.Parameter(torch.ones(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        patches = (
            x.reshape(len(x), 3, x.shape[2] // 4, 4, x.shape[3] // 4, 4)
            .permute(0, 4, 2, 3, 5, 1)
            .flatten(1, 2)
            .flatten(2)
        )
        tokens = torch.cat([self.embed(patches), self.token.expand(len(x), -1, -1)], 1)
        logits: Tensor = self.head(self.attention(tokens, tokens, tokens, need_weights=False)[0][:, -1])
        return logits


ALL_TO_ALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, int], tuple[int, int, list[list[int]], str]]] = {
    "torchvision's": (attending.vision_transformer, (24, 24), row_by_row(3, 3, 1)),
    "distilled, not square": (deit, (32, 48), row_by_row(2, 3, 2)),
    "registers": (with_registers, (28, 42), row_by_row(2, 3, 5)),
    "no class token": (no_class_token, (32, 32), row_by_row(2, 2)),
    "by hand": (lambda: attending.by_hand("product"), (16, 24), row_by_row(2, 3)),
    "with einsum": (lambda: attending.by_hand("einsum"), (16, 24), row_by_row(2, 3)),
    "from the right": (lambda: attending.by_hand("from the right"), (16, 24), row_by_row(2, 3)),
    "column by column": (Unfolded, (8, 12), (2, 3, [[0, 3, 1, 4, 2, 5, -1]], "")),
}


@pytest.mark.parametrize("as_file", [False, True], ids=["module", "pt2"])
@pytest.mark.parametrize("name", ALL_TO_ALL)
def test_where_all_attend_to_all(name: str, as_file: bool) -> None:
    make, size, expected = ALL_TO_ALL[name]
    module, x = make().eval(), attending.picture(*size)
    if as_file:
        module = exported.read(exported_bytes(module, x)).module
    found = grids(module, x)
    assert found
    for grid in found:
        if name == "no class token" and grid is not None and len(grid.queries[0]) == 1:
            assert grid.keys.tolist() == expected[2]  # one learned query gathers all patches in the end
        else:
            assert plain(grid) == expected


# ------------------------------------------------------------------------------------------------------------- windows


def blocks(size: int, window: int, shift: int = 0) -> list[list[int]]:
    """The windows of a grid, each row by row, and they too; from the shift on, round the edge."""
    starts = range(0, size, window)
    return [
        [((top + r + shift) % size) * size + (left + c + shift) % size for r in range(window) for c in range(window)]
        for top in starts
        for left in starts
    ]


def dilated(size: int, window: int) -> list[list[int]]:
    """The windows of grid attention: patches that lie as far apart as possible."""
    apart = size // window
    return [
        [(top + r * apart) * size + left + c * apart for r in range(window) for c in range(window)]
        for top in range(apart)
        for left in range(apart)
    ]


def swin() -> nn.Module:
    made: nn.Module = SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=3)
    return made


def timms_swin() -> nn.Module:
    sizes = {"embed_dim": 8, "depths": (2, 2), "num_heads": (2, 2), "window_size": 4}
    return from_timm("swin_tiny_patch4_window7_224", img_size=32, **sizes)


def maxvit() -> nn.Module:
    made: nn.Module = MaxVit((64, 64), 8, 4, [8, 8], [1, 1], 4, 0.0, num_classes=3)
    return made


IN_WINDOWS: dict[str, tuple[Callable[[], nn.Module], int, list[tuple[int, list[list[int]]]]]] = {
    "Swin": (swin, 32, [(8, blocks(8, 4)), (8, blocks(8, 4, 2)), (4, blocks(4, 4)), (4, blocks(4, 4))]),
    "timm's Swin": (timms_swin, 32, [(8, blocks(8, 4)), (8, blocks(8, 4, 2)), (4, blocks(4, 4)), (4, blocks(4, 4))]),
    "MaxViT": (maxvit, 64, [(16, blocks(16, 4)), (16, dilated(16, 4)), (8, blocks(8, 4)), (8, dilated(8, 4))]),
}


@pytest.mark.parametrize("as_file", [False, True], ids=["module", "pt2"])
@pytest.mark.parametrize("name", IN_WINDOWS)
def test_windows(name: str, as_file: bool) -> None:
    make, size, expected = IN_WINDOWS[name]
    module, x = make().eval(), attending.picture(size, size)
    if as_file:
        module = exported.read(exported_bytes(module, x)).module
    assert [plain(grid) for grid in grids(module, x)] == [(side, side, places, "") for side, places in expected]


# ---------------------------------------------------------------------------------------------------- guessed, unknown


class Sorted(attending.Patches):
    """An operation that no rule follows stands before attention."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2).sort(1).values
        logits: Tensor = self.head(self.attention(tokens).mean(1))
        return logits


class Words(nn.Module):
    """Attends over learned tokens alone."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.randn(1, 30, 8))
        self.attention = attending.ByHand("fused")

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.attention(self.words).mean((1, 2))[:, None] * x.mean()
        return said


def test_a_grid_that_is_guessed_says_how() -> None:
    (grid,) = grids(Sorted(attending.ByHand("fused")).eval(), attending.picture(16, 24))
    rows, columns, places, how = plain(grid)
    assert (rows, columns, places) == row_by_row(2, 3)[:3]
    assert how == "as the maps of patches, 2×3, row by row, after any other token"


def test_a_grid_that_nothing_tells_is_none() -> None:
    assert grids(Words().eval(), attending.picture()) == [None]


# --------------------------------------------------------------------------------------------------------- the question


def test_a_question_lists_the_layers_and_their_tokens() -> None:
    answer = gv.answer(gv.TokensQuestion(model="preset/shapes-vit", image="sample/star"))
    assert [str(layer.site) for layer in answer.layers] == [f"layers.{i}.attention[.attention]" for i in range(4)]
    for layer in answer.layers:
        assert (layer.rows, layer.columns, layer.windows, layer.extra, layer.guessed) == (8, 8, 1, (0,), "")
        assert (layer.shape, layer.heads) == ((1, layer.heads, 65, 65), layer.shape[1])
        assert answer.arrays[f"keys/{layer.site}"].tolist() == [[-1, *range(64)]]
    assert answer.notes == ()
    assert gv.answer(gv.TokensQuestion(model="preset/digits-mlp", image="sample/digit-3")).layers == ()


def test_what_is_guessed_and_what_is_not_known_is_said() -> None:
    layers = [
        AttentionLayer(attention_of("a"), (1, 2, 6, 6), 1, 2, 3, (), "as the maps of b"),
        AttentionLayer(attention_of("c"), (1, 2, 6, 6)),
    ]
    assert tokens.remarks(layers) == (
        "The grid of tokens of 1 of 2 attention layers was guessed: as the maps of b.",
        "Which token is which patch is not known for 1 of 2 attention layers: no operation of the forward pass shows "
        "it.",
    )
