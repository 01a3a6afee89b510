"""Every figure that GradViz makes, with names that Plotly would read as its own markup: nothing in it is markup that is
not there with innocent names, and nothing in it cannot be seen."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradviz_core as gv
from gradviz_core.drawing import (
    cam_figures,
    charts,
    fields,
    figures,
    flow_figures,
    head_figures,
    lesson_pictures,
    near_figures,
    output_figures,
    spectra,
    trust_figures,
)
from gradviz_core.drawing.flow_figures import Line
from gradviz_core.drawing.output_figures import Placed
from gradviz_core.drawing.screen import Seen
from gradviz_core.story import figures as story
from gradviz_core.text.shown_text import visible
from gradviz_core.types import ClassProbability
from gradviz_core.types.lesson_cards import Picture, PictureKind
from tests.hostile.names import NAMES, innocent

Names = Sequence[str]
TAG = re.compile(r"<[^<>]*>")
TEMPLATE = re.compile(r"%\{[^{}]*\}")
ENTITY = re.compile(r"&(?:amp|lt|gt|#36|#37);")
NUMBERS = np.arange(1.0, 5.0)


def _field(names: Names, side: int = 2) -> gv.Field:
    return fields.field(np.arange(side * side, dtype=np.float32).reshape(side, side), signed=True, unit=names[0])


def _classes(names: Names) -> list[ClassProbability]:
    return [ClassProbability(i, name, 1.0 + i, 0.25, against=names[-1]) for i, name in enumerate(names[:4])]


def _heatmap(names: Names) -> go.Figure:
    return figures.heatmap(_field(names), places=np.array(names[:4]).reshape(2, 2))


def _tiles(names: Names) -> go.Figure:
    sheet = fields.tile(np.arange(4 * 9.0, dtype=np.float32).reshape(4, 3, 3), range(4), signed=True, unit=names[0])
    return figures.tiles(sheet, titles=names[:4], each=names[4])


def _single_label(names: Names) -> go.Figure:
    return figures.class_bars(_classes(names)[:1], reading="sigmoid_logits", chosen=0)


def _before_and_after(names: Names) -> go.Figure:
    return charts.before_and_after(_classes(names), _classes(names)[::-1])


def _predicted_and_actual(names: Names) -> go.Figure:
    question = gv.PerturbationQuestion(model="preset/digits-cnn", image="sample/digit-3")
    answer = gv.answer(question)
    return charts.predicted_and_actual(answer, unit=names[0], size_words=names[1])


def _along(names: Names) -> go.Figure:
    lines = [Line(name, NUMBERS, [names[:3]] * 4) for name in names[:2]]
    return flow_figures.along(lines, lines, unit=names[2], places=names[3], share_unit=names[4])


def _predicted_map(names: Names) -> go.Figure:
    return output_figures.predicted_map(np.arange(9).reshape(3, 3), np.zeros((3, 3)), dict(enumerate(names)))


def _boxes(names: Names) -> go.Figure:
    pixels = np.zeros((8, 8, 3), np.uint8)
    return output_figures.boxes_over(pixels, Placed(np.array([[1.0, 4, 1, 4]])), names, chosen=0)


def _over_image(names: Names) -> go.Figure:
    seen = Seen(np.zeros((4, 4, 3), np.uint8))
    return cam_figures.over_image(_field(names), seen, opacity=0.5, chosen=(0, 1))


def _changes(names: Names) -> go.Figure:
    return cam_figures.changes(names[:4], NUMBERS, NUMBERS, unit=names[4], chosen=1)


def _along_layers(names: Names) -> go.Figure:
    answer = _randomised()
    return trust_figures.along_layers([replace(answer, changed=(name,)) for name in names[:4]], 1)


_NOISY = gv.RandomisedQuestion(model="preset/digits-cnn", image="sample/digit-3", noise=0.1)


def _along_noise(names: Names) -> go.Figure:
    answers = [replace(_randomised(), changed=(name,)) for name in names[:4]]
    return trust_figures.along_noise([replace(answer, question=_NOISY) for answer in answers], 0.1)


@cache
def _randomised() -> gv.RandomisedAnswer:
    return gv.answer(gv.RandomisedQuestion(model="preset/digits-cnn", image="sample/digit-3", layer=1))


def _as_pixels_change(names: Names) -> go.Figure:
    return trust_figures.as_pixels_change({"map": _inserted(), "random": _inserted()}, "insertion", names[0])


@cache
def _inserted() -> gv.InsertionAnswer:
    return gv.answer(gv.InsertionQuestion(model="preset/digits-cnn", image="sample/digit-3", steps=2))


def _lesson(kind: PictureKind) -> Callable[[Names], go.Figure]:
    def made(names: Names) -> go.Figure:
        picture = Picture(
            kind,
            ("a", "b"),
            title=names[0],
            caption=names[1],
            unit=names[2],
            labels=tuple(names[3:5]),
            across=names[5],
            down=names[6],
            ticks=tuple(names[7:11]),
        )
        arrays = [NUMBERS, NUMBERS] if kind in ("bars", "lines") else [NUMBERS.reshape(2, 2)]
        return lesson_pictures.draw(picture, arrays)

    return made


MADE: dict[str, tuple[str, Callable[[Names], go.Figure]]] = {
    "heatmap": ("figures.heatmap", _heatmap),
    "near": ("near_figures.near", lambda names: near_figures.near(_field(names), (0, 0), (1, 1))),
    "image": ("figures.image", lambda names: figures.image(np.zeros((2, 2, 3), np.uint8))),
    "tiles": ("figures.tiles", _tiles),
    "class bars": ("figures.class_bars", lambda names: figures.class_bars(_classes(names), chosen=1)),
    "class bars of one label": ("figures.class_bars", _single_label),
    "strip": ("figures.strip", lambda names: figures.strip(names[:4], NUMBERS, unit=names[4])),
    "before and after": ("charts.before_and_after", _before_and_after),
    "predicted and actual": ("charts.predicted_and_actual", _predicted_and_actual),
    "area": ("charts.area", lambda names: charts.area(NUMBERS, NUMBERS, NUMBERS[1], unit=names[0])),
    "along": ("flow_figures.along", _along),
    "predicted map": ("output_figures.predicted_map", _predicted_map),
    "boxes": ("output_figures.boxes_over", _boxes),
    "class activation map": ("cam_figures.over_image", _over_image),
    "a row of tokens": ("head_figures.as_strip", lambda names: head_figures.as_strip(_field(names))),
    "what regions change": ("cam_figures.changes", _changes),
    "along noise": ("trust_figures.along_noise", _along_noise),
    "along layers": ("trust_figures.along_layers", _along_layers),
    "as pixels change": ("trust_figures.as_pixels_change", _as_pixels_change),
    "jacobian": ("spectra.heatmap", lambda names: spectra.heatmap(_field(names), names[:2], names[2:4])),
    "spectrum": ("spectra.spectrum", lambda names: spectra.spectrum(NUMBERS, unit=names[0], settled=1)),
    "sensitivities": (
        "spectra.sensitivities",
        lambda names: spectra.sensitivities(NUMBERS, names[:4], unit=names[4], chosen=1),
    ),
    "lesson heatmap": ("lesson_pictures.draw", _lesson("heatmap")),
    "lesson bars": ("lesson_pictures.draw", _lesson("bars")),
    "lesson lines": ("lesson_pictures.draw", _lesson("lines")),
    "photo of the story": ("figures.photo", lambda names: story.photo(np.zeros((2, 2, 3), np.uint8), (0, 1, 0, 1))),
    "enlarged in the story": (
        "figures.enlarged",
        lambda names: story.enlarged(_field(names), (0, 1, 0, 1), (0, 0, 0, 1), (0, 1, 1, 1)),
    ),
    "map over the picture in the story": (
        "figures.over_image",
        lambda names: story.over_image(_field(names), Seen(np.zeros((4, 4, 3), np.uint8)), (0, 1, 0, 1)),
    ),
    "patches in the story": (
        "figures.patches",
        lambda names: story.patches(_field(names), Seen(np.zeros((4, 4, 3), np.uint8)), (0, 1, 0, 1)),
    ),
    "two lines of the story": ("figures.two_lines", lambda names: story.two_lines(_along(names))),
}
"""Each figure with names in every place that takes one, and the function that makes it."""


def test_no_function_that_makes_a_figure_is_left_out() -> None:
    folder = Path(figures.__file__).parents[1]
    files = [p for p in folder.rglob("*.py") if "import plotly" in p.read_text(encoding="utf-8")]
    found = set()
    for file in files:
        module = importlib.import_module(".".join(("gradviz_core", *file.relative_to(folder).with_suffix("").parts)))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and str(inspect.signature(function).return_annotation).endswith("Figure"):
                found.add(f"{file.stem}.{name}")
    assert found == {name for name, _ in MADE.values()}


def texts(value: object) -> Iterator[str]:
    """Every text in a figure."""
    if isinstance(value, dict):
        yield from (text for part in value.values() for text in texts(part))
    elif isinstance(value, list | tuple | np.ndarray):
        yield from (
            text for part in (value.tolist() if isinstance(value, np.ndarray) else value) for text in texts(part)
        )
    elif isinstance(value, str):
        yield value


def markup(figure: go.Figure) -> Counter[str]:
    """How often each tag, each template and each sign that begins one stands in it."""
    found: Counter[str] = Counter()
    for text in texts(figure.to_dict()):
        found.update([*TAG.findall(text), *TEMPLATE.findall(text)])
        left = ENTITY.sub("", TEMPLATE.sub("", TAG.sub("", text)))
        found.update(re.findall(r"[<>&$]|%\{", left))
    return found


def check(name: str, hostile: Names) -> None:
    _, make = MADE[name]
    figure = make(hostile)
    assert markup(figure) == markup(make(innocent(hostile)))
    assert [text for text in texts(figure.to_dict()) if visible(text) != text] == []


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("start", range(0, len(NAMES), 12))
def test_no_name_is_markup_in_a_figure(name: str, start: int) -> None:
    check(name, (NAMES + NAMES)[start : start + 12])


PIECES = st.sampled_from(
    [*NAMES, "<", ">", "&", "%{", "}", "$", "</b>", "&#", "\u202e", "\0", "\n", "x", "🐕", "\u0301"]
)
TEXTS = st.lists(st.lists(PIECES, min_size=1, max_size=4).map("".join), min_size=12, max_size=12, unique=True)


@settings(max_examples=12, deadline=None)
@given(names=TEXTS)
def test_nor_is_anything_made_of_such_pieces(names: list[str]) -> None:
    for name in ("heatmap", "class bars", "strip", "before and after", "along", "predicted map", "jacobian"):
        check(name, names)


def test_the_tags_of_a_forgotten_name_would_be_seen() -> None:
    figure = go.Figure(go.Scatter(x=[0], y=[0], name="<a href='x'>y</a>", hovertemplate="%{x}"))
    assert markup(figure) == Counter({"<a href='x'>": 1, "</a>": 1, "%{x}": 1})
