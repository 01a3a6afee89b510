"""A picture of what a model predicts at each position: a map of classes, or its strongest boxes over the image."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from gradviz_core.drawing import captions, fields, figures, how_to_read, output_figures
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.screen import Seen
from gradviz_core.drawing.screen.arrays import blocks_of, scale_of
from gradviz_core.types import (
    BoxScore,
    ModelCard,
    OutputAnswer,
    OutputQuestion,
    Position,
    Rectangle,
    RegionScore,
    Target,
)
from pages.layout.frame import ScoredChoice
from pages.scores import boxes, regions
from pages.shell import pixel
from pages.shell.asking import ask
from pages.shell.panel import Picture
from pages.shell.pixel import Pixel


def of_map(choice: ScoredChoice) -> OutputAnswer | None:
    """What is predicted at each position if the output is a map.

    Raises:
        GradVizError: as ``ask`` does.
    """
    if choice.output.info.form != "map":
        return None
    question = OutputQuestion(model=choice.model, image=choice.image, head=choice.output.head, seed=choice.draw)
    return ask(question, "Drawing the predicted map …")


def image(
    target: Target,
    seen: Seen,
    found: OutputAnswer | None,
    labels: tuple[str, ...],
    spot: Pixel | None,
    height: int,
    caption: Caption,
) -> Picture:
    """The image, with the strongest boxes over it if there are any and their values look like positions in the
    image."""
    box = target.box if isinstance(target, BoxScore) else None
    there = None if found is None else boxes.over(found, box, *seen.size)
    act = pixel.click_in(seen.blocks)
    if found is None or there is None:
        figure = figures.image(seen.pixels, blocks=seen.blocks, height=height, cross=spot)
    else:
        figure = boxes.picture(seen, found, there, labels, box, spot, height)
        act = boxes.click(there, act)
    return Picture(figure, caption, act, alt="The image as the network sees it")


def about_boxes(target: Target, found: OutputAnswer, seen: Seen) -> str:
    """The sentence below the image about its boxes."""
    if boxes.over(found, target.box if isinstance(target, BoxScore) else None, *seen.size) is None:
        return "The values before the class scores do not look like positions in the image, so no boxes are drawn."
    return (
        "The boxes with the highest scores. Their first four values are read as centre column, centre row, width and "
        "height. Click a box to choose it."
    )


def draw(found: OutputAnswer, target: Target, card: ModelCard, height: int) -> Picture:
    """The map: the predicted class at each position, or, for plain numbers, the value. The region is marked."""
    blocks = blocks_of(found.arrays, "scores")
    rows, columns = (blocks.rows, blocks.columns) if blocks else found.arrays["scores"].shape
    region = target.region if isinstance(target, RegionScore) else None
    cell = (region.row, region.column) if isinstance(region, Position) else None
    box = (*region.rows, *region.columns) if isinstance(region, Rectangle) else None
    enclose = partial(regions.draw, rows, columns)
    if found.head.reading == "numbers" and found.head.classes == 1:
        field = fields.activation(found.arrays["scores"], unit="number")
        field = field if blocks is None else fields.in_blocks(field, blocks, scale_of(found.arrays, "scores"))
        figure = figures.heatmap(field, cross=cell, solid=box, height=height)
        caption = Caption(
            "The value at each position of the map.",
            "z_{i,j}",
            (_size(found), captions.scale_text(field)),
            how_to_read.PREDICTED_VALUES,
        )
    else:
        classes = found.arrays["classes"]
        figure = output_figures.predicted_map(
            classes,
            found.arrays["scores"],
            _names(found, card),
            cell=cell,
            box=box,
            absent=0 if found.head.classes == 1 else None,
            blocks=blocks,
            height=height,
        )
        caption = Caption(_sentence(found), _formula(found), (_size(found),), how_to_read.PREDICTED_CLASSES)
    figure.update_layout(dragmode="select" if box else False)
    caption = replace(caption, facts=(*caption.facts, *captions.blocks_text(blocks, "positions")))
    return Picture(figure, caption, regions.click_in(blocks), enclose)


def how_to_choose(target: Target) -> str:
    """What a click on the map does."""
    click = "Click a position on the map to choose the score there"
    if isinstance(target, RegionScore) and isinstance(target.region, Rectangle):
        return f"{click}, or drag to draw another rectangle."
    return f"{click}. To draw a rectangle, set the region to “A rectangle” in the sidebar."


def _names(found: OutputAnswer, card: ModelCard) -> dict[int, str]:
    """The names of the classes by index; for a single class, its name and the name of its absence."""
    if found.head.classes == 1:
        one = captions.class_text(0, card.labels)
        return {0: card.against or f"not {one}", 1: one}
    noun = _noun(found)
    return {
        int(index): captions.class_text(int(index), card.labels, noun) for index in np.unique(found.arrays["classes"])
    }


def _noun(found: OutputAnswer) -> str:
    return "number" if found.head.reading == "numbers" else "class"


def _sentence(found: OutputAnswer) -> str:
    if found.head.classes == 1:
        return "The positions where the probability of the class is above 0.5."
    if found.head.reading == "numbers":
        return "The index of the largest value at each position."
    return "The class with the largest score at each position."


def _formula(found: OutputAnswer) -> str:
    return r"p_{i,j} > \tfrac12" if found.head.classes == 1 else r"\arg\max_k z_{k,i,j}"


def _size(found: OutputAnswer) -> str:
    return f"{found.head.item or 'output'}, {captions.shape_text(found.head.shape)}"
