"""The other map of a test: asked, and drawn as the map on the page is, on a scale of its own."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

from gradviz_core.drawing import cam_figures, captions, fields, figures, method_words, trust_figures, trust_words
from gradviz_core.drawing.screen.arrays import blocks_of, scale_of
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.errors import QuestionError
from gradviz_core.types import Field, FloatArray, RandomisedAnswer, RandomisedQuestion, SiteInfo, layouts
from pages.shell import address, panel
from pages.shell.asking import ask
from pages.shell.panel import Picture
from pages.trust.tested import Tested

KEY = "trust_map"


def asked(tested: Tested, question: RandomisedQuestion, name: str) -> RandomisedAnswer:
    """The answer; what cannot be asked is a choice of this ``name`` in the address that does not exist."""
    try:
        return ask(question, "Computing the other map …", tested.look)
    except QuestionError as error:
        raise address.NoSuchChoice(str(error), name) from error


def draw(tested: Tested, answer: RandomisedAnswer) -> None:
    """The other map."""
    figure, field = _over_layer(tested, tested.info, answer) if tested.info else _over_input(tested, answer)
    panel.picture(Picture(figure, trust_words.other_map(answer, field)), KEY)


def _over_input(tested: Tested, answer: RandomisedAnswer) -> tuple[go.Figure, Field]:
    question, name = answer.question, f"attribution/{answer.question.wrt}"
    field = over_input(answer.arrays, name).field(question.view, unit=_unit(tested, answer))
    field = replace(field, signed=field.signed and _is_signed(answer))
    if tested.at.tokens is not None:
        figure = cam_figures.over_image(
            field,
            tested.seen,
            opacity=tested.opacity,
            centres=tested.at.tokens.centres,
            smooth=False,
            height=trust_figures.HEIGHT,
        )
        return figure, field
    return figures.heatmap(field, pixels=tested.seen.pixels, height=trust_figures.HEIGHT), field


def _over_layer(tested: Tested, info: SiteInfo, answer: RandomisedAnswer) -> tuple[go.Figure, Field]:
    """The channels of a class activation map are one."""
    name, signed, unit = f"attribution/{info.site}", _is_signed(answer), _unit(tested, answer)
    over = _rows_and_columns(answer.attribution, info, tested.seen.size)
    if over is None:
        drawn = fields.planes(answer.attribution, info.layout, info.axis)
        field = fields.for_screen(fields.field(drawn.maps[0], signed=signed, unit=unit), drawn.gaps)
        return figures.heatmap(field, places=drawn.place_names(), height=trust_figures.HEIGHT), field
    field, blocks = fields.field(over, signed=signed, unit=unit), blocks_of(answer.arrays, name)
    if blocks is not None:
        field = fields.in_blocks(field, blocks, scale_of(answer.arrays, name))
    figure = cam_figures.over_image(
        field, tested.seen, opacity=tested.opacity, blocks=blocks, height=trust_figures.HEIGHT
    )
    return figure, field


def _rows_and_columns(found: FloatArray, info: SiteInfo, size: tuple[int, int]) -> FloatArray | None:
    """The map as rows and columns, as many as came; None where it does not lie over the picture."""
    grid = layouts.of_array(found.shape, info, size)
    return None if grid is None else cam_figures.rows_and_columns(found, grid)


def _unit(tested: Tested, answer: RandomisedAnswer) -> str:
    question = answer.question
    return captions.gradient_unit(answer.target, question.wrt, question.method, question.options, tested.steps)


def _is_signed(answer: RandomisedAnswer) -> bool:
    return method_words.is_signed(answer.question.method, answer.question.options)
