"""Write docs/methods.md from the cards of the methods: ``python scripts/write_methods.py``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.benchmark import report, results  # noqa: E402
from gradviz_core.types.controls import AnyControl, Choice, Named, Number, value_text  # noqa: E402
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
PICTURES = "../assets/methods"
SEEN = (
    "The pictures show EfficientNet-Lite0 and the logit of the class that it predicts for a cup of coffee, with all "
    "options at their defaults: methods of the input there, those of layers at the last layer output with 14 rows of "
    "positions, those of attention on a drawn star in shapes-vit; a method that refuses that network on a drawn star "
    "in shapes-cnn. Red supports the class, blue counts against it; of magnitudes, bright is more. A scale ends where "
    "1 % of the numbers lie beyond it. `scripts/draw_methods.py` draws them."
)
BENCHMARK = (
    "The small presets were trained on drawn scenes: one shape over clutter, and where it is, is known. `gradviz "
    "bench-methods` draws scenes that no preset has seen and asks each method about the logit of the true class. Of "
    "contributions to the score, and of class activation maps, what supports the class counts, $\\max(0, \\sum_c "
    "a_c)$; of all others $\\sum_c |a_c|$. Maps of layers are enlarged bilinearly. Options are at their defaults."
)
COLUMNS = (
    "*Pointing game*: in how many scenes the largest number lies inside the shape (Zhang et al. 2018), with Wilson's "
    "interval of 95 %.",
    "*Inside the shape*: Σ of the map inside the shape / Σ of the map, the mean over the scenes. This and what follows "
    "have bootstrap intervals of 95 %.",
    "*On the tag*, for shapes-shortcut: the same where another shape carries the tag that stars had in training, asked "
    "about the star.",
    "*Own cell, shared*: four scenes of different classes in one picture, asked about the class of one: the share of "
    "the map in its cell. The pooled mean of the features joins all cells, so that a right answer need not have all of"
    " its weight there.",
    "*Own cell, apart*: the same where each cell goes through the model on its own (Rao et al. 2022, DiFull). Nothing "
    "in another cell changes the score, so an exact gradient has all of its weight in its own cell, and what is less "
    "than 1 is an error of the method. A map of a layer loses a little where its enlargement crosses the border.",
)
SILENT = (
    "Whether a map tells how the network came to its answer. A shape is where the answer should come from; a network "
    "that looks elsewhere is right to have its weight there, and the map that shows it scores less. So "
    "shapes-shortcut has its column of the tag.",
    "Anything of networks with another task, size or training: these are small, and sure of nearly every scene.",
    "Which map a person understands better, or acts on more wisely.",
    "Which method is best: with few scenes most intervals overlap, and the one that is best in one column is not in "
    "another.",
    "Whether a map depends on the weights at all: a method that marks the largest object in every picture does well "
    "here. The verdicts above say more, and so does the same map with the weights made random.",
)
SHUFFLED = (
    "The verdicts of Adebayo et al. 2018, measured on models that come with GradViz: the rank correlation with sign of "
    "a map and the map of the same class where the weights of a part of the layers, from the top down, are shuffled "
    "within each parameter. Grad-CAM, also in guided Grad-CAM, is that of the last layer output with rows and columns. "
    "Medians over the samples, 9 photos for EfficientNet-Lite0 and 13 drawn pictures for the others, without those "
    "whose Grad-CAM is zero everywhere; a dash where all are. `python -m benchmarks verdicts` measures it anew, "
    "and the magnitudes too."
)
KEPT = (
    "| model | method | last layer | a quarter | half | three quarters | all |",
    "|---|---|---|---|---|---|---|",
    "| EfficientNet-Lite0 | gradient | 0.01 | −0.01 | −0.01 | −0.01 | 0.00 |",
    "| | Grad-CAM | 0.22 | −0.11 | −0.03 | 0.06 | 0.03 |",
    "| | guided backprop | 1.00 | 0.99 | 0.90 | 0.69 | −0.06 |",
    "| | guided Grad-CAM | 0.75 | 0.89 | 0.81 | 0.63 | −0.05 |",
    "| shapes-resnet | gradient | −0.21 | −0.31 | −0.02 | −0.02 | 0.00 |",
    "| | Grad-CAM | −0.25 | −0.03 | −0.14 | 0.07 | −0.04 |",
    "| | guided backprop | 0.98 | 0.95 | 0.87 | 0.62 | 0.22 |",
    "| | guided Grad-CAM | 0.00 | 0.70 | 0.42 | 0.40 | 0.05 |",
    "| shapes-cnn | gradient | −0.38 | 0.03 | −0.04 | 0.01 | 0.00 |",
    "| | Grad-CAM | −0.07 | 0.31 | 0.10 | – | – |",
    "| | guided backprop | 0.97 | 0.94 | 0.87 | 0.18 | 0.02 |",
    "| | guided Grad-CAM | 0.25 | 0.56 | 0.27 | – | – |",
)
HOLDS = (
    "On every model the gradient and Grad-CAM change as soon as the last layer is random, and guided backprop hardly "
    "changes down to half of the layers.",
    "Guided Grad-CAM keeps its signs on EfficientNet-Lite0, as published. Its magnitudes follow the Grad-CAM in it: "
    "their rank correlation is 0.40 to 0.60 down to half of the layers, against 0.24 to 0.32 for the gradient.",
    "On the two small networks this is not reproduced: there guided Grad-CAM changes far more than guided backprop, "
    "though less than the gradient.",
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
    top = ["# Methods", "", *_wrapped(ABOUT), "", *_wrapped(SEEN), "", *_picture("coffee", "The photo"), *rows]
    return "\n".join([*top, *sections, *_shuffled(), *_benchmark(), ""])


def _shuffled() -> Iterator[str]:
    yield from ("", "## With shuffled weights", "", *_wrapped(SHUFFLED), "", *KEPT, "")
    for sentence in HOLDS:
        yield from _wrapped(sentence, "- ")


def _benchmark() -> Iterator[str]:
    yield from ("", "## A benchmark with a known answer", "", *_wrapped(BENCHMARK), "")
    for column in COLUMNS:
        yield from _wrapped(column, "- ")
    found = results.read(results.FILE)
    yield ""
    yield from _wrapped(
        f"{found.scenes} scenes and {found.grids} grids for each preset; made by `gradviz bench-methods --scenes "
        f"{found.scenes} --grids {found.grids} --write` ({found.made})."
    )
    yield ""
    yield f"![What share of each map lies inside the shape, for each method and preset]({PICTURES}/benchmark.svg)"
    yield from report.tables(found)
    yield from ("", "## What no benchmark says", "")
    for sentence in SILENT:
        yield from _wrapped(sentence, "- ")


def _picture(name: str, alt: str) -> list[str]:
    there = (DOCUMENT.parent / PICTURES / f"{name}.webp").exists()
    return [f"![{alt}]({PICTURES}/{name}.webp)", ""] if there else []


def _row(card: MethodCard) -> str:
    other = "".join(
        f"; {one.label}: {one.unit}"
        for control in card.options
        if isinstance(control, Choice)
        for one in control.options
        if one.unit
    )
    unit = Template(card.unit + other).substitute(UNIT)
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
    yield from _picture(name, card.name)
    yield from _wrapped(f"Shows: {card.shows}", "- ")
    yield from _wrapped(f"Does not show: {card.limits}", "- ")
    for says, source, link in card.verdicts:
        yield from _wrapped(f"{says} [{source}]({link})", "- ")
    for control in card.options:
        yield from _wrapped(_option(control), "- ")


def _option(control: AnyControl) -> str:
    usual = value_text(control, control.default)
    match control:
        case Number(low=low, high=high):
            values = f"from {low:g} to {value_text(control, high)}, {usual} by default"
        case Named(what="image"):
            values = f"the key of an image, {usual} by default"
        case Named():
            values = f"a layer output, as `layer4` or `layer4.1.relu:1`; {usual} by default"
        case Choice():
            values = f"{', '.join(option.label for option in control.options)}; {usual} by default"
    return f"Option `{control.name}`, {control.label}: {values}. {control.meaning}".rstrip()


def _wrapped(sentence: str, bullet: str = "") -> list[str]:
    indent = " " * len(bullet)
    return textwrap.wrap(
        sentence, WIDTH, initial_indent=bullet, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


if __name__ == "__main__":
    main()
