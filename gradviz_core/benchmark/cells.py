"""A model that takes a grid of four pictures whose cells are disconnected: each goes through it on its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gradviz_core.benchmark.pictures import CELLS, SIDE


def cut(grids: Tensor) -> Tensor:
    """(N, C, 2·H, 2·W) -> (4·N, C, H, W), row by row."""
    count, channels, height, width = grids.shape
    cells = grids.reshape(count, channels, SIDE, height // SIDE, SIDE, width // SIDE)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


class Together(nn.Module):
    """The reverse of ``cut``: (4·N, C, H, W) -> (N, C, 2·H, 2·W)."""

    def forward(self, cells: Tensor) -> Tensor:
        """The cells as one map."""
        _, channels, height, width = cells.shape
        grids = cells.reshape(-1, SIDE, SIDE, channels, height, width).permute(0, 3, 1, 4, 2, 5)
        return grids.flatten(4, 5).flatten(2, 3)


class Disconnected(nn.Module):
    """(N, 3, 2·H, 2·W) -> (N, 4·K): the K logits of each cell, of which nothing in another cell changes any.

    The features of all cells lie side by side in one map, as a class activation map sees them, and each part of it goes
    through the head on its own: the setting DiFull of Rao et al. 2022 (arXiv:2205.10435).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.features, self.head = parts(model)
        self.together = Together()

    def forward(self, grids: Tensor) -> Tensor:
        """The logits of the cells, one after the other."""
        logits: Tensor = self.head(cut(self.together(self.features(cut(grids)))))
        return logits.reshape(len(grids), -1)


def parts(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    """The layers before the global average pooling, and the rest; for a model without one nothing, and all of it."""
    children = list(model.children())
    at = next((i for i, child in enumerate(children) if isinstance(child, nn.AdaptiveAvgPool2d)), 0)
    if at == 0:
        return nn.Identity(), model
    return nn.Sequential(*children[:at]), nn.Sequential(*children[at:])


def class_in(cell: int, label: int, logits: int) -> int:
    """Which of the logits of a grid is that of a class in a cell."""
    return cell * (logits // CELLS) + label


def takes(model: nn.Module, x: Tensor) -> bool:
    """Whether a model takes an input of this size."""
    try:
        with torch.no_grad():
            model(x)
    except RuntimeError:
        return False
    return True
