"""Write docs/methods.md from the cards of the methods: ``python scripts/write_methods.py``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.types.controls import Control, Number, value_text  # noqa: E402
from gradviz_core.types.method_cards import MethodCard  # noqa: E402
from gradviz_core.types.methods import METHODS  # noqa: E402

DOCUMENT = ROOT / "docs" / "methods.md"
WIDTH = 120
ABOUT = (
    "The methods of the pages *Input saliency* and *Layers*. $S$ is the score, $x$ one value of the network's "
    "normalised input, or of a layer output, whose channels are counted by $k$ and positions by $p$. "
    "This file is written from the cards in `gradviz_core/types/methods/` by `scripts/write_methods.py`; "
    "[CONTRIBUTING.md](../CONTRIBUTING.md) says how to add a method."
)
FORMULA = {"score": "S", "x": "x", "slope": r"\frac{\partial S}{\partial x}"}
UNIT = {"score": "score", "value": "normalised-pixel unit"}


def main() -> None:
    DOCUMENT.write_text(text(), encoding="utf-8")


def text() -> str:
    """The document."""
    rows = [
        "| method | formula | unit | signed | source |",
        "|---|---|---|---|---|",
        *(_row(card) for card in METHODS.values()),
    ]
    sections = [line for name, card in METHODS.items() for line in _section(name, card)]
    return "\n".join(["# Methods", "", *_wrapped(ABOUT), "", *rows, *sections, ""])


def _row(card: MethodCard) -> str:
    unit = Template(card.unit).substitute(UNIT)
    signed = "yes" if card.signed else "no"
    return f"| {card.name} | ${_formula(card)}$ | {unit} | {signed} | [{card.source}]({card.link}) |"


def _formula(card: MethodCard) -> str:
    options = {control.name: rf"\text{{{control.label}}}" for control in card.options}
    outer = {"outer": "" if card.signed else r"\text{ReLU}"}
    return Template(card.formula).substitute(FORMULA | options | outer)


def _section(name: str, card: MethodCard) -> Iterator[str]:
    yield from ("", f"## {card.name}", "")
    where = {
        "anywhere": "",
        "input": " A map of the input.",
        "layer": " A map of a layer output.",
        "attention": " A map of the patches, from the attention weights of all layers.",
    }[card.where]
    yield from _wrapped(f"`{name}` in a question and in the address.{where}")
    yield ""
    yield from _wrapped(f"Shows: {card.shows}", "- ")
    yield from _wrapped(f"Does not show: {card.limits}", "- ")
    for control in card.options:
        yield from _wrapped(_option(control), "- ")


def _option(control: Control) -> str:
    usual = value_text(control, control.default)
    match control:
        case Number(low=low, high=high):
            values = f"from {low:g} to {value_text(control, high)}, {usual} by default"
        case _:
            values = f"{', '.join(option.label for option in control.options)}; {usual} by default"
    return f"Option `{control.name}`, {control.label}: {values}. {control.meaning}".rstrip()


def _wrapped(sentence: str, bullet: str = "") -> list[str]:
    indent = " " * len(bullet)
    return textwrap.wrap(
        sentence, WIDTH, initial_indent=bullet, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    main()
