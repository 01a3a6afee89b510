"""A small network of volumes and one of clips, and arrays for them."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from tests.exported.files import exported_bytes
from tests.image_files import npy

SLICES, ROWS, COLUMNS = 6, 12, 14
OF_VOLUMES = Preprocessing((ROWS, COLUMNS), None, (0.0,), (1.0,), slices=SLICES)
OF_CLIPS = Preprocessing((ROWS, COLUMNS), None, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), slices=SLICES, slices_first=True)
"""The frames come before the channels."""


class OfVolumes(nn.Module):
    """Some classes of a volume, (1, 1, D, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.pool = nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)
        self.second, self.out, self.head = nn.Conv3d(4, 5, 3, padding=1), nn.ReLU(), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.out(self.second(self.pool(self.relu(self.first(x)))))
        scores: Tensor = self.head(x.mean((2, 3, 4)))
        return scores


class OfClips(nn.Module):
    """Some classes of a clip, (1, T, C, H, W): as R(2+1)D does, convolutions over the rows and columns of each frame
    and over the frames at each pixel, with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.across, self.norm = nn.Conv3d(3, 6, (1, 3, 3), (1, 2, 2), (0, 1, 1)), nn.BatchNorm3d(6)
        self.along, self.again = nn.Conv3d(6, 8, (3, 1, 1), padding=(1, 0, 0)), nn.Conv3d(8, 8, 3, padding=1)
        self.relu, self.head = nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.along(self.relu(self.norm(self.across(x.transpose(1, 2))))))
        x = self.relu(x + self.again(x))
        scores: Tensor = self.head(x.mean((2, 3, 4)))
        return scores


def of_volumes() -> OfVolumes:
    torch.manual_seed(5)
    return OfVolumes().eval()


def of_clips() -> OfClips:
    torch.manual_seed(6)
    return OfClips().eval()


def file(network: nn.Module, steps: Preprocessing) -> bytes:
    return exported_bytes(network, torch.zeros(steps.input_shape))


@cache
def sound(steps: Preprocessing) -> bytes:
    """The file of the network of volumes, or of clips; exporting one takes most of a second."""
    return file(of_clips() if steps.slices_first else of_volumes(), steps)


def numbers(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=shape or (SLICES, ROWS, COLUMNS)).astype(np.float32)


def kept(array: npt.NDArray[np.generic]) -> str:
    """Key of the array as an uploaded image."""
    return f"upload/{store.here().put(npy(array))}"


def model(steps: Preprocessing = OF_VOLUMES, data: bytes = b"") -> str:
    """Key of the network of volumes, or of clips, with this preprocessing; or of the file with these bytes."""
    data = data or sound(steps)
    return f"upload/{store.here().keep_recipe(Recipe(store.here().put(data), '', 'Volumes', (), steps))}"
