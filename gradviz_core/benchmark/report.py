"""The results as tables and sentences of Markdown. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gradviz_core.benchmark.results import BLIND, Measured, Preset, Results
from gradviz_core.benchmark.scoring import Mean
from gradviz_core.types import keys
from gradviz_core.types.methods import METHODS

COLUMNS = {
    "pointing": "pointing game",
    "inside": "inside the shape",
    "tag": "on the tag",
    "shared": "own cell, shared",
    "apart": "own cell, apart",
}
"""The numbers of ``Measured``, as the head of a table names them."""


def tables(results: Results) -> Iterator[str]:
    """Lines of Markdown: a table for each preset, the methods in the order of the document."""
    for preset in results.presets:
        yield from ("", f"**{keys.name(preset.key)}**; maps of layers at `{preset.layer}`", "")
        yield from _table(preset)


def _table(preset: Preset) -> Iterator[str]:
    shown = [name for name in COLUMNS if any(getattr(one, name) for one in preset.methods.values())]
    yield "| method | " + " | ".join(COLUMNS[name] for name in shown) + " |"
    yield "|---" * (len(shown) + 1) + "|"
    for name in (*BLIND, *METHODS):
        if name in preset.methods:
            cells = (_cell(preset.methods[name], column) for column in shown)
            yield f"| {called(name)} | " + " | ".join(cells) + " |"


def called(name: str) -> str:
    """What a table calls a method, or a map that knows nothing of the picture."""
    return BLIND.get(name) or METHODS[name].name


def _cell(measured: Measured, column: str) -> str:
    mean: Mean | None = getattr(measured, column)
    return "" if mean is None else f"{mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f})"
