"""Two small models as a person trains them in plain PyTorch, exported by the four lines of the documentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

SIDE = 48
CLASSES = ("bars", "columns", "disc")


class Block(nn.Module):
    """Two convolutions and a way round them."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.round = nn.Sequential(nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.round(x)
        result: Tensor = self.relu(out)
        return result


class SmallResNet(nn.Module):
    """A stem, two blocks, one line of scores."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True))
        self.layer1 = Block(12, 16)
        self.layer2 = Block(16, 24)
        self.fc = nn.Linear(24, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.stem(x)))
        scores: Tensor = self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return scores


class SmallTransformer(nn.Module):
    """Patches of 8 pixels, a class token, two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, 32))
        self.places = nn.Parameter(0.02 * torch.randn(1, (SIDE // 8) ** 2 + 1, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.places
        scores: Tensor = self.head(self.norm(self.encoder(tokens))[:, 0])
        return scores


def draw(label: int, random: np.random.Generator) -> np.ndarray:
    """An image of one class: pixels (SIDE, SIDE, 3)."""
    row, column = np.mgrid[:SIDE, :SIDE]
    shift, width = random.integers(0, 12), random.integers(4, 8)
    shape = (
        (row + shift) // width % 2 == 0,
        (column + shift) // width % 2 == 0,
        (row - 24 + shift / 2) ** 2 + (column - 24) ** 2 < (8 + width) ** 2,
    )[label]
    pixels = random.integers(0, 80, (SIDE, SIDE, 3)) + 150 * shape[..., None] * random.uniform(0.6, 1, 3)
    drawn: np.ndarray = pixels.clip(0, 255).astype(np.uint8)
    return drawn


def as_input(pixels: np.ndarray) -> Tensor:
    """Pixels as numbers from 0 to 1, shape (1, 3, H, W)."""
    return torch.from_numpy(pixels).permute(2, 0, 1).float()[None] / 255


def train(model: nn.Module, steps: int, rate: float) -> float:
    """Train on drawn images; the share of right answers on fresh ones. On one core: others wait less for each other."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(model.parameters(), rate)

    def batch() -> tuple[Tensor, Tensor]:
        labels = random.integers(0, len(CLASSES), 32)
        return torch.cat([as_input(draw(int(i), random)) for i in labels]), torch.from_numpy(labels)

    for _ in range(steps):
        x, y = batch()
        loss = F.cross_entropy(model(x), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.eval()
    x, y = batch()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def export(model: nn.Module, file: Path) -> None:
    """The four lines."""
    x = torch.randn(1, 3, SIDE, SIDE)
    program = torch.export.export(model.eval(), (x,))
    torch.export.save(program, file)


def picture(label: int, file: Path) -> np.ndarray:
    """An image of one class as a PNG file, and its pixels."""
    pixels = draw(label, np.random.default_rng(7 + label))
    Image.fromarray(pixels).save(file)
    return pixels
