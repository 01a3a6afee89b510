"""Handwritten digits of 8x8 pixels, made ready for the digit presets: enlarged, split, and shaken for training.

The digits themselves come from scikit-learn's ``load_digits`` and are handed in as arrays, so that nothing here needs
it. Numpy and Pillow only.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE = 28
LABELS = tuple(str(digit) for digit in range(10))

_FULL = 16  # value of full ink in the 8x8 digits
_CRISP = 1.7  # enlarging blurs; this much more contrast round half ink makes it look like ink again

Greys = npt.NDArray[np.uint8]


def enlarge(digits: npt.NDArray[np.floating]) -> Greys:
    """(N, 8, 8), 0 to 16, white ink on black -> (N, 28, 28), 0 to 255, with a margin of about three pixels."""
    ink = np.pad(digits / _FULL, ((0, 0), (1, 1), (1, 1))).astype(np.float32)
    large = [Image.fromarray(digit).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for digit in ink]
    crisp = (np.stack([np.asarray(digit) for digit in large]) - 0.5) * _CRISP + 0.5
    return np.asarray(np.clip(crisp, 0, 1) * 255 + 0.5, dtype=np.uint8)


def split(count: int, held_out: float = 0.2, seed: int = 0) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Which of ``count`` digits to train on, and which to keep for measuring; the same on every machine."""
    order = np.random.default_rng(seed).permutation(count)
    kept = round(count * held_out)
    return np.sort(order[kept:]), np.sort(order[:kept])


def shaken(digits: Greys, rng: np.random.Generator) -> Greys:
    """Each digit turned (up to 12 degrees), scaled (0.88 to 1.12) and moved (up to 2.5 pixels) at random."""
    out = np.empty_like(digits)
    for digit, place in zip(digits, out, strict=True):
        turn, scale = math.radians(rng.uniform(-12, 12)), rng.uniform(0.88, 1.12)
        move = rng.uniform(-2.5, 2.5, 2)
        place[...] = _moved(Image.fromarray(digit), turn, scale, move)
    return out


def _moved(image: Image.Image, turn: float, scale: float, move: npt.NDArray[np.float64]) -> Image.Image:
    a, b = math.cos(turn) / scale, math.sin(turn) / scale
    middle = (SIZE - 1) / 2
    x, y = middle + move[0], middle + move[1]
    matrix = (a, b, middle - a * x - b * y, -b, a, middle + b * x - a * y)
    return image.transform((SIZE, SIZE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
