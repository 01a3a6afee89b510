"""The captions of class activation maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import how_to_read, method_words
from gradviz_core.drawing.cam_figures import CELLS
from gradviz_core.drawing.captions import Caption, blocks_text, scale_text, site_text
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import Field, SiteInfo, Target, layouts
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import VIEWS


def over_image(
    method: str, options: OptionValues, target: Target, labels: Sequence[str], info: SiteInfo, field: Field, grid: Grid
) -> Caption:
    """Under one map over the image."""
    what = method_words.sentence(method, options, target, labels, site_name(info.site, info.calls))
    smoothed = f"The map has {grid.rows}×{grid.columns} positions; only the display is smoothed. Hover for values."
    apart = _left_out(info, grid)
    return Caption(
        f"{what}. {method_words.colours(method, field, target)} {smoothed}",
        method_words.formula(method, options, target, labels, "k,p", "a"),
        (
            site_text(info),
            field.unit,
            scale_text(field),
            *blocks_text(field.blocks, "positions"),
            *apart,
            *method_words.facts(method, options),
        ),
        how_to_read.saliency(method, VIEWS[0], field, target),
    )


def _left_out(info: SiteInfo, grid: Grid) -> tuple[str, ...]:
    """Which tokens are no part of the map, and whether that was guessed."""
    said = []
    count = math.prod(layouts.places(info)) - grid.rows * grid.columns
    if count == 1 and grid.apart == 1:
        said.append("the class token, which stands apart, is left out")
    elif count > 0:
        said.append(f"{count} tokens that are no patch are left out")
    if layouts.is_read_off(grid, info):
        said.append("which token is which patch was guessed from their number")
    return tuple(said)


def sheet(
    method: str,
    options: OptionValues,
    target: Target,
    labels: Sequence[str],
    info: SiteInfo,
    field: Field,
    block: int,
) -> Caption:
    """Under the sheet of all channels of what a method gives. ``block`` is the side of squares that were averaged."""
    what = method_words.sentence(method, options, target, labels, site_name(info.site, info.calls))
    coarse = (f"each cell is the mean of {block}×{block} positions",) if block > 1 else ()
    facts = (site_text(info), field.unit, f"{scale_text(field)}, the same for all tiles", *coarse)
    return Caption(
        f"{what}. {method_words.colours(method, field, target)}",
        method_words.formula(method, options, target, labels, "k,p", "a"),
        (*facts, *method_words.facts(method, options)),
        how_to_read.saliency(method, VIEWS[0], field, target),
    )


def strip(
    method: str, options: OptionValues, target: Target, labels: Sequence[str], field: Field, count: int, *, each: bool
) -> Caption:
    """Under the maps of all layers."""
    name = card_of(method).name
    scale = "each divided by its own largest magnitude" if each else f"all on one scale, {scale_text(field)}"
    return Caption(
        f"{name} of {target.words(labels)} at every layer output that has positions, in order of execution, {scale}. "
        "Click one to see it large.",
        "",
        (
            f"{count} layer outputs",
            f"resampled to {CELLS}×{CELLS} cells (nearest position)",
            *method_words.facts(method, options),
        ),
        HowToRead(
            "Each tile is one layer output, in order of execution: the first is nearest to the image.",
            "Look for the layer from which on the map lies on the object; its number stands above the tile.",
            "It does not show which layer is right: a map of each layer answers another question.",
        ),
    )


def medians(target: Target, labels: Sequence[str], images: int, fewest: int) -> Caption:
    """Under the medians of these changes over several images; each layer's median is of ``fewest`` at least."""
    score = target.words(labels)
    several = f"{images} images" if images > 1 else "1 image so far"
    said = changes(target, labels)
    missing = (f"some layers have no map for some images: their medians are over fewer, {fewest} at least",)
    return replace(
        said,
        facts=said.facts + (missing if fewest < images else ()),
        sentence=f"The median over {several} of these changes of {score}, each image with its own map: only the "
        "strongest quarter kept, and that quarter dropped.",
    )


def changes(target: Target, labels: Sequence[str]) -> Caption:
    """Under the changes of the score with a region kept alone and dropped."""
    score = target.words(labels)
    return Caption(
        f"By how much {score} changes when only the quarter of the image is kept where a layer's map is strongest, and "
        "when that quarter is dropped. What is missing gets the mean colour of the training data. Click a point to see "
        "its map.",
        "",
        (
            "the map is enlarged to the image bilinearly",
            "a region is smaller than a quarter where many pixels of a map are equal",
        ),
        HowToRead(
            "Each pair of points is one layer: the change with its region kept alone, and with it dropped.",
            "Look for a layer whose region alone keeps the score, and without which the score falls.",
            "It does not show what the model does with whole images: it was trained on none with holes.",
        ),
    )
