"""Small networks that return maps and boxes, and how their scores are differentiated without GradViz."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Segmentation(nn.Module):
    """Half the resolution and back: (1, K, 8, 10) from (1, 3, 8, 10)."""

    def __init__(self, classes: int, last: nn.Module | None = None) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.up = nn.ConvTranspose2d(6, classes, 2, stride=2)
        self.last = last or nn.Identity()
        torch.manual_seed(5)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.up(self.act(self.down(x))))  # type: ignore[no-any-return]


class Detector(nn.Module):
    """A head as YOLO has it: of each cell of two grids a box of ``skip`` numbers and K classes, all boxes in a row."""

    def __init__(self, classes: int, *, last: bool, squashed: bool, skip: int = 4) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.fine, self.coarse = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.act = nn.SiLU()
        self.places, self.classes = nn.Conv2d(8, skip, 1), nn.Conv2d(8, classes, 1)
        self.boxes_last, self.squashed = last, squashed

    def forward(self, x: Tensor) -> Tensor:
        fine = self.act(self.fine(x))
        grids = [fine, self.act(self.coarse(fine))]
        places = torch.cat([self.places(grid).flatten(2) for grid in grids], 2)
        classes = torch.cat([self.classes(grid).flatten(2) for grid in grids], 2)
        found = torch.cat([places, classes.sigmoid() if self.squashed else classes], 1)
        return found if self.boxes_last else found.transpose(1, 2)


IMAGE = torch.randn(1, 3, 8, 10, generator=torch.Generator().manual_seed(7))


def slope(module: nn.Module, score: Callable[[Tensor], Tensor]) -> tuple[float, Tensor]:
    """Score and gradient at the image, by plain autograd."""
    leaf = IMAGE.clone().requires_grad_()
    value = score(module(leaf))
    (found,) = torch.autograd.grad(value, leaf)
    return value.item(), found
