"""One file holds each colour scale and the words for its ends: pictures and captions both follow it."""

from __future__ import annotations

import ast
import colorsys
import re
from pathlib import Path

import numpy as np
import plotly.colors
import pytest

from gradviz_core.drawing import fields, figures, method_words
from gradviz_core.types import ClassScore, colour_scales
from gradviz_core.types.colour_scales import DIVERGING, SEQUENTIAL, ColourScale
from gradviz_core.types.methods import METHODS
from tests.reading_imports import parse, sources

ROOT = Path(__file__).parents[1]
HUES = {"red": 0, "orange": 30, "yellow": 60, "green": 120, "blue": 210, "purple": 280, "pink": 320}
"""Degrees on the wheel of colours."""


def ends(scale: ColourScale) -> tuple[tuple[float, float], tuple[float, float]]:
    """Hue in degrees and lightness, from 0 to 1, near the low end and near the high end."""
    colours = [colour for _, colour in plotly.colors.get_colorscale(scale.name)]
    found = plotly.colors.convert_colors_to_same_type(colours, "tuple")[0]
    (low, light, _), (high, lighter, _) = (colorsys.rgb_to_hls(*colour) for colour in (found[1], found[-2]))
    return (360 * low, light), (360 * high, lighter)


def nearest(hue: float) -> str:
    return min(HUES, key=lambda name: min((hue - HUES[name]) % 360, (HUES[name] - hue) % 360))


def test_the_words_are_those_of_the_colours() -> None:
    (low, _), (high, _) = ends(DIVERGING)
    assert (nearest(low), nearest(high)) == (DIVERGING.low, DIVERGING.high)
    (_, low), (_, high) = ends(SEQUENTIAL)
    assert (SEQUENTIAL.low, SEQUENTIAL.high) == (("dark", "bright") if low < high else ("bright", "dark"))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_another_scale_changes_pictures_and_words(method: str, signed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "DIVERGING" if signed else "SEQUENTIAL"
    monkeypatch.setattr(colour_scales, name, ColourScale("PuOr_r", low="purple", high="orange"))
    field = fields.field(np.ones((1, 1)), signed=signed)
    trace = figures.heatmap(field).data[0]
    assert trace.colorscale[0][1] == plotly.colors.get_colorscale("PuOr_r")[0][1]
    said = method_words.colours(method, field, ClassScore(1))
    assert re.match(r"Orange: .*; purple: ", said)


def shown(source: ast.Module) -> list[str]:
    """The texts of a file, without its docstrings."""
    quiet = {id(node.value) for node in ast.walk(source) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(source) if isinstance(node, ast.Constant) and id(node) not in quiet]
    return [node.value for node in texts if isinstance(node.value, str)]


def test_no_caption_names_the_colours_of_a_scale_by_itself() -> None:
    names = re.compile(r"\b(red|blue|bright|dark): |red and blue|blue and red", re.IGNORECASE)
    found = {
        str(path): texts
        for path in sources(ROOT)
        if path.parts[0] in ("gradviz_core", "pages")
        if (texts := [text for text in shown(parse(ROOT / path)) if names.search(text)])
    }
    assert found == {}
