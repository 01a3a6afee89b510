"""The controls and pictures of attention on the layers page: one row of weights of each head, over the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from gradviz_core.drawing import cam_figures, captions, fields, figures, head_figures, head_words, snippets
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.head_figures import HeadMap
from gradviz_core.drawing.head_words import QUANTITIES, What
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import AttendingAnswer, Preprocessing, Site
from gradviz_core.types.attending import MEAN
from gradviz_core.types.patches import NO_PATCH
from gradviz_core.types.sites import site_name
from gradviz_core.types.tokens import TokenNumbers
from pages.shell import address, widgets
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter

PARAMETERS = (
    Parameter("attention_layer", within=("model",)),
    Parameter("attention_head", within=("attention_layer",)),
    Parameter("query", within=("attention_layer",)),
    Parameter("attention"),
)
MOST = 12
"""Tokens that are no patch, at most, whose numbers are shown."""


# ------------------------------------------------------------------------------------------------------- what is chosen


def quantity() -> What:
    """Attention weights, or their products with the gradient."""
    return cast(What, widgets.option("Quantity", "attention", QUANTITIES))


def asked_layer() -> Site | None:
    """The layer that the address names."""
    text = address.read("attention_layer")
    return Site.parse(text) if text else None


def asked_token() -> int | None:
    """The token that the address names.

    Raises:
        NoSuchChoice: it is no number.
    """
    text = address.read("query")
    if text and not (text.isascii() and text.isdigit() and len(text) < 8):
        raise address.NoSuchChoice(f"Query token cannot be {text[:60]!r}: it must be a whole number.", "query")
    return int(text) if text else None


def choose_layer(answer: AttendingAnswer) -> int:
    """The number of the chosen layer, with a list to choose from: the last one, unless another is chosen, or the
    layer output that was looked at is one."""
    known = [str(layer.site) for layer in answer.layers]
    chosen = address.read("attention_layer", known[_first(answer)])
    named = {str(layer.site): f"{number}: {site_name(layer.site)}" for number, layer in enumerate(answer.layers)}
    words = {site: name.replace("the attention weights of ", "") for site, name in named.items()}
    widgets.select("Attention layer", "attention_layer", known, chosen, words.__getitem__)
    return known.index(chosen)


def _first(answer: AttendingAnswer) -> int:
    looked_at = Site.parse(address.read("site"))
    same = [i for i, layer in enumerate(answer.layers) if address.read("site") and layer.site.path == looked_at.path]
    return same[0] if same else len(answer.layers) - 1


def choose_head(answer: AttendingAnswer, number: int, *, width: int) -> int:
    """The chosen head of a layer."""
    return widgets.counter("Head", "attention_head", answer.layers[number].heads, 0, width=width)


def choose_token(answer: AttendingAnswer, number: int) -> None:
    """The field for the token that asks; what it holds is read by ``asked_token``."""
    usual = "mean of all" if answer.queries[number] == MEAN else f"{answer.queries[number]}"
    meaning = (
        "The token whose row of weights is shown: click a patch, or enter its number. Without one it is the first "
        "token that is no patch, mostly the class token; the mean over all tokens in windows and where there is none."
    )
    widgets.text("Query token", "query", usual, meaning)


# -------------------------------------------------------------------------------------------------------- one, large


def one(answer: AttendingAnswer, labels: Sequence[str], number: int, head: int, what: What, opacity: float) -> Picture:
    """The row of one head, over the image where its grid is known. A click chooses the token that asks."""
    row, signed, unit = answer.row(number, head, what), what == "products", head_words.unit(what, answer)
    if row is None:
        numbers = answer.arrays[f"{what}/{answer.layers[number].site}"][head]
        field = fields.for_screen(fields.field(numbers[None], signed=signed, unit=unit))
        figure = head_figures.as_strip(field)
        return Picture(figure, head_words.one(answer, labels, number, head, what, field))
    field = fields.field(row.map, signed=signed, unit=unit)
    figure = cam_figures.over_image(
        field,
        seen(answer.arrays),
        opacity=opacity,
        chosen=answer.patch_of(number),
        centres=row.centres,
        smooth=False,
    )
    return Picture(figure, head_words.one(answer, labels, number, head, what, field), choose_patch(answer, number, row))


def image(answer: AttendingAnswer, number: int, row: TokenNumbers | None, steps: Preprocessing) -> Picture:
    """The image, with a mark on the middle of the patch that asks. A click chooses another."""
    whole, patch = seen(answer.arrays), answer.patch_of(number)
    cross = None if row is None or patch is None else row.centres.middle(patch, whole.size)
    figure = figures.image(whole.pixels, blocks=whole.blocks, cross=cross, height=380)
    return Picture(figure, captions.beside(steps), None if row is None else choose_patch(answer, number, row))


def choose_patch(answer: AttendingAnswer, number: int, row: TokenNumbers) -> Callable[[Click], None]:
    """A click on a picture of the image's size chooses the token whose patch is there."""

    def act(click: Click) -> None:
        if click.row < 0 or click.column < 0:
            return
        token = answer.token_at(number, row.centres.patch((click.row, click.column), row.rows, row.columns))
        if token is not None:
            address.write({"attention_layer": answer.layers[number].site, **_kept_head(), "query": token})

    return act


def _kept_head() -> dict[str, object]:
    """The head stays when the layer, which is shown already, is named."""
    return {"attention_head": address.read("attention_head")}


def facts_of(answer: AttendingAnswer, number: int, head: int, what: What) -> tuple[tuple[str, str], ...]:
    """The token that asks, what its row sums to, and the numbers of tokens that are no patches."""
    site = answer.layers[number].site
    numbers, keys = answer.arrays[f"{what}/{site}"][head], answer.arrays[f"keys/{site}"]
    apart = [at for at, patch in enumerate(keys) if patch == NO_PATCH] if answer.layers[number].windows else []
    beside = [(f"token {at} (not a patch)", number_text(float(numbers[at]), 3)) for at in apart[:MOST]]
    counted = f"the {len(numbers)} weights sum to" if what == "weights" else f"the {len(numbers)} products sum to"
    return (("query", head_words.query(answer, number)), (counted, number_text(float(numbers.sum()), 4)), *beside)


# -------------------------------------------------------------------------------------------------------- all, small


@dataclass(frozen=True, slots=True)
class Strip:
    """The maps of all heads of all layers."""

    picture: Picture
    width: int
    """Pixels that it needs, with its scale."""
    each: bool
    """Whether each map is divided by its own largest magnitude."""

    def program(self, at: snippets.Setting, answer: AttendingAnswer, what: What) -> str:
        """The code of the picture."""
        return snippets.head_maps(at, answer, what, cam_figures.CELLS, each=self.each)


def strip(
    answer: AttendingAnswer, labels: Sequence[str], number: int, head: int, what: What, *, each: bool
) -> Strip | None:
    """Small maps of all heads; None where no grid is known. A click makes one large."""
    heads = {at: layer.heads for at, layer in enumerate(answer.layers) if layer.windows}
    if not heads:
        return None
    layers, most = head_figures.kept(heads, number)
    maps = [
        HeadMap(at, one, row.map)
        for at in layers
        for one in range(min(heads[at], most))
        if (row := answer.row(at, one, what)) is not None
    ]
    unit = "share of its largest" if each else head_words.unit(what, answer)
    figure, sheet, shown = head_figures.strip(
        maps, signed=what == "products", unit=unit, each=each, chosen=(number, head)
    )
    named = len(figure.data) > 1
    words = head_words.strip(answer, labels, what, sheet.field, number, maps, each=each, named=named)
    across = head_figures.width_of(sheet.columns) + figure.layout.margin.r
    return Strip(Picture(figure, words, choose_tile(answer, sheet, shown)), across, each)


def choose_tile(
    answer: AttendingAnswer, sheet: fields.Tiles, shown: Sequence[HeadMap | None]
) -> Callable[[Click], None]:
    """A click on a small map makes it large; the token that asks stays at its place."""

    def act(click: Click) -> None:
        position = sheet.at(click.row, click.column)
        found = None if position is None else shown[position]
        if found is None:
            return
        query = answer.queries[found.layer] if answer.question.token is not None else MEAN
        address.write(
            {
                "attention_layer": answer.layers[found.layer].site,
                "attention_head": found.head or "",
                "query": "" if query == MEAN else query,
            }
        )

    return act
