"""Every number and switch of every figure: sizes, margins, ranges, widths, what is drawn. It changes on purpose only.

``python -m tests.test_numbers_of_figures`` writes them anew; read what has changed in ``tests/golden/figures.json``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from gradviz_core.drawing import charts, fields, figures, flow_figures, output_figures, spectra
from gradviz_core.drawing.output_figures import Placed
from gradviz_core.types import ClassProbability
from gradviz_core.types.blocks import Blocks
from tests.hostile.names import NAMES, innocent
from tests.test_text_of_figures import MADE

RNG = np.random.default_rng(0)
FIELD = fields.field(RNG.normal(size=(4, 6)).astype(np.float32), signed=True)
COARSE = replace(FIELD, blocks=Blocks(2, 3, 8, 17, np.arange(24).reshape(4, 6)))
SHEET = fields.tile(RNG.normal(size=(5, 4, 4)).astype(np.float32), range(3, 8))
PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
UNEVEN = np.array([0.0, 2.0, np.nan, 0.5, np.inf, 3e-4])
ROW = [ClassProbability(i, f"class {i}", logit, 0.25) for i, logit in enumerate((-2.0, 0.5, 3.0))]
BOXES = Placed(np.array([[0.5, 2, 1, 4], [1.0, 3, 2, 5], [0.0, 1, 0, 1]]))
MORE: dict[str, Callable[[], go.Figure]] = {
    "heatmap in blocks": lambda: figures.heatmap(COARSE),
    "heatmap over an image": lambda: figures.heatmap(
        FIELD, pixels=PIXELS, opacity=0.5, cross=(1, 2), solid=(0, 2, 1, 3), dashed=(1, 3, 2, 5), height=300
    ),
    "heatmap of one number": lambda: figures.heatmap(fields.field(np.full((3, 3), 2.5), signed=False)),
    "image in blocks": lambda: figures.image(PIXELS, blocks=Blocks(2, 3, 8, 17), cross=(1, 4)),
    "tiles, one chosen": lambda: figures.tiles(SHEET, chosen=5, cell=(1, 2), origin=(3, 1), width=300),
    "tiles in blocks": lambda: figures.tiles(replace(SHEET, blocks=Blocks(2, 2, 8, 8)), chosen=4, cell=(5, 7)),
    "strip, one chosen": lambda: figures.strip(list("abcdef"), UNEVEN, unit="", chosen=1),
    "bars of numbers": lambda: figures.class_bars(ROW, chosen=0, reading="numbers"),
    "before and after, of numbers": lambda: charts.before_and_after(ROW, ROW[::-1], "numbers"),
    "along, uneven": lambda: flow_figures.along(
        [flow_figures.Line("a", UNEVEN, [()] * 6), flow_figures.Line("b", UNEVEN[:3], [()] * 3)],
        [],
        unit="",
        places="",
        share_unit="",
    ),
    "predicted map, with marks": lambda: output_figures.predicted_map(
        np.arange(12).reshape(3, 4) % 3,
        np.ones((3, 4)),
        {0: "a", 1: "b", 2: "c"},
        cell=(1, 2),
        box=(0, 1, 1, 3),
        absent=0,
    ),
    "boxes, the last chosen": lambda: output_figures.boxes_over(PIXELS, BOXES, list("abc"), chosen=2, cell=(1, 2)),
    "jacobian, one row chosen": lambda: spectra.heatmap(FIELD, list("abcd"), list("efghij"), chosen=1),
    "jacobian in blocks": lambda: spectra.heatmap(COARSE, list("abcd"), list("efghij"), chosen=5),
    "sensitivities with a zero": lambda: spectra.sensitivities(UNEVEN, list("abcdef"), unit="", chosen=3),
}
"""Figures with what those of ``MADE`` have not: blocks, marks, zeros and numbers that are not finite."""
GOLDEN = Path(__file__).parent / "golden" / "figures.json"


def numbers(value: object, path: str) -> Iterator[tuple[str, float]]:
    """Each number below a part of a figure, by where it stands; true and false are 1 and 0."""
    if isinstance(value, dict) and "bdata" in value:
        yield from numbers(np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]), path)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from numbers(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple | np.ndarray):
        for position, part in enumerate(value):
            yield from numbers(part, f"{path}[{position}]")
    elif isinstance(value, bool | int | float | np.number):
        yield path, float(f"{float(value):.6g}")


def made(name: str) -> dict[str, float]:
    """The numbers of one figure."""
    figure = (MORE[name]() if name in MORE else MADE[name][1](innocent(NAMES[:12]))).to_plotly_json()
    figure["layout"].pop("template", None)  # Plotly's own
    return dict(numbers(figure, ""))


@pytest.mark.parametrize("name", [*MADE, *MORE])
def test_a_figure_has_the_numbers_that_it_had(name: str) -> None:
    before = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    assert made(name) == pytest.approx(before, rel=1e-3, abs=1e-6, nan_ok=True)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: made(name) for name in [*MADE, *MORE]}, indent=1) + "\n", encoding="utf-8")
