"""Feature maps getting coarser: each layer keeps what is there and lets go of where exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.outlines import Box
from gradviz_core.story import asked, figures, layers
from gradviz_core.story.told import Ask, Computed, Explore, Shown, Subject, Told, claim
from gradviz_core.types import FloatArray, GradientQuestion, SiteInfo
from gradviz_core.types.sites import site_name


class Map(NamedTuple):
    """The channel of one layer that differs most from place to place."""

    info: SiteInfo
    channel: int
    values: FloatArray
    """(H, W)."""
    off: float
    """Share of all the layer's values that are exactly zero."""


def tell(ask: Ask, subject: Subject) -> Told:
    """One channel of an early, a middle and the last size of maps, and the same place in each."""
    drawn = varied(ask, subject)
    first, last = drawn[0], drawn[-1]
    rows, columns = last.values.shape
    row, column = map(int, np.unravel_index(last.values.argmax(), last.values.shape))
    share, per = captions.share_text, first.values.shape[0] // rows
    claim(first.values.shape == (per * rows, per * columns), "the first maps are a whole number of times as large")
    return Told(
        f"From {layers.size_text(first.info)} to {layers.size_text(last.info)} values: where the last map has one "
        f"value, the first has {per}×{per}. What is found is kept; where exactly is not.",
        "Each layer has many such maps, its channels; of each layer this is the one that varies most. The box is the "
        "same place in all three, at the largest value of the last. A ReLU, max(0, x), leaves no negative values: of "
        f"all channels together {share(first.off)} are exactly 0 in the first of these layers, {share(last.off)} in "
        "the last.",
        (
            Computed("Each pixel is one output of the layer in this channel; bright is large."),
            Computed(
                "Which channel: the one with the largest standard deviation over its positions.",
                r"\arg\max_k \operatorname{std}_{i,j}\, a_{k,i,j}",
            ),
        ),
        tuple(_shown(each, same_place((row, column), (rows, columns), each.values.shape)) for each in drawn),
        Explore(
            "feature-maps",
            (
                ("model", subject.model),
                ("image", subject.image),
                ("site", str(last.info.site)),
                ("channel", str(last.channel)),
                ("maps", "activation"),
                ("row", str(row)),
                ("col", str(column)),
            ),
        ),
    )


def varied(ask: Ask, subject: Subject) -> tuple[Map, Map, Map]:
    """The first, the middle and the last size of maps.

    Raises:
        NotSo: there are fewer than three sizes, a value is negative, or none is zero.
    """
    found = layers.rectified(asked.survey(ask, subject))
    sizes = layers.first_of_each_size(found)
    claim(len(sizes) > 2, "the maps of a network come in at least three sizes")
    chosen = (sizes[0], sizes[len(sizes) // 2], found[-1])
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, wrt=tuple(info.site for info in chosen)))
    first, middle, last = (_most_varied(info, answer.activations[info.site][0]) for info in chosen)
    claim(min(each.values.min() for each in (first, middle, last)) >= 0, "no value is negative after a ReLU")
    claim(first.off > 0 and last.off > 0, "some values after a ReLU are exactly zero")
    return first, middle, last


def _most_varied(info: SiteInfo, maps: FloatArray) -> Map:
    channel = int(maps.std(axis=(1, 2)).argmax())
    return Map(info, channel, maps[channel], float((maps == 0).mean()))


def same_place(cell: tuple[int, int], of: tuple[int, int], size: tuple[int, ...]) -> Box:
    """The box, in a picture of ``size``, of one cell of a map of size ``of`` that covers the same picture."""
    top, left = (at * there // here for at, here, there in zip(cell, of, size, strict=True))
    bottom, right = ((at + 1) * there // here for at, here, there in zip(cell, of, size, strict=True))
    return top, max(bottom - 1, top), left, max(right - 1, left)


def _shown(drawn: Map, box: Box) -> Shown:
    field = fields.activation(drawn.values, unit="activation")
    return Shown(
        f"{site_name(drawn.info.site, drawn.info.calls)}, channel {drawn.channel} of {drawn.info.shape[1]}: "
        f"{layers.size_text(drawn.info)}",
        figures.heatmap(field, box=box),
        captions.activation(drawn.info, drawn.channel, field),
    )
