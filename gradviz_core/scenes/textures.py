"""Colours and random textures, drawn from a generator of random numbers."""

from __future__ import annotations

import colorsys
import math

import numpy as np
from PIL import Image

from gradviz_core.scenes.outlines import SIZE, Plane

Colour = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour by hue, saturation and value, 0 to 1; the hue goes round."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def luma(colour: Colour) -> float:
    """How bright a colour looks, 0 to 1."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def paper(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """The two colours of a background, dark or bright."""
    hue, dark = rng.random(), rng.random() < 0.5
    value = rng.uniform(0.16, 0.38) if dark else rng.uniform(0.68, 0.95)
    saturation = rng.uniform(0.25, 0.6) if dark else rng.uniform(0.08, 0.38)
    second = value + rng.uniform(0.06, 0.16) * (1 if dark else -1)
    return hsv(hue, saturation, value), hsv(hue + rng.uniform(-0.12, 0.12), saturation + 0.08, second)


def paint(rng: np.random.Generator, paper: tuple[Colour, Colour]) -> tuple[Colour, Colour]:
    """Two shades of one hue that stand out from the paper in brightness, so that the outline is there to be seen."""
    floor = 0.24
    while True:
        hue, saturation, value = rng.random(), rng.uniform(0.45, 0.95), rng.uniform(0.3, 1.0)
        first = hsv(hue, saturation, value)
        second = hsv(hue + rng.uniform(-0.07, 0.07), saturation - 0.12, value * rng.uniform(0.78, 0.9))
        if min(abs(luma(a) - luma(b)) for a in (first, second) for b in paper) > floor:
            return first, second
        floor *= 0.98  # some papers leave little room; the loop must end


_ROWS, _COLUMNS = (axis.astype(np.float32) for axis in np.mgrid[0:SIZE, 0:SIZE])


def waves(rng: np.random.Generator, period: float) -> Plane:
    """A sine wave of this period (pixels) in a random direction, -1 to 1."""
    angle, phase = rng.uniform(0, 2 * math.pi, 2)
    along = _COLUMNS * np.float32(math.cos(angle)) + _ROWS * np.float32(math.sin(angle))
    return np.asarray(np.sin(along * np.float32(2 * math.pi / period) + np.float32(phase)), dtype=np.float32)


def _crisp(plane: Plane, gain: float) -> Plane:
    return np.asarray(np.clip(plane * np.float32(gain), -1, 1), dtype=np.float32)


def _stripes(rng: np.random.Generator) -> Plane:
    return _crisp(waves(rng, rng.uniform(6, 15)), 2.5)


def _dots(rng: np.random.Generator) -> Plane:
    angle, period = rng.uniform(0, math.pi / 2), rng.uniform(7, 13)
    step = np.float32(2 * math.pi / period)
    along = (_COLUMNS * np.float32(math.cos(angle)) + _ROWS * np.float32(math.sin(angle))) * step
    across = (_ROWS * np.float32(math.cos(angle)) - _COLUMNS * np.float32(math.sin(angle))) * step
    return _crisp(np.cos(along) + np.cos(across) - np.float32(0.7), 2.0)


def _weave(rng: np.random.Generator) -> Plane:
    return np.asarray(waves(rng, rng.uniform(5, 10)) * waves(rng, rng.uniform(5, 10)), dtype=np.float32)


def clouds(rng: np.random.Generator, cells: int) -> Plane:
    """Smooth noise with about ``cells`` hills along a side, (96, 96), about -1 to 1."""
    small = rng.uniform(-1.0, 1.0, (cells + 3, cells + 3)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.float32)


def _clouds(rng: np.random.Generator) -> Plane:
    return clouds(rng, int(rng.integers(2, 6)))


def _marble(rng: np.random.Generator) -> Plane:
    return np.asarray(np.sin(waves(rng, rng.uniform(30, 60)) * 2 + clouds(rng, 5) * 4), dtype=np.float32)


def _grain(rng: np.random.Generator) -> Plane:
    return clouds(rng, int(rng.integers(22, 34)))


_TEXTURES = (_stripes, _dots, _weave, _clouds, _marble, _grain)


def textured(rng: np.random.Generator, colours: tuple[Colour, Colour], strength: float) -> Plane:
    """Two colours mixed by a random texture and large soft hills, (96, 96, 3), 0 to 1."""
    texture = _TEXTURES[int(rng.integers(len(_TEXTURES)))](rng)
    mix = np.float32(0.5) + np.float32(strength) * texture + np.float32(0.3) * clouds(rng, 2)
    first, second = (np.array(colour, dtype=np.float32) for colour in colours)
    return np.asarray(first + np.clip(mix, -0.2, 1.2)[..., None] * (second - first), dtype=np.float32)
