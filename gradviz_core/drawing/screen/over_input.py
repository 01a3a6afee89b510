"""An array over the pixels of the input, (1, C, H, W), as it came to the page: whole, or one pixel for each block.

What is drawn is not the array but what a view makes of its channels, a sum or a size. So each block is represented by
the pixel where *that* is largest in magnitude, and all channels come from this pixel: reduced on the page, they give
exactly the number that the view has there. Views of single channels have a pixel for each channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gradviz_core.drawing import fields
from gradviz_core.drawing.fields import Scale, Tiles
from gradviz_core.drawing.screen.arrays import (
    Made,
    Window,
    blocks_of,
    put_blocks,
    put_means,
    put_window,
    scale_of,
    window_of,
)
from gradviz_core.types import Arrays, Field, FloatArray
from gradviz_core.types.blocks import Blocks, of_largest, side, taken
from gradviz_core.types.looks import Look, Part
from gradviz_core.types.views import view


@dataclass(frozen=True, slots=True)
class OverInput:
    """An array over the input, or what a screen can show of one view of it."""

    numbers: FloatArray
    """(1, C, h, w): whole, or the channels at the pixels that stand for their blocks."""
    blocks: Blocks | None = None
    scale: Scale | None = None
    near: Window | None = None
    """(1, C, rows, columns) round the pixel that was asked for."""
    known: Arrays | None = None
    """What was found of the whole array, where this is not it."""
    slices: FloatArray | None = None
    """(D, C, H, W): all slices of a volume or a clip, where ``numbers`` are those of one. Lengths, sums and scales are
    of all of them, places of the one."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return (self.blocks.rows, self.blocks.columns) if self.blocks else self.numbers.shape[2:]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array: whole, or of one slice."""
        return (*self.numbers.shape[:2], *self.size)

    @property
    def _all(self) -> FloatArray:
        return self.numbers if self.slices is None else self.slices

    @property
    def norms(self) -> FloatArray:
        """L2 norm of each slice, (D,); of a picture one."""
        return np.array([fields.length(one) for one in self._all])

    @property
    def length(self) -> float:
        """L2 norm of the whole array."""
        return fields.length(self._all) if self.known is None else float(self.known["length"])

    @property
    def total(self) -> float:
        """The sum of all numbers of the whole array."""
        return _total(self._all) if self.known is None else float(self.known["total"])

    @property
    def is_zero(self) -> bool:
        """Whether every number is zero."""
        return not np.any(self._all) if self.known is None else bool(self.known["is_zero"])

    @property
    def effective_box(self) -> Part | None:
        """As ``fields.effective_box`` has it of the whole array."""
        if self.known is None:
            return fields.effective_box(self.numbers)
        box = [int(n) for n in self.known["box"]]
        return (box[0], box[1], box[2], box[3]) if box else None

    def peak(self, reduction: str) -> tuple[int, int, int] | None:
        """Channel (0 where they are reduced), row and column of the number of the view that is largest in magnitude;
        None where every one is zero, or none is finite."""
        if self.known is None:
            return _peak(self.numbers, reduction)
        at = [int(n) for n in self.known["peak"]]
        return (at[0], at[1], at[2]) if at else None

    def field(self, reduction: str, *, unit: str) -> Field:
        """The view, one field."""
        drawn = fields.reduced(self.numbers, reduction, unit=unit)
        if self.slices is not None:
            return fields.on_scale(drawn, self._limit(reduction))
        return drawn if self.scale is None else fields.in_blocks(drawn, self.blocks, self.scale)

    def tiles(self, columns: int | None, *, unit: str) -> Tiles:
        """Each channel by itself, so many in a row; by default about as many as there are rows."""
        sheet = fields.tile(self.numbers[0], columns=columns, unit=unit)
        if self.slices is not None:
            return fields.tiles_on_scale(sheet, self._limit("channel"))
        return (
            sheet
            if self.scale is None
            else replace(
                sheet,
                field=replace(sheet.field, limit=self.scale.limit, clipped=self.scale.clipped),
                blocks=self.blocks,
            )
        )

    def _limit(self, reduction: str) -> float:
        """Where the scale ends that all slices share."""
        assert self.slices is not None, "it has slices"
        if view(reduction).each_channel:
            return fields.field(self.slices.reshape(-1, self.slices.shape[-1]), signed=True).limit
        return fields.share_scale([fields.reduced(one, reduction) for one in self.slices])[0].limit

    def at(self, pixel: tuple[int, int]) -> FloatArray:
        """The channels at a pixel of the input, exact, (C,). Raises IndexError where they are not here."""
        if self.blocks is None:
            return self.numbers[0, :, pixel[0], pixel[1]]
        if self.near is None:
            raise IndexError(f"This answer does not hold the values at pixel {pixel}.")
        found: FloatArray = self.near.at(pixel)[0]
        return found

    def round_the_pixel(self, reduction: str, *, unit: str) -> tuple[Field, tuple[int, int]] | None:
        """The view of the exact numbers round the pixel that was asked for, on the same scale, and row and column of
        the first; None where the whole array is here, no pixel was asked for, or several channels are drawn alone."""
        if self.near is None or self.scale is None or (view(reduction).each_channel and self.numbers.shape[1] > 1):
            return None
        drawn = fields.reduced(self.near.numbers, reduction, unit=unit)
        return fields.on_scale(drawn, self.scale.limit), self.near.corner


def over_input(arrays: Arrays, name: str) -> OverInput:
    """The array of this name in an answer."""
    found = blocks_of(arrays, name)
    if found is None:
        return OverInput(arrays[name], slices=arrays.get(f"slices/{name}"))
    known = {key: arrays[f"{key}/{name}"] for key in ("length", "total", "is_zero", "box", "peak")}
    return OverInput(arrays[name], found, scale_of(arrays, name), window_of(arrays, name), known)


def fit(whole: FloatArray, name: str, look: Look) -> Made:
    """The array with at most ``blocks.MOST_SIDE`` cells along a side, for the view that is looked at."""
    block = side(*whole.shape[2:])
    if block == 1:
        return {name: whole}
    channels = whole[0]
    if view(look.reduction).each_channel:
        each = [of_largest(channel, block, block) for channel in channels]
        found = replace(each[0], picked=np.stack([one.picked for one in each if one.picked is not None]))
        drawn = fields.field(channels.reshape(-1, channels.shape[2]), signed=True)
    else:
        drawn = fields.reduced(whole, look.reduction)
        found = of_largest(drawn.values, block, block)
    assert found.picked is not None
    made: Made = {name: taken(whole, found.picked)}
    put_blocks(made, name, found, Scale.of(drawn))
    put_window(made, name, whole, look.pixel)
    if look.means and not view(look.reduction).each_channel:
        put_means(made, name, drawn.values)
    made |= {
        f"length/{name}": np.array(fields.length(whole)),
        f"total/{name}": np.array(_total(whole)),
        f"is_zero/{name}": np.array(not np.any(whole)),
        f"box/{name}": np.array(fields.effective_box(whole) or (), np.int64),
        f"peak/{name}": np.array(_peak(whole, look.reduction) or (), np.int64),
    }
    return made


def _total(numbers: FloatArray) -> float:
    return float(numbers.sum(dtype=np.float64))


def _peak(numbers: FloatArray, reduction: str) -> tuple[int, int, int] | None:
    rows, columns = numbers.shape[2:]
    if view(reduction).each_channel:
        found = fields.peak(fields.field(numbers.reshape(-1, columns), signed=True))
    else:
        found = fields.peak(fields.reduced(numbers, reduction))
    return None if found is None else (found[0] // rows, found[0] % rows, found[1])


def fit_gallery(whole: FloatArray, name: str, look: Look) -> Made:
    """The input gradients of several units, (K, C, H, W), for small pictures side by side: of each the part that is
    looked at, summed over the channels with its sign, all together with no more cells than one large picture has."""
    top, bottom, left, right = look.part or (0, whole.shape[2] - 1, 0, whole.shape[3] - 1)
    part = whole[:, :, top : bottom + 1, left : right + 1]
    rows, columns = part.shape[2:]
    block = side(rows, columns, max(1, round(len(part) ** 0.5)))
    each = [fields.signed_sum(one) for one in part]
    found = [of_largest(one.values, block, block) for one in each]
    picked = np.stack([blocks.picked for blocks in found if blocks.picked is not None])
    made: Made = {name: taken(np.stack([one.values for one in each]), picked)[:, None]}
    together = fields.share_scale(each)
    clipped = float(np.mean([one.clipped for one in together]))
    put_blocks(made, name, replace(found[0], picked=picked), Scale(together[0].limit, clipped))
    made[f"corner/{name}"] = np.array([top, left], np.int64)
    return made
