"""What is drawn of a site inside a model: a sheet of all channels, one channel by itself, and exact values at one
position.

The sheet holds means of blocks, as ``fields.coarser`` makes them; a channel by itself has one place for each block
where it is too large for a screen. The same functions make both on the page, from whole arrays, and in a worker, for an
answer that is too large to travel: what is drawn does not depend on where that was done.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing import fields
from gradviz_core.drawing.fields import Planes, Scale
from gradviz_core.drawing.planes import geometry
from gradviz_core.drawing.screen.arrays import Made, Window, blocks_of, put_blocks, put_window, scale_of, window_of
from gradviz_core.types import Arrays, Field, FloatArray, Site, SiteInfo, layouts
from gradviz_core.types.blocks import of_largest, side, taken
from gradviz_core.types.looks import Look
from gradviz_core.types.map_kinds import MAP_KINDS, map_kind

MOST_CELLS = 300_000
"""Most numbers in one sheet; beyond it, blocks of places are averaged, and the caption says so."""
MOST_TILES = 30_000
"""Most channels in one sheet, as many as a model may have labels; beyond it the first in the chosen order are drawn."""
_ONE = "maps/one"


@dataclass(frozen=True, slots=True)
class SiteMaps:
    """One quantity at a site, as it is drawn."""

    kind: str
    planes: Planes
    """Which place each cell of a whole channel is. Its numbers are zero: it holds the geometry alone."""
    strongest: int
    """The channel of largest norm."""
    signed: bool
    """Whether the quantity has negative numbers, or is one that may have."""
    scale: Scale
    """Of all numbers of all channels."""
    sheet: FloatArray
    """(n, h, w): the channels that are drawn, in their order, averaged over blocks."""
    numbers: tuple[int, ...]
    """The channel of each."""
    block: int
    """The side of the blocks; 1 where the sheet holds every number."""
    channel: int
    """The channel that is drawn by itself."""
    one: Field
    """Its numbers, on a scale of their own, and without a unit."""
    beyond: float
    """Which share of them lies beyond the scale of the sheet."""
    exact: dict[str, float]
    """Each quantity at the place that was asked for, in that channel."""
    near: Window | None
    """The numbers of the channel round that place, where the whole channel is not here."""


def made(value: FloatArray, slope: FloatArray | None, look: Look) -> Made:
    """What is drawn of a site with this value, and the gradient there, as arrays; ``site_maps`` reads them.

    Raises:
        QuestionError: a channel has too many places to be drawn.
    """
    array = quantities(value, slope)[look.maps]
    geometry(value.shape, look.layout, look.axis)  # refuses what cannot be drawn
    planes = fields.planes(array, look.layout, look.axis)
    maps = planes.maps
    strength = fields.strength(maps)
    strongest = int(strength.argmax())
    signed = map_kind(look.maps).needs_gradient or bool(np.nanmin(maps, initial=0.0) < 0)
    scale = Scale.of(fields.field(maps.reshape(1, -1), signed=signed))
    order = np.argsort(-strength, kind="stable") if look.strongest_first else np.arange(len(maps))
    small, block = fields.coarser(maps[order[:MOST_TILES]] if len(maps) > MOST_TILES else maps, MOST_CELLS)
    channel = strongest if look.channel is None else look.channel
    found: Made = {
        "maps/sheet": small if len(maps) > MOST_TILES else small[order],
        "maps/numbers": order[:MOST_TILES],
        "maps/facts": np.array([strongest, signed, block, channel]),
        "maps/scale": np.array([scale.limit, scale.clipped]),
    }
    return found | _one(planes, channel, scale.limit, look) | _exact(value, slope, look, channel)


def _one(planes: Planes, channel: int, limit: float, look: Look) -> Made:
    whole = planes.maps[channel]
    own = fields.activation(whole)
    block = side(*whole.shape)
    found: Made = {}
    if block == 1:
        found[_ONE] = whole
    else:
        blocks = of_largest(whole, block, block, planes.gaps)
        assert blocks.picked is not None
        found[_ONE] = taken(whole, blocks.picked)
        put_blocks(found, _ONE, blocks)
        put_window(found, _ONE, whole, planes.cell(look.place) if look.place else None)
    found[f"scale/{_ONE}"] = np.array([own.limit, own.clipped])
    found["maps/beyond"] = np.array([fields.on_scale(own, limit).clipped, own.signed])
    return found


def _exact(value: FloatArray, slope: FloatArray | None, look: Look, channel: int) -> Made:
    info = SiteInfo(Site(""), "", value.shape, "", look.layout, axis=look.axis)
    if len(look.place) != len(layouts.places(info)):
        return {}
    index = layouts.index_of(info, channel, look.place)
    return {f"exact/{kind}": np.array(array[0][index]) for kind, array in quantities(value, slope).items()}


def quantities(value: FloatArray, slope: FloatArray | None) -> dict[str, FloatArray]:
    """What can be drawn of a site, by the name of its kind: where no gradient of the score arrives, only what needs
    none."""
    if slope is None:
        return {kind.name: kind.of(value, value) for kind in MAP_KINDS if not kind.needs_gradient}
    return {kind.name: kind.of(value, slope) for kind in MAP_KINDS}


def site_maps(arrays: Arrays, site: Site, look: Look, shape: tuple[int, ...]) -> SiteMaps:
    """What is drawn of a site, from the arrays of an answer: whole ones, or those that were ``made``.

    Raises:
        QuestionError: as ``made`` does.
    """
    if "maps/sheet" not in arrays:
        arrays = made(arrays[f"activation/{site}"], arrays.get(f"gradient/{site}"), look)
    strongest, signed, block, channel = (int(n) for n in arrays["maps/facts"])
    limit, clipped = arrays["maps/scale"]
    beyond, one_signed = arrays["maps/beyond"]
    blocks, own = blocks_of(arrays, _ONE), scale_of(arrays, _ONE)
    return SiteMaps(
        kind=look.maps,
        planes=geometry(shape, look.layout, look.axis),
        strongest=strongest,
        signed=bool(signed),
        scale=Scale(float(limit), float(clipped)),
        sheet=arrays["maps/sheet"],
        numbers=tuple(int(n) for n in arrays["maps/numbers"]),
        block=block,
        channel=channel,
        one=Field(arrays[_ONE], bool(one_signed), "", own.limit, own.clipped, blocks),
        beyond=float(beyond),
        exact={kind.name: float(arrays[f"exact/{kind.name}"]) for kind in MAP_KINDS if f"exact/{kind.name}" in arrays},
        near=window_of(arrays, _ONE),
    )
