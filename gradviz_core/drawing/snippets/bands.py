"""The code that prepares an image of bands: reading it, fitting it to the network, its numbers, what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.drawing.snippets.program import Block, comment
from gradviz_core.types import ImageFile
from gradviz_core.types.cards import Preprocessing

_NUMPY, _PILLOW, _TORCH = "import numpy as np", "from PIL import Image", "import torch"
_LEVELS = "prepare.transforms[-1]("
"""How the code of a method says what the network receives for levels between 0 and 1 of a picture."""


def picture(upload: ImageFile | None, fit: Sequence[str], imports: Sequence[str]) -> Block:
    """``image``, the bands (C, H, W), each as the network sees it; ``fit`` are the lines that make the transform of
    that name."""
    lines = (
        comment("The bands as the network sees them, in the numbers of the file."),
        *fit,
        "",
        "",
        "def fitted(array):",
        "    bands = array.astype(np.float32)",
        "    return np.stack([np.asarray(fit(Image.fromarray(band))) for band in bands])",
        "",
        "",
        *_array(upload, "your-array.npy", "the file that you uploaded"),
        "image = fitted(array)",
    )
    tiff = ["import tifffile  # pip install tifffile"] if upload is not None and upload.format == "TIFF" else []
    return Block(lines, (_NUMPY, _PILLOW, *imports, *tiff))


def numbers(steps: Preprocessing, shape: tuple[int, ...], mean: str, std: str) -> Block:
    """``x``, the network's input, which gradients reach, made by ``prepare``; ``mean`` and ``std`` are code."""
    first = [
        "    exact = bands.astype(np.float64)  # each band to mean 0 and standard deviation 1",
        "    spread = exact.std((1, 2), keepdims=True)",
        "    spread[np.ptp(bands, (1, 2), keepdims=True) == 0] = np.inf  # equal numbers become 0",
        "    bands = ((exact - exact.mean((1, 2), keepdims=True)) / spread).astype(np.float32)",
    ]
    lines = (
        comment("The values that the network receives: (number - mean) / standard deviation, band by band."),
        "def prepare(bands):",
        *(first if steps.standardised else ()),
        f"    mean, std = {mean}, {std}",
        "    return transforms.functional.normalize(torch.from_numpy(bands), mean, std)",
        "",
        "",
        f"x = prepare(image)[None].requires_grad_()  # {shape}",
    )
    return Block(lines, (_NUMPY, _TORCH, "from torchvision import transforms"))


def other() -> Block:
    """``other``, what the network receives for another image of bands."""
    lines = (
        comment("The other image, prepared in the same way."),
        *_array(None, "other-array.npy", "another file of as many bands"),
        "other = prepare(fitted(array))[None]",
    )
    return Block(lines, (_NUMPY,))


def shown(steps: Preprocessing) -> Block:
    """``shown`` is the picture of the bands that are chosen, (H, W, 3), 0 to 255."""
    bands = steps.shown_bands if len(steps.shown_bands) == 3 else steps.shown_bands * 3
    lines = (
        f"bands = image[{list(bands)}].astype(np.float64)",
        "low, high = np.percentile(bands, (2, 98), axis=(1, 2), keepdims=True)",
        "scaled = (np.clip(bands, low, high) - low) / np.where(high > low, high - low, 1)",
        "shown = np.rint(255 * np.moveaxis(scaled, 0, -1)).astype(np.uint8)",
    )
    return Block(lines, (_NUMPY,))


def with_levels(steps: Preprocessing, lines: Sequence[str]) -> tuple[str, ...]:
    """The code of a method; for bands, levels from 0 to 1 lie between the smallest and the largest number of each."""
    if not steps.banded or not any(_LEVELS in line for line in lines):
        return tuple(lines)
    return (
        "low, high = x.detach()[0].amin((1, 2), keepdim=True), x.detach()[0].amax((1, 2), keepdim=True)",
        "",
        "",
        "def between(levels):  # the smallest and the largest number of each band",
        "    return low + (high - low) * levels",
        "",
        "",
        *(line.replace(_LEVELS, "between(") for line in lines),
    )


def _array(upload: ImageFile | None, name: str, what: str) -> list[str]:
    """``array``, its bands first."""
    file = upload.array if upload is not None else None
    last = file is not None and file.axes == "HWC"
    axes = "height, width, bands" if last else "bands, height, width"
    if file is not None and upload is not None and upload.format == "TIFF":
        lines = [f'array = tifffile.imread("your-image.tif", key=0)  # {what}: {axes}']
    else:
        lines = [f'array = np.load("{name}", allow_pickle=False)  # {what}: {axes}']
    if file is not None and file.batched:
        lines.append("array = array.reshape(array.shape[-3:])  # the axes before these have length one")
    if last:
        lines.append("array = np.moveaxis(array, -1, 0)  # bands first")
    return lines
