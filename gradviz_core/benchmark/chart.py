"""The figure of the benchmark as SVG: what share of each map lies inside the shape. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from gradviz_core.benchmark.report import called
from gradviz_core.benchmark.results import EVEN, Preset, Results
from gradviz_core.benchmark.scoring import Mean
from gradviz_core.types import keys

ROW, TOP, LEFT, PANEL, GAP = 18, 44, 206, 150, 20
"""Pixels: height of a row, of the titles, width of the names, of a panel, and between two."""
INK, LIGHT, CHANCE = "#1f2937", "#d1d5db", "#b45309"


def svg(results: Results) -> str:
    """A panel for each preset and a row for each method; those with the largest shares above."""
    rows = _rows(results)
    width = LEFT + len(results.presets) * (PANEL + GAP)
    height = TOP + ROW * len(rows) + 34
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="16" fill="{INK}">Share of the map inside the shape; the line is an even map</text>',
    ]
    for at, name in enumerate(rows):
        y = TOP + ROW * at + ROW / 2
        lines.append(f'<text x="{LEFT - 12}" y="{y + 4:g}" text-anchor="end" fill="{INK}">{_plain(name)}</text>')
    for number, preset in enumerate(results.presets):
        lines += _panel(preset, rows, LEFT + number * (PANEL + GAP))
    return "\n".join([*lines, "</svg>", ""])


def _rows(results: Results) -> list[str]:
    """Methods by the mean of what they have on the presets, the largest first."""
    names = {name for preset in results.presets for name in preset.methods if name != EVEN}

    def mean(name: str) -> float:
        found = [preset.methods[name].inside.value for preset in results.presets if name in preset.methods]
        return sum(found) / len(found)

    return sorted(names, key=lambda name: (-mean(name), name))


def _panel(preset: Preset, rows: list[str], left: int) -> Iterator[str]:
    bottom = TOP + ROW * len(rows)
    yield f'<text x="{left}" y="{TOP - 10}" font-weight="bold" fill="{INK}">{escape(keys.name(preset.key))}</text>'
    for tick in (0.0, 0.5, 1.0):
        x = left + PANEL * tick
        yield f'<line x1="{x:g}" y1="{TOP}" x2="{x:g}" y2="{bottom}" stroke="{LIGHT}"/>'
        yield f'<text x="{x:g}" y="{bottom + 16}" text-anchor="middle" fill="{INK}">{tick:g}</text>'
    if EVEN in preset.methods:
        x = left + PANEL * preset.methods[EVEN].inside.value
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{CHANCE}" stroke-dasharray="4 3"/>'
    for at, name in enumerate(rows):
        if name in preset.methods:
            yield from _mark(preset.methods[name].inside, left, TOP + ROW * at + ROW / 2)


def _mark(mean: Mean, left: int, y: float) -> Iterator[str]:
    low, middle, high = (left + PANEL * value for value in (mean.low, mean.value, mean.high))
    yield f'<line x1="{low:.1f}" y1="{y:g}" x2="{high:.1f}" y2="{y:g}" stroke="{INK}" stroke-width="1.5"/>'
    yield f'<circle cx="{middle:.1f}" cy="{y:g}" r="3.5" fill="{INK}"/>'


def _plain(name: str) -> str:
    return escape(called(name).strip("*"))
