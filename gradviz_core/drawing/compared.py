"""Maps that stand side by side: which share one scale, the difference of two, and how alike any two are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from gradviz_core.drawing import cam_figures, fields, method_words
from gradviz_core.drawing.captions import gradient_unit
from gradviz_core.drawing.screen.arrays import blocks_of, means_of, scale_of, window_of
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.errors import QuestionError
from gradviz_core.types import INPUT, Field, FloatArray, GradientAnswer, SiteInfo, layouts
from gradviz_core.types.area_means import area_means, cells_of
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import card_of
from gradviz_core.types.photo_window import WHOLE, Place, Window
from gradviz_core.types.similarity import overlap, spearman
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import VIEWS, View


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the numbers of a map are: maps of one quantity have one scale."""

    unit: str
    signed: bool
    at: str
    """The input, layer outputs; or which one of which model, where the unit is that of its own values."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One map among several."""

    letter: str
    """What the page calls it: ``A``."""
    field: Field
    """Rows and columns over the picture, on a scale of its own."""
    quantity: Quantity
    window: Window
    """The part of the photo that its cells cover."""
    image: str = ""
    """Which photo it is of."""

    means: FloatArray | None = None
    """Of a map that is not whole the means of its values and of their magnitudes on a coarser grid, (2, rows,
    columns)."""

    @property
    def is_whole(self) -> bool:
        """Whether every number of the map is here, and not one for each block."""
        return self.field.blocks is None

    @property
    def can_be_compared(self) -> bool:
        """Whether there is something for each of its places: its own numbers, or means."""
        return self.is_whole or self.means is not None

    @property
    def values(self) -> FloatArray:
        """Rows and columns of all that is compared."""
        found: FloatArray = self.field.values if self.means is None else self.means[0]
        return found

    @property
    def magnitudes(self) -> FloatArray:
        """The same of magnitudes."""
        found: FloatArray = np.abs(self.field.values) if self.means is None else self.means[1]
        return found

    def cell(self, place: Place) -> tuple[int, int] | None:
        """Row and column of the map at a place of the photo; None where it has no cell there."""
        return self.window.cell(place, *self.size)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the whole map."""
        blocks = self.field.blocks
        rows, columns = self.field.values.shape
        return (blocks.rows, blocks.columns) if blocks else (rows, columns)


# ----------------------------------------------------------------------------------------------------------- one map


def at_input(answer: GradientAnswer, view: View, steps: Preprocessing | None = None) -> Field:
    """What a method makes of the input, as rows and columns over the picture. ``steps`` say the unit of the input."""
    question, made = answer.question, f"attribution/{INPUT}"
    drawn = over_input(answer.arrays, made if made in answer.arrays else f"gradient/{INPUT}")
    unit = gradient_unit(answer.target, INPUT, question.method, question.options, steps)
    field = drawn.field(view.name if answer.tokens is None else VIEWS[0].name, unit=unit)
    return replace(field, signed=field.signed and method_words.is_signed(question.method, question.options))


def extent(answer: GradientAnswer, size: tuple[int, int]) -> Window:
    """The part of the picture, of this ``size``, that the cells of its map at the input cover."""
    if answer.tokens is None:
        return WHOLE
    at, rows, columns = answer.tokens.centres, answer.tokens.rows, answer.tokens.columns
    top, left = at.row + 0.5 - at.down / 2, at.column + 0.5 - at.across / 2
    bottom, right = top + rows * at.down, left + columns * at.across
    return Window(top / size[0], bottom / size[0], left / size[1], right / size[1])


def at_layer(answer: GradientAnswer, info: SiteInfo, view: View, size: tuple[int, int]) -> tuple[Field, Grid]:
    """What a method makes of a layer output, as rows and columns over the picture of this ``size``: its one map, or its
    channels in this view. Beside it how its positions lie over the picture.

    Raises:
        QuestionError: they do not, or there are too many numbers to travel.
    """
    method, options, name = answer.question.method, answer.question.options, f"attribution/{info.site}"
    axis = layouts.channel_axis(info)
    grid = layouts.grid(info, size)
    if grid is None:
        raise QuestionError(
            f"The positions of {site_name(info.site, info.calls)} do not lie over the image, so its map cannot stand "
            "beside others. Choose another layer output."
        )
    unit = gradient_unit(answer.target, info.site, method, options)
    signed = method_words.is_signed(method, options)
    found = answer.attributions.get(info.site)
    if found is None:
        raise QuestionError(
            f"{site_name(info.site, info.calls)} has too many numbers to be sent to the page. Choose another layer "
            "output, or a method that gives one map of it, such as Grad-CAM."
        )
    if not card_of(method).one_map:
        channels = np.moveaxis(found[0], axis - 1, 0)
        flat = channels.reshape(len(channels), -1)[:, grid.positions]
        over = flat.reshape(len(channels), grid.rows, grid.columns)
        drawn = fields.reduced(over, view.name, unit=unit)
        return replace(drawn, signed=drawn.signed and signed), grid
    blocks = blocks_of(answer.arrays, name)
    if blocks is None:
        return fields.field(cam_figures.rows_and_columns(found, grid), signed=signed, unit=unit), grid
    few = fields.field(found[0].squeeze(axis - 1), signed=signed, unit=unit)
    return fields.in_blocks(few, blocks, scale_of(answer.arrays, name)), grid


def means(answer: GradientAnswer, info: SiteInfo | None) -> FloatArray | None:
    """The means that came with a map that is not whole."""
    names = (f"attribution/{INPUT}", f"gradient/{INPUT}") if info is None else (f"attribution/{info.site}",)
    return next((found for name in names if (found := means_of(answer.arrays, name)) is not None), None)


def quantity(answer: GradientAnswer, field: Field, std: Sequence[float]) -> Quantity:
    """What the numbers of the answer's map are. Values of different layers have units of their own, and a normalised
    pixel is as much light as the ``std`` of the preprocessing says."""
    site, model = answer.question.wrt[0], answer.question.model
    own = "activation" in field.unit
    target = f" {answer.target.at}" if answer.target.at is not None else ""
    light = f" normalised by {', '.join(f'{one:g}' for one in std)}" if "normalised-pixel" in field.unit else ""
    where = f"{site} of {model}{target}" if own else f"the input{light}" if site == INPUT else "layer outputs"
    return Quantity(field.unit, field.signed, where)


def value(answer: GradientAnswer, one: Compared, view: View, cell: tuple[int, int], info: SiteInfo | None) -> float:
    """The exact number of a map in one of its cells; of a map in blocks NaN, unless the numbers there came with it."""
    if one.is_whole:
        return float(one.field.values[cell])
    if info is not None:
        near = window_of(answer.arrays, f"attribution/{info.site}")
        return float("nan") if near is None else float(near.at(cell))
    made = f"attribution/{INPUT}"
    drawn = over_input(answer.arrays, made if made in answer.arrays else f"gradient/{INPUT}")
    if drawn.near is None:
        return float("nan")
    return float(fields.reduced(drawn.at(cell)[:, None, None], view.name).values[0, 0])


# ------------------------------------------------------------------------------------------------------- several maps


def on_one_scale(maps: Sequence[Compared]) -> tuple[Compared, ...]:
    """The same maps; those of one quantity have one scale, which ends at the 99th percentile of all their magnitudes.
    Of a map that is not whole the largest of each block count."""
    found = list(maps)
    for alike in together(maps):
        if len(alike) > 1:
            for number, field in zip(alike, fields.share_scale([maps[n].field for n in alike]), strict=True):
                found[number] = replace(found[number], field=field)
    return tuple(found)


def together(maps: Sequence[Compared]) -> tuple[tuple[int, ...], ...]:
    """The positions of those that have one quantity, quantity by quantity."""
    found: dict[Quantity, tuple[int, ...]] = {}
    for number, one in enumerate(maps):
        found[one.quantity] = (*found.get(one.quantity, ()), number)
    return tuple(found.values())


def have_a_difference(first: Compared, second: Compared) -> bool:
    """Whether the second less the first means something: one quantity, on the same cells of the same part of a photo,
    or of two photos. Of maps with more cells than a screen can show it is that of their means."""
    return (
        first.quantity == second.quantity
        and first.size == second.size
        and first.window == second.window
        and first.can_be_compared
        and second.can_be_compared
        and first.values.shape == second.values.shape
    )


def difference(first: Compared, second: Compared) -> Field:
    """The second less the first, on a scale of its own. Signed.

    Raises:
        ValueError: they have none.
    """
    if not have_a_difference(first, second):
        raise ValueError(f"{second.letter} less {first.letter} is no difference of one quantity on the same cells.")
    return fields.field(second.values - first.values, signed=True, unit=first.field.unit)


@dataclass(frozen=True, slots=True)
class Pair:
    """How alike two maps are."""

    first: str
    """Its letter."""
    second: str
    rows: int
    """Of the grid on which they were compared; 0 where they were not."""
    columns: int
    values: float
    """Spearman's rank correlation of their values; NaN where one of the two is the same everywhere."""
    magnitudes: float
    """The same of their magnitudes, of which the means are taken, so that cells of both signs do not cancel."""
    overlap: float
    """Of their strongest places, as ``similarity.overlap`` has it."""
    of_one_image: bool = True
    """Whether both are of one photo. Maps of two are not compared: their places do not correspond."""


def pairs(maps: Sequence[Compared], share: float) -> tuple[Pair, ...]:
    """Each two of the maps. ``share`` of the places count as the strongest.

    Of the part of the photo that both show each has the mean over the cells of the coarser grid: the fewer rows and the
    fewer columns that the two have there. Two maps on the same cells are taken as they are. A map with more cells than
    a screen can show has the means that came with it.
    """
    return tuple(_pair(one, other, share) for one, other in combinations(maps, 2))


def _pair(one: Compared, other: Compared, share: float) -> Pair:
    part = one.window.common(other.window)
    of_one_image = one.image == other.image
    if part is None or not (of_one_image and one.can_be_compared and other.can_be_compared):
        nothing = float("nan")
        return Pair(one.letter, other.letter, 0, 0, nothing, nothing, nothing, of_one_image)
    counts = [cells_of(part.within(each.window), *each.values.shape) for each in (one, other)]
    rows, columns = (min(sizes) for sizes in zip(*counts, strict=True))

    def coarse(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        x, y = (area_means(on, rows, columns, part.within(each.window)) for on, each in ((x, one), (y, other)))
        return x, y

    sizes = coarse(one.magnitudes, other.magnitudes)
    alike = spearman(*coarse(one.values, other.values)), spearman(*sizes), overlap(*sizes, share)
    return Pair(one.letter, other.letter, rows, columns, *alike)
