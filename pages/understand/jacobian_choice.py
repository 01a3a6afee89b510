"""Choosing which Jacobian of the model is shown, and which of its rows is shown alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import captions, method_words, spectra
from gradviz_core.errors import UnknownSite
from gradviz_core.types import (
    INPUT,
    MOST_ENTRIES,
    MOST_PASSES,
    ClassScore,
    JacobianAnswer,
    Site,
    SiteInfo,
    SpectrumAnswer,
)
from gradviz_core.types.heads import Head, HeadInfo
from gradviz_core.types.sites import no_such_site, site_name
from pages.scores import output_kind
from pages.shell import address, architecture_map, sites, widgets
from pages.shell.choice import Choice
from pages.shell.parameters import Parameter

PARAMETERS = (
    *(Parameter(name, within=("model",)) for name in ("of", "wrt")),
    *(Parameter(name, within=("of",)) for name in ("rows", "output")),
)
AT_FIRST = 20
"""Rows that the page opens on where all would take minutes: one pass of the model for each."""


@dataclass(frozen=True, slots=True)
class View:
    """The Jacobian that is shown."""

    choice: Choice
    of: SiteInfo
    wrt: SiteInfo
    rows: tuple[int, int]
    room: DeltaGenerator
    """Beside the other choices, for the choice of one output."""

    @property
    def columns(self) -> int:
        """How many values the outputs are differentiated with respect to."""
        return math.prod(self.wrt.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows were chosen, and how many columns there are."""
        return self.rows[1] - self.rows[0], self.columns

    @property
    def small(self) -> bool:
        """Whether every entry is computed."""
        return math.prod(self.shape) <= MOST_ENTRIES and min(self.shape) <= MOST_PASSES

    @property
    def bytes(self) -> int:
        """Bytes of all its entries, in single precision."""
        return 4 * math.prod(self.shape)

    @property
    def head(self) -> HeadInfo | None:
        """The model's output whose classes or numbers the rows are; None if the rows belong to a hidden layer, even one
        with as many values."""
        for head in self.choice.survey.heads:
            scores = sites.of_head(self.choice.survey.sites, head)
            if head.form == "row" and scores and (self.of.same_as or self.of.site) == (scores.same_as or scores.site):
                return head
        return None

    @property
    def predicted(self) -> int | None:
        """The row of the predicted class; None if the rows are no classes, or it is not among those chosen."""
        heads, prediction = self.choice.survey.heads, self.choice.survey.prediction
        if not prediction or prediction[0].probability is None or len(prediction) == 1:
            return None
        if self.head is None or self.head != output_kind.default(heads):
            return None
        return prediction[0].index if self.rows[0] <= prediction[0].index < self.rows[1] else None

    @property
    def unit(self) -> str:
        """Unit of an entry."""
        head = self.head
        read = ClassScore(head=Head(reading=head.reading)) if head else None
        top = captions.score_unit(read) if read else "unit of activation"
        steps = self.choice.survey.card.preprocessing
        below = method_words.input_unit(steps) if self.wrt.site == INPUT else "unit of activation"
        return "dimensionless" if self.of.site == self.wrt.site else f"{top} per {below}"

    def names(self, first: int, end: int) -> list[str]:
        """The names of the outputs."""
        return self.drawn_names(first, end, 1)

    def drawn_names(self, first: int, end: int, size: int) -> list[str]:
        """The names of the outputs, one for each block of ``size``."""
        return spectra.block_names(self.of, self.choice.labels if self.head else (), first, end, size)

    @property
    def text(self) -> str:
        """``head with respect to the input``."""
        return f"{site_name(self.of.site, self.of.calls)} with respect to {site_name(self.wrt.site, self.wrt.calls)}"


def choose(choice: Choice) -> View:
    """The chosen Jacobian; by default that of the scores with respect to the image.

    Raises:
        NoSuchChoice: the address names a site or rows that are not there.
        UnknownSite: the model has no values of real numbers.
    """
    infos = {str(info.site): info for info in choice.survey.sites if info.differentiable}
    heads = choice.survey.heads
    scores = sites.of_head(choice.survey.sites, output_kind.default(heads)) if heads else None
    if not infos:
        raise UnknownSite("This model has no layer outputs that can be differentiated. Choose another model.")
    last = str(scores.site) if scores is not None else list(infos)[-1]
    left, right, third, fourth = st.columns([6, 6, 4, 3])
    with left:
        of = _site("Outputs (rows)", "of", infos, last)
    with right:
        wrt = _site("With respect to (columns)", "wrt", infos, str(INPUT))
    count = math.prod(of.shape)
    usual = 0, count
    if not address.read("of") and not address.read("wrt"):
        usual = _at_first(View(choice, of, wrt, usual, fourth))
    with third:
        empty = f"all {count:,}" if usual == (0, count) else f"{usual[0]}-{usual[1] - 1}"
        meaning = "A range such as 0-63, one row such as 5, or all rows: all"
        text = widgets.text("Rows", "rows", empty, meaning)
    return View(choice, of, wrt, _rows(text, count, usual), fourth)


def _at_first(view: View) -> tuple[int, int]:
    """The rows that the page opens on: all, or, if these are too many to compute one by one, the predicted class and
    those numbered next to it."""
    if view.small or view.predicted is None or view.columns * AT_FIRST > MOST_ENTRIES:
        return view.rows
    start = min(max(0, view.predicted - AT_FIRST // 2), view.rows[1] - AT_FIRST)
    return start, start + AT_FIRST


def _site(label: str, name: str, infos: dict[str, SiteInfo], default: str) -> SiteInfo:
    chosen = address.read(name, default)
    listed = [key for key, info in infos.items() if info.same_as is None or key in (default, chosen)]
    widgets.select(label, name, listed, chosen, lambda key: captions.site_text(infos[key]))
    if chosen not in infos:
        known = [info.site for info in infos.values()]
        raise address.NoSuchChoice(str(no_such_site(Site.parse(chosen), known)), name)
    architecture_map.draw(tuple(infos.values()), infos[chosen].site, name, f"Map: {label[0].lower()}{label[1:]}")
    return infos[chosen]


_RANGE = r"(\d+)\s*(?:[-–]\s*(\d+))?"


def _rows(text: str, count: int, usual: tuple[int, int]) -> tuple[int, int]:
    if not text.strip():
        return usual
    if text.strip().lower() == "all":
        return 0, count
    match = re.fullmatch(rf"\s*{_RANGE}\s*", text, re.ASCII)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
    if first <= last < count:
        return first, last + 1
    as_in = f"as in 0-{min(9, count - 1)}"
    if match and last < first:
        why = f"{first} comes after {last}. Write the smaller number first: {last}-{first}."
    elif match:
        why = f"rows are numbered from 0 to {count - 1}. Write numbers in this range, {as_in}."
    elif re.fullmatch(rf"\s*{_RANGE}(?:\s*[,;\s]\s*{_RANGE})+\s*[,;]?\s*", text, re.ASCII):
        why = f"these are several ranges, but one is shown at a time. Write a first and a last row, {as_in}."
    else:
        why = f"this is neither one row nor a range. Write numbers from 0 to {count - 1}, {as_in}."
    raise address.NoSuchChoice(f"Rows cannot be {text[:60]!r}: {why} Write all for all rows.", "rows")


def chosen_row(view: View, found: JacobianAnswer | SpectrumAnswer) -> int:
    """The output that is shown alone, as an index among all: by default the predicted class, or, where the rows are no
    classes, the most sensitive one, as far as known."""
    strengths = found.arrays["row_norms"] if isinstance(found, JacobianAnswer) else np.abs(found.arrays["left"][0])
    default = view.rows[0] + int(np.nan_to_num(strengths).argmax()) if view.predicted is None else view.predicted
    with view.room:
        return widgets.counter("Output", "output", math.prod(view.of.shape), default)
