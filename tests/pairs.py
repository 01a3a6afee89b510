"""Networks that take two images, and their files."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor, nn

from gradviz_core.types import keys
from gradviz_core.types.cards import Recipe
from gradviz_core.uploads import model_files, store

SIDE = 12


class Product(nn.Module):
    """Two scores, of which the first is the sum of w · before · after."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        score = (self.w * before * after).sum((1, 2, 3))
        return torch.stack([score, -2 * score], 1)


class Siamese(nn.Module):
    """One body that both images go through, and a head that compares them. The second is larger."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Linear(8, 3)

    def forward(self, images: dict[str, Tensor]) -> Tensor:
        one, other = (self.relu(self.conv(images[name])).mean((2, 3)) for name in ("left", "right"))
        scores: Tensor = self.head(torch.cat([one - other, one * other], 1))
        return scores


class Flow(nn.Module):
    """Correlates the features of one image with shifts of those of the other, and sees further on both together."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.update = nn.Conv2d(9 + 3, 2, 3, padding=1)

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        first, second = (self.features(image) for image in pair)
        shifts = [torch.roll(second, (down, across), (2, 3)) for down in (-1, 0, 1) for across in (-1, 0, 1)]
        costs = torch.stack([(first * shifted).mean(1) for shifted in shifts], 1)
        flow: Tensor = self.update(torch.cat([costs, pair[0]], 1))
        return flow.mean((2, 3))


class ByKeyword(nn.Module):
    """Takes its images by keyword only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(6, 2, 3)

    def forward(self, *, image: Tensor, reference: Tensor) -> Tensor:
        scores: Tensor = self.conv(torch.cat([image, reference], 1)).relu().mean((2, 3))
        return scores


def image(side: int = SIDE, seed: int = 0) -> Tensor:
    """Whole 255ths, as a PNG holds them."""
    return torch.randint(0, 256, (1, 3, side, side), generator=torch.Generator().manual_seed(seed)) / 255


def siamese() -> Siamese:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Siamese()


def file(module: nn.Module, *given: object, dynamic_shapes: object = None, **named: object) -> bytes:
    """The ``.pt2`` file. What torch warns of itself is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(module.eval(), given, named, dynamic_shapes=dynamic_shapes)
        torch.export.save(program, kept := io.BytesIO())
    return kept.getvalue()


def recipe(data: bytes) -> Recipe:
    """A recipe of a file in the store, with pixels from 0 to 1 for both images."""
    report = model_files.inspect(data)
    assert report.preprocessing is not None
    assert report.other is not None
    first, second = (replace(steps, mean=(0.0,) * 3, std=(1.0,) * 3) for steps in (report.preprocessing, report.other))
    return Recipe(store.here().put(data), "", "Two", (), first, inputs=report.inputs, other=second)


def model(data: bytes) -> str:
    """Its key."""
    return keys.upload(store.here().keep_recipe(recipe(data)))


def kept(image: Tensor) -> str:
    """Key of an image (1, 3, H, W) whose numbers are whole 255ths, as an upload."""
    pixels = (255 * image[0]).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(png := io.BytesIO(), "PNG")
    return keys.upload(store.here().put(png.getvalue()))
