"""The strip of the steps, from an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradviz_core.drawing import backward_words
from gradviz_core.drawing.captions import number_text
from gradviz_core.text.shown_text import visible
from gradviz_core.types import BackwardAnswer, Site
from gradviz_core.types.backward import GATE, BackwardStep
from pages.shell import address
from pages.understand.backward_choice import Frame
from pages.understand.player import SPEEDS, Cell, player


def draw(answer: BackwardAnswer, frame: Frame, broken_at: Site | None) -> None:
    """All steps; done ones are coloured by the norm of the gradient at their output."""
    broken = next((i for i, step in enumerate(answer.steps) if step.site == broken_at), -1)
    player(
        cells(answer),
        frame.position,
        broken,
        speed(),
        lambda to: address.write({"step": to}),
        lambda to: address.write({"speed": to}),
    )


def speed() -> float:
    """Steps in a second, as the address says.

    Raises:
        NoSuchChoice: there is no such speed.
    """
    text = address.read("speed", "1")
    found = next((one for one in SPEEDS if f"{one:g}" == text), None)
    if found is None:
        listed = ", ".join(f"{one:g}" for one in SPEEDS)
        raise address.NoSuchChoice(f"Speed cannot be {text[:60]!r}: it must be one of {listed}. Choose one.", "speed")
    return found


def cells(answer: BackwardAnswer) -> list[Cell]:
    """One for each step."""
    norms = [step.norm for step in answer.steps]
    logs = [math.log10(norm) for norm in norms if norm > 0 and math.isfinite(norm)]
    low, high = (min(logs), max(logs)) if logs else (0.0, 0.0)
    blocks = blocks_of(answer.steps)
    return [
        Cell(
            name=visible(step.name),
            title=visible(f"{backward_words.title(step)}\nL2 norm of the gradient: {_norm_text(step.norm)}"),
            block=visible(block),
            start=number == 0 or block != blocks[number - 1],
            level=_level(step.norm, low, high),
        )
        for number, (step, block) in enumerate(zip(answer.steps, blocks, strict=True))
    ]


def blocks_of(steps: Sequence[BackwardStep]) -> list[str]:
    """The block of each step: the first two names of its path, such as ``layer1.0``; in a plain row of layers, such as
    ``features.3``, each convolution or linear layer begins another, ``features.3 to 5``."""
    found: list[list[str]] = []
    for step in steps:
        path = step.site.path.split(f".{GATE}")[0]
        parts = path.split(".")
        in_a_row = len(parts) == 2 and (step.layer or path != step.site.path)
        begins = not found or _block(found[-1][0]) != _block(path) or (in_a_row and step.rule in _BEGIN)
        if begins:
            found.append([])
        found[-1].append(path)
    return [name for paths in found for name in [_block_name(paths)] * len(paths)]


_BEGIN = ("convolution", "linear", "attention")


def _block(path: str) -> str:
    parts = path.split(".")
    return ".".join(parts[:2]) if len(parts) > 2 else parts[0]


def _block_name(paths: Sequence[str]) -> str:
    first, last = paths[0].split("."), paths[-1].split(".")
    if len(first) == len(last) == 2 and first != last:
        return f"{paths[0]} to {last[-1]}"
    return paths[0] if len(first) == 2 else _block(paths[0])


def _level(norm: float, low: float, high: float) -> float:
    if math.isnan(norm):
        return -1.0
    if not (norm > 0 and math.isfinite(norm)):
        return 0.0
    return (math.log10(norm) - low) / (high - low) if high > low else 1.0


def _norm_text(norm: float) -> str:
    return "none arrives" if math.isnan(norm) else number_text(norm)
