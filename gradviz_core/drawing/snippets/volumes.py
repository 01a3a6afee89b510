"""The code that prepares a volume or a clip: reading it, its slices, their numbers, and which slice is shown."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.drawing.snippets.opening import SUFFIXES, opened
from gradviz_core.drawing.snippets.program import Block, comment
from gradviz_core.types import ImageFile, ModelCard, keys
from gradviz_core.types.cards import ArrayFile, Preprocessing

_NUMPY, _PILLOW, _TORCH = "import numpy as np", "from PIL import Image", "import torch"
_LEVELS, _COLOUR = "prepare.transforms[-1](", "torch.rand(x.shape[1], 1, 1, generator"
"""How the code of a method says what the network receives for levels between 0 and 1, and draws one colour."""
_GREY = '.convert("L")'
_AXES = {"D": "slices", "C": "channels", "H": "height", "W": "width"}


def picture(
    card: ModelCard, sample: str, upload: ImageFile | None, fit: Sequence[str], imports: Sequence[str]
) -> Block:
    """``image``, the slices as the network sees them, (C, D, H, W); ``fit`` are the lines that make the transform of
    that name."""
    array = upload.array if upload is not None and upload.format == "NPY" and _is_volume(upload.array) else None
    last = "image = fitted([image])"
    if array is not None:
        start, last = Block(tuple(_array(array, "your-array.npy"))), "image = fitted(array)"
    elif upload is not None and upload.frames > 1:
        start, last = _frames(upload, card.preprocessing), "image = fitted(frames)"
    else:
        start = opened(card, sample, upload)
    of_levels = _array_fitted(array) if array is not None else _frames_fitted(card.preprocessing)
    lines = (
        comment("The slices as the network sees them."),
        f"slices = {card.preprocessing.slices}",
        *fit,
        "",
        "",
        *of_levels,
        "",
        "",
        *start.lines,
        last,
    )
    return Block(lines, (_NUMPY, _PILLOW, *start.imports, *imports))


def numbers(steps: Preprocessing, mean: str, std: str) -> Block:
    """``x``, the network's input, which gradients reach; ``mean`` and ``std`` are code."""
    first = (
        "    exact = volume.double()  # each channel to mean 0 and standard deviation 1 over all slices",
        "    spread = exact.std((1, 2, 3), correction=0, keepdim=True)",
        "    spread[volume.amin((1, 2, 3), keepdim=True) == volume.amax((1, 2, 3), keepdim=True)] = torch.inf",
        "    volume = ((exact - exact.mean((1, 2, 3), keepdim=True)) / spread).float()",
    )
    order = ".transpose(0, 1)  # slices first" if steps.slices_first else ""
    lines = (
        comment("The values that the network receives: (number - mean) / standard deviation, channel by channel."),
        f"mean, std = (torch.tensor(numbers)[:, None, None, None] for numbers in ({mean}, {std}))",
        "",
        "",
        "def prepare(image):",
        "    volume = torch.from_numpy(image)",
        *(first if steps.standardised else ()),
        "    volume = (volume - mean) / std",
        f"    return volume{order}",
        "",
        "",
        f"x = prepare(image)[None].contiguous().requires_grad_()  # {steps.input_shape}",
    )
    return Block(lines, (_TORCH,))


def other(card: ModelCard, upload: ImageFile | None, key: str) -> Block:
    """``other``, what the network receives for another image: a sample, or an upload that lies as this one does."""
    array = upload.array if upload is not None and _is_volume(upload.array) else None
    first: tuple[str, ...]
    sample = key if keys.kind(key) == keys.SAMPLE else ""
    if array is not None and not sample:
        start, first, last = Block(tuple(_array(array, "other-array.npy"))), (), "fitted(array)"
    elif array is not None:
        start, last = opened(card, sample, None), "of_frames([image])"
        first = ("", "", *_frames_fitted(card.preprocessing, "of_frames"), "", "")
    else:
        start, first, last = opened(card, sample, None), (), "fitted([image])"
    lines = (line.replace("your-image", "other-image") for line in start.lines)
    said = comment("The other image, prepared in the same way.")
    return Block((said, *first, *lines, f"other = prepare({last})[None]"), (_NUMPY, *start.imports))


def shown(steps: Preprocessing, upload: ImageFile | None, number: int) -> Block:
    """``shown`` is the picture of one slice, (H, W, 3), 0 to 255."""
    if upload is not None and _is_volume(upload.array):
        bands = steps.shown_bands if len(steps.shown_bands) == 3 else steps.shown_bands * 3
        lines: tuple[str, ...] = (
            f"bands = image[{list(bands)}].astype(np.float64)",
            "low, high = np.percentile(bands, (2, 98), axis=(1, 2, 3), keepdims=True)  # over all slices",
            "scaled = (np.clip(bands, low, high) - low) / np.where(high > low, high - low, 1)",
            f"shown = np.rint(255 * np.moveaxis(scaled[:, {number}], 0, -1)).astype(np.uint8)",
        )
    else:
        lines = (
            f"pixels = np.moveaxis(image[:, {number}], 0, -1){'[..., ::-1]' if _is_reversed(steps) else ''}",
            f"shown = np.rint(255 * pixels).astype(np.uint8){'' if len(steps.mean) == 3 else '.repeat(3, axis=2)'}",
        )
    return Block(lines, (_NUMPY,))


def one(steps: Preprocessing, number: int | None) -> str:
    """Behind a map of all slices: the chosen one, (1, C, H, W)."""
    return "" if number is None else f".select({steps.slice_axis}, {number})"


def with_levels(steps: Preprocessing, lines: Sequence[str]) -> tuple[str, ...]:
    """The code of a method: levels from 0 to 1 as the network receives them; of channels that are neither grey nor
    colours between the smallest and the largest number of each."""
    if not any(_LEVELS in line for line in lines):
        return tuple(lines)
    places = "0, 2, 3" if steps.slices_first else "1, 2, 3"
    if steps.banded:
        ends: tuple[str, ...] = (
            f"low, high = (end(x.detach()[0], ({places}), keepdim=True) for end in (torch.amin, torch.amax))",
            *("", ""),
            "def between(levels):  # the smallest and the largest number of each channel",
            "    return low + (high - low) * levels",
        )
    else:
        last = "[..., 0]" if steps.slices_first else ""
        ends = (
            "def between(levels):  # black and white",
            f"    return (levels - mean{last}) / std{last}",
        )
    shape = "low.shape" if steps.banded else f"mean{'[..., 0]' if steps.slices_first else ''}.shape"
    drawn = (line.replace(_COLOUR, f"torch.rand({shape}, generator") for line in lines)
    return (*ends, "", "", *(line.replace(_LEVELS, "between(") for line in drawn))


def _is_volume(array: ArrayFile | None) -> bool:
    return array is not None and "D" in array.axes


def _is_reversed(steps: Preprocessing) -> bool:
    return steps.channels == "bgr" and len(steps.mean) == 3


def _picked(count: str) -> str:
    return f"[(2 * i + 1) * {count} // (2 * slices) for i in range(slices)]  # in the middle of equal parts"


def _array_fitted(array: ArrayFile) -> tuple[str, ...]:
    levels = array.value_range is not None
    return (
        "def fitted(array):",
        f"    array = array.astype(np.float32){' / np.float32(255)' if levels else ''}",
        f"    at = {_picked('array.shape[1]')}",
        "    chosen = np.ascontiguousarray(array[:, at])",
        "    return np.array([[np.asarray(fit(Image.fromarray(plane))) for plane in each] for each in chosen])",
    )


def _frames_fitted(steps: Preprocessing, name: str = "fitted") -> tuple[str, ...]:
    return (
        f"def {name}(frames):",
        f"    at = {_picked('len(frames)')}",
        "    pixels = np.stack([np.asarray(fit(frames[number])) for number in at])",
        f"    pixels = pixels.reshape(*pixels.shape[:3], {len(steps.mean)})"
        + ("[..., ::-1]  # to blue, green, red" if _is_reversed(steps) else ""),
        "    return np.ascontiguousarray(np.moveaxis(pixels, 3, 0)).astype(np.float32) / np.float32(255)",
    )


def _frames(upload: ImageFile, steps: Preprocessing) -> Block:
    """``frames``, all of the file, upright, in grey or in colours."""
    grey = "L" if len(steps.mean) == 1 else "RGB"
    lines = (
        "frames = []",
        f'for frame in ImageSequence.Iterator(Image.open("your-image.{SUFFIXES[upload.format]}")):',
        '    frame = ImageOps.exif_transpose(frame).convert("RGBA")  # upright',
        '    white = Image.new("RGBA", frame.size, "white")  # behind transparent pixels',
        f'    frames.append(Image.alpha_composite(white, frame).convert("RGB"){"" if grey == "RGB" else _GREY})',
    )
    return Block(lines, ("from PIL import Image, ImageOps, ImageSequence",))


def _array(file: ArrayFile, name: str) -> list[str]:
    """``array``, its channels first."""
    axes = ", ".join(_AXES[axis] for axis in file.axes)
    lines = [f'array = np.load("{name}", allow_pickle=False)  # the file that you uploaded: {axes}']
    if file.batched:
        lines.append(f"array = array.reshape(array.shape[-{len(file.axes)}:])  # the axes before these have length one")
    if file.axes == "DHW":
        lines.append("array = array[None]  # one channel")
    elif file.axes != "CDHW":
        lines.append(f"array = np.moveaxis(array, {file.axes.index('C')}, 0)  # channels first")
    return lines
