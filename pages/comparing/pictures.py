"""The pictures of the things that stand side by side on Compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import cam_figures, colour_bars, compared_words, figures
from gradviz_core.drawing.compared import Compared
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types.photo_window import Place
from gradviz_core.types.views import View
from pages.comparing import places
from pages.comparing.questions import Found
from pages.methods import naming, of_pairs
from pages.shell import linked
from pages.shell.linked import Linked
from pages.shell.panel import Picture

HEIGHT = 420
KEY_OF_DIFFERENCE = "map_difference"
_OF_THE_OTHER = "This layer output depends on the other image alone, which is not the one below this map."
THROUGH = 0.6
"""How much fainter the map of a layer output is drawn, as it hides more of the image."""


def picture(
    found: Found,
    one: Compared,
    others: Sequence[Compared],
    view: View,
    opacity: float,
    at: Place | None,
    *,
    beside: int,
) -> Picture:
    """One map on its scale, which it has in common with ``others``, with a mark at the chosen place; ``beside``
    are pixels for its colour bar."""
    asked, seen = found.asked, seen_in(found.answer.arrays)
    cell = None if at is None else one.cell(at)
    words = compared_words.caption(found.answer, asked.info, found.grid, view, asked.survey.card, one, others)
    words = naming.of_two(naming.named(words, asked.question, asked.survey.sites), asked.survey.card)
    if asked.info is not None and not of_pairs.depends(asked.survey, asked.info.site):
        words = replace(words, sentence=f"{words.sentence} {_OF_THE_OTHER}")
    if one.size == seen.size:
        figure = figures.heatmap(one.field, pixels=seen.pixels, opacity=opacity, cross=cell, height=HEIGHT)
    else:
        blocks = one.field.blocks
        shown = blocks.cell(*cell) if blocks is not None and cell is not None else cell
        tokens = found.answer.tokens
        figure = cam_figures.over_image(
            one.field,
            seen,
            opacity=opacity * THROUGH,
            chosen=shown,
            blocks=blocks,
            centres=tokens.centres if tokens is not None else None,
            smooth=tokens is None,
            height=HEIGHT,
        )
    colour_bars.give_room(figure, beside)
    return Picture(figure, words, places.click_in(found))


def link(drawn: Sequence[tuple[Found, Compared]], difference_of: str) -> None:
    """Link all pictures, that of a difference too, which lies over the picture of the map with this letter."""
    pictures = {f"map{found.asked.slot}": found for found, _ in drawn}
    for found, one in drawn:
        if one.letter == difference_of:
            pictures[KEY_OF_DIFFERENCE] = found
    linked.listen(
        [
            Linked(f"chart_{key}", seen_in(found.answer.arrays).size, found.map.size, found.asked.window)
            for key, found in pictures.items()
        ]
    )
