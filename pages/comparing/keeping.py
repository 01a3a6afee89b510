"""What can be kept of a comparison: each picture, all arrays in one file, and the programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from gradviz_core.drawing import compared_words, method_words, snippets
from gradviz_core.drawing.compared import Compared, Pair
from gradviz_core.drawing.screen.arrays import blocks_of
from gradviz_core.text import target_text
from gradviz_core.types import INPUT, FloatArray
from gradviz_core.types.methods import PLAIN, card_of
from gradviz_core.types.views import View
from pages.comparing.questions import Found
from pages.layout import code
from pages.layout.frame import ScoredChoice
from pages.methods import over_patches
from pages.shell import download_menu
from pages.uploads import images, models

Drawn = Sequence[tuple[Found, Compared]]


def downloads(choice: ScoredChoice, every: Drawn, view: View, pairs: Sequence[Pair], percent: int, two: str) -> None:
    """The menu of downloads. ``two`` are the letters of the maps whose difference is shown, ``B-A``; empty for none."""
    pictures = {f"map{found.asked.slot}": _picture(found) for found, _ in every}
    if two:
        pictures["map_difference"] = "difference", f"{two[0]} minus {two[-1]}", choice.subject
    answers = {found.asked.letter: found.answer for found, _ in every}
    download_menu.menu_of_several(choice, pictures, answers, "compare", _said(every, view, pairs, percent))


def _picture(found: Found) -> tuple[str, str, str]:
    """What the page calls it, what it shows, its model and image."""
    asked, question = found.asked, found.answer.question
    title = compared_words.title(question.method, asked.info)
    what = f"{title}, {found.answer.target.words(asked.survey.card.labels)}"
    return f"map {asked.letter}", what, f"{models.words(question.model)} · {images.words(question.image)}"


def _said(every: Drawn, view: View, pairs: Sequence[Pair], percent: int) -> str:
    """What the page says of all maps together, as JSON."""
    maps = [
        {
            "map": one.letter,
            "title": compared_words.title(found.answer.question.method, found.asked.info),
            "score": target_text.to_text(found.answer.target),
            "unit": one.quantity.unit,
            "limit_of_scale": one.field.limit,
        }
        for found, one in every
    ]
    alike = [
        {
            "maps": [pair.first, pair.second],
            "rank_correlation": _number(pair.values),
            "rank_correlation_of_magnitudes": _number(pair.magnitudes),
            "overlap_of_strongest": _number(pair.overlap),
            "rows": pair.rows,
            "columns": pair.columns,
        }
        for pair in pairs
    ]
    return json.dumps({"view": view.name, "strongest_percent": percent, "maps": maps, "alike": alike})


def _number(value: float) -> float | None:
    return None if value != value else value


def programs(choice: ScoredChoice, every: Drawn, view: View, two: str) -> None:
    """The panel with the program of each picture."""
    each = {found.asked.letter: _program(found, view) for found, _ in every}
    if two:
        of = {one.letter: (found, one) for found, one in every}
        (found, one), (theirs, _) = of[two[-1]], of[two[0]]
        first, second = (_program(whose, view, whole=True) for whose in (found, theirs))
        each["Difference"] = snippets.difference(first, second, None if one.is_whole else _size(one.values))
    code.panel(choice, {name: _as_it_is(text) for name, text in each.items()})


def _as_it_is(text: str) -> Callable[[snippets.Setting], str]:
    return lambda at: text


def _size(values: FloatArray) -> tuple[int, int]:
    rows, columns = values.shape
    return rows, columns


def _program(found: Found, view: View, *, whole: bool = False) -> str:
    """The program of one picture; ``whole`` has every cell, where a screen shows one for each block."""
    asked, question, target = found.asked, found.asked.question, found.answer.target
    at = code.setting(question.model, question.image, asked.survey)
    method, options, info = question.method, question.options, asked.info
    if info is None:
        named = target if snippets.asks_elsewhere(method) else question.target
        tokens, attending = found.answer.tokens, over_patches.blocks_of(found.answer)
        text = snippets.saliency(at, named, method, view.name, options, tokens=tokens, blocks=attending)
        name = f"attribution/{INPUT}" if f"attribution/{INPUT}" in found.answer.arrays else f"gradient/{INPUT}"
        part = method_words.part(found.answer.question)
        blocks = None if whole else blocks_of(found.answer.arrays, name)
        return snippets.of_part(part, snippets.in_blocks(text, blocks))
    named = target if snippets.asks_along(method) else question.target
    if card_of(method).one_map:
        blocks = None if whole else blocks_of(found.answer.arrays, f"attribution/{info.site}")
        return snippets.in_blocks(snippets.layer_map(at, named, info, method, options), blocks)
    kind = {PLAIN: "gradient", "gradient_x_input": "product"}.get(method)
    if kind is not None:
        return snippets.feature_map_over_image(at, named, info, kind, view.name)
    return snippets.layer_over_image(at, named, info, method, options, view.name)
