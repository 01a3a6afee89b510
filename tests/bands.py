"""A small network that takes twelve bands, and images for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from tests.exported.files import exported_bytes
from tests.image_files import npy

COUNT, ROWS, COLUMNS = 12, 14, 16
AS_THEY_ARE = Preprocessing((ROWS, COLUMNS), None, (0.0,) * COUNT, (1.0,) * COUNT)


class OfBands(nn.Module):
    """Some classes of a square of land."""

    def __init__(self, bands: int = COUNT) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(bands, 6, 3), nn.ReLU(), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.relu(self.conv(x)).mean((2, 3)))
        return scores


def network(bands: int = COUNT) -> OfBands:
    torch.manual_seed(3)
    return OfBands(bands).eval()


def file(bands: int = COUNT) -> bytes:
    return exported_bytes(network(bands), torch.zeros(1, bands, ROWS, COLUMNS))


def reflectances(bands: int = COUNT, rows: int = ROWS, columns: int = COLUMNS) -> npt.NDArray[np.uint16]:
    """Numbers as a satellite's files have them: each band another range."""
    drawn = np.random.default_rng(5).random((bands, rows, columns))
    return ((1 + np.arange(bands))[:, None, None] * (100 + 700 * drawn)).astype(np.uint16)


def kept(array: npt.NDArray[np.generic]) -> str:
    """Key of the array as an uploaded image."""
    return f"upload/{store.here().put(npy(array))}"


def model(steps: Preprocessing = AS_THEY_ARE, data: bytes = b"") -> str:
    """Key of the network with this preprocessing."""
    digest = store.here().put(data or file())
    return f"upload/{store.here().keep_recipe(Recipe(digest, '', 'Land', (), steps))}"
