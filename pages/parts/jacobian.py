"""The choices, answers, pictures and words of the Jacobian page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core import captions, figures, spectra
from gradviz_core.captions import Caption
from gradviz_core.codec import question_to_json
from gradviz_core.errors import UnknownSite
from gradviz_core.sites import in_words, no_such_site
from gradviz_core.types import (
    INPUT,
    MOST_ENTRIES,
    MOST_PASSES,
    MOST_STEPS,
    FloatArray,
    JacobianAnswer,
    JacobianQuestion,
    Site,
    SiteInfo,
    SpectrumAnswer,
    SpectrumQuestion,
)
from pages.parts import address, sites
from pages.parts.asking import ask
from pages.parts.clicks import Click
from pages.parts.shell import Choice
from pages.parts.units import Picture

PART = 64
"""Passes that are asked for at a time, so that progress is seen and no question runs long."""
MOST_POINTS = 64
"""Singular values that are drawn."""


@dataclass(frozen=True, slots=True)
class View:
    """Which Jacobian is looked at."""

    choice: Choice
    of: SiteInfo
    wrt: SiteInfo
    rows: tuple[int, int]
    room: DeltaGenerator
    """Beside the other choices, for the output to look at alone."""

    @property
    def columns(self) -> int:
        """Numbers that the outputs are differentiated by."""
        return math.prod(self.wrt.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows that were chosen, and columns."""
        return self.rows[1] - self.rows[0], self.columns

    @property
    def small(self) -> bool:
        """Whether every entry is computed."""
        return math.prod(self.shape) <= MOST_ENTRIES and min(self.shape) <= MOST_PASSES

    @property
    def unit(self) -> str:
        """Unit of an entry."""
        scores = sites.class_row(self.choice.survey.sites)
        top = "logit" if scores is not None and self.of.shape == scores.shape else "unit of activation"
        below = "normalised-pixel unit" if self.wrt.site == INPUT else "unit of activation"
        return "no unit" if self.of.site == self.wrt.site else f"{top} per {below}"

    def names(self, first: int, end: int) -> list[str]:
        """What the outputs are called."""
        scores = sites.class_row(self.choice.survey.sites)
        labels = self.choice.labels if scores is not None and self.of.shape == scores.shape else ()
        return spectra.names(self.of, labels, first, end)

    @property
    def text(self) -> str:
        """``head by the input``."""
        return f"{in_words(self.of.site, self.of.calls)} by {in_words(self.wrt.site, self.wrt.calls)}"


def choose(choice: Choice) -> View:
    """What is chosen: the identity, the scores by themselves, as long as nothing is; else the input is what to
    differentiate by, and the scores what is differentiated, unless told otherwise.

    Raises:
        NoSuchChoice: the address names a site or rows that are not there.
        UnknownSite: the model has no values of real numbers.
    """
    infos = {str(info.site): info for info in choice.survey.sites if info.differentiable}
    scores = sites.class_row(choice.survey.sites) or next(iter(sites.returned(choice.survey.sites)), None)
    if not infos:
        raise UnknownSite("This model shows no values that can be differentiated. Choose another model.")
    last = str(scores.site) if scores is not None else list(infos)[-1]
    first_visit = not address.read("of") and not address.read("wrt")
    left, right, third, fourth = st.columns([6, 6, 4, 3])
    with left:
        of = _site("Outputs (rows)", "of", infos, last)
    with right:
        wrt = _site("With respect to (columns)", "wrt", infos, last if first_visit else str(INPUT))
    with third:
        count = math.prod(of.shape)
        text = address.text("Rows", "rows", f"all {count:,}", "All rows, or some: 0-63, or 5 alone")
    return View(choice, of, wrt, _rows(text, count), fourth)


def _site(label: str, name: str, infos: dict[str, SiteInfo], default: str) -> SiteInfo:
    chosen = address.read(name, default)
    listed = [key for key, info in infos.items() if info.same_as is None or key in (default, chosen)]
    address.select(label, name, listed, chosen, lambda key: captions.site_text(infos[key]))
    if chosen not in infos:
        known = [info.site for info in infos.values()]
        raise address.NoSuchChoice(str(no_such_site(Site.parse(chosen), known)), name)
    return infos[chosen]


def _rows(text: str, count: int) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,9})\s*(?:[-–]\s*(\d{1,9}))?\s*", text, re.ASCII)
    first = int(match[1]) if match else 0
    end = int(match[2] or match[1]) + 1 if match else count
    if not text.strip() or (match and first < end <= count):
        return (first, end) if text.strip() else (0, count)
    raise address.NoSuchChoice(
        f"Rows cannot be {text[:60]!r}: they are numbered from 0 to {count - 1}. Write the first and the last, as in "
        f"0-{min(9, count - 1)}, or nothing for all of them.",
        "rows",
    )


def is_first_visit() -> bool:
    """Whether nothing is chosen, so that the identity is shown."""
    return not address.read("of") and not address.read("wrt")


def show_scores(view: View) -> None:
    """Go from the identity to the scores by the image."""
    address.write({"of": view.of.site, "wrt": INPUT})


# ---------------------------------------------------------------------------------------------------------- the answers


def entries(view: View) -> JacobianAnswer:
    """All entries, asked for in parts."""
    height, width = view.shape
    along_rows = height <= width
    start, end = view.rows if along_rows else (0, width)
    firsts = range(start, end, PART)
    parts = []
    progress = st.progress(0.0, "Computing the Jacobian …") if len(firsts) > 2 else None
    for first in firsts:
        part = first, min(first + PART, end)
        parts.append(
            ask(
                JacobianQuestion(
                    model=view.choice.model,
                    image=view.choice.image,
                    of=view.of.site,
                    wrt=view.wrt.site,
                    rows=part if along_rows else view.rows,
                    columns=None if along_rows else part,
                ),
                "Computing the Jacobian …",
            )
        )
        if progress is not None:
            done = part[1] - start
            progress.progress(
                done / (end - start), f"{done:,} of {end - start:,} {'rows' if along_rows else 'columns'}"
            )
    if progress is not None:
        progress.empty()
    return _joined(view, parts, along_rows)


def _joined(view: View, parts: Sequence[JacobianAnswer], along_rows: bool) -> JacobianAnswer:
    if len(parts) == 1:
        return parts[0]
    matrix = np.concatenate([part.arrays["matrix"] for part in parts], axis=0 if along_rows else 1)
    norms = [part.arrays["row_norms"] for part in parts]
    whole = np.concatenate(norms) if along_rows else np.sqrt(np.square(norms).sum(axis=0))
    question = replace(parts[0].question, rows=view.rows, columns=None)
    return replace(parts[0], question=question, arrays={"row_norms": whole, "matrix": matrix})


def one_row(view: View, number: int) -> FloatArray:
    """One row of a Jacobian that is too large to be computed whole."""
    question = JacobianQuestion(
        model=view.choice.model, image=view.choice.image, of=view.of.site, wrt=view.wrt.site, rows=(number, number + 1)
    )
    row: FloatArray = ask(question, "Computing one row …").arrays["matrix"][0]
    return row


def largest(view: View) -> SpectrumAnswer:
    """The largest singular values, step by step until they have settled."""
    progress = st.progress(0.0, "Looking for the directions that move the outputs most …")
    for steps in range(1, MOST_STEPS + 1):
        question = SpectrumQuestion(
            model=view.choice.model, image=view.choice.image, of=view.of.site, wrt=view.wrt.site, rows=view.rows,
            steps=steps,
        )  # fmt: skip
        answer = ask(question, "Looking for the directions that move the outputs most …")
        found = len(answer.arrays["singular_values"])
        progress.progress(steps / MOST_STEPS, f"Step {steps}: {answer.settled} of {found} singular values have settled")
        if answer.settled == found:
            break
    progress.empty()
    return answer


def values(answer: JacobianAnswer) -> FloatArray:
    """All singular values of the matrix."""
    return _values(question_to_json(answer.question), answer.arrays["matrix"])


@st.cache_data(show_spinner=False, max_entries=16)
def _values(question: str, _matrix: FloatArray) -> FloatArray:
    return spectra.singular_values(_matrix)


# ------------------------------------------------------------------------------------------------------------- pictures


def chosen_row(view: View, found: JacobianAnswer | SpectrumAnswer) -> int:
    """The output to look at alone, numbered among all: by default the most sensitive one, as far as is known."""
    strengths = found.arrays["row_norms"] if isinstance(found, JacobianAnswer) else np.abs(found.arrays["left"][0])
    strongest = int(np.nan_to_num(strengths).argmax())
    with view.room:
        return address.counter("Output", "row", math.prod(view.of.shape), view.rows[0] + strongest)


def choose_row(view: View, found: JacobianAnswer | SpectrumAnswer, key: str) -> Callable[[Click], None] | None:
    """A click on a row of the matrix, or on a point of the sensitivities, chooses the output."""
    if key not in ("matrix", "sensitivities"):
        return None
    height, _ = spectra.block(view.shape)

    def act(click: Click) -> None:
        number = click.row * height if key == "matrix" else click.position
        if 0 <= number < view.shape[0]:
            address.write({"row": view.rows[0] + number})

    return act


def facts(view: View, found: JacobianAnswer | SpectrumAnswer) -> tuple[tuple[str, str], ...]:
    """Size, effective rank, largest singular value, Frobenius norm."""
    number = captions.number_text
    size = "{:,} × {:,}".format(*view.shape)
    if isinstance(found, JacobianAnswer):
        known = values(found)
        rank = _rank(spectra.effective_rank(known))
        length = number(float(np.linalg.norm(found.arrays["row_norms"])), 4)
    else:
        known = found.arrays["singular_values"]
        low, high = map(_rank, spectra.effective_rank_between(known, found.frobenius, min(view.shape)))
        rank = low if low == high else f"{low} to {high}"
        length = number(found.frobenius) + (f" ± {number(found.frobenius_error, 1)}" if found.frobenius_error else "")
    return ("size", size), ("effective rank", rank), ("largest singular value", number(float(known[0]), 4)), (
        "Frobenius norm", length)  # fmt: skip


def _rank(rank: float) -> str:
    return captions.number_text(rank) if rank < 1000 else f"{rank:,.0f}"


def advice(view: View) -> tuple[str, ...]:
    """What to do to see entries, where there are too many."""
    if view.small:
        return ()
    most = MOST_ENTRIES // view.columns
    how = f"Choose at most {most} rows to see" if most else "Choose a smaller site to differentiate by, to see"
    return (f"{view.shape[0]:,} × {view.columns:,} entries are too many to compute one by one. {how} each of them.",)


# ------------------------------------------------------------------------------------------------------------- pictures


def pictures(view: View, found: JacobianAnswer | SpectrumAnswer, chosen: int) -> dict[str, Picture]:
    """The pictures of the page by their key, the widest first."""
    if isinstance(found, JacobianAnswer):
        inside = view.rows[0] <= chosen < view.rows[1]
        entry = found.arrays["matrix"][chosen - view.rows[0]] if inside else one_row(view, chosen)
        shown = {
            "matrix": _matrix(view, found, chosen),
            "output": _row(view, entry, chosen),
            "spectrum": _spectrum(view, values(found), None),
            "sensitivities": _sensitivities(view, found.arrays["row_norms"], chosen),
        }
    else:
        shown = {
            "spectrum": _spectrum(view, found.arrays["singular_values"], found),
            "direction": _direction(view, found),
            "output": _row(view, one_row(view, chosen), chosen),
        }
    return {key: picture for key, picture in shown.items() if picture is not None}


def _matrix(view: View, answer: JacobianAnswer, chosen: int) -> Picture:
    field, block = spectra.drawn(answer.arrays["matrix"], unit=view.unit), spectra.block(view.shape)
    figure = spectra.heatmap(
        field, block, view.names(*view.rows), spectra.names(view.wrt, (), 0, view.columns), chosen=chosen - view.rows[0]
    )
    mode = {"reverse": "reverse mode: one backward pass a row", "forward": "forward mode: two backward passes a column"}
    coarse = (f"each cell is the mean of {block[0]}×{block[1]} entries",) if max(block) > 1 else ()
    height, width = view.shape
    words = Caption(
        f"The Jacobian of {view.text}: row i says how output i changes with each of the {width:,} numbers.",
        rf"J_{{ij}} = {_slope(view, 'i', 'j')}",
        (f"{height:,} × {width:,}", view.unit, captions.scale_text(field), mode[answer.mode], *coarse),
    )
    return Picture(figure, words)


def _slope(view: View, of: str, wrt: str) -> str:
    """``∂a_i / ∂x_j`` in LaTeX; the input is x, a value by itself has one letter."""
    below = "x" if view.wrt.site == INPUT else "a" if view.wrt.site == view.of.site else "b"
    return rf"\frac{{\partial a_{{{of}}}}}{{\partial {below}_{{{wrt}}}}}"


def _spectrum(view: View, known: FloatArray, found: SpectrumAnswer | None) -> Picture:
    shown, count = known[:MOST_POINTS], min(view.shape)
    some = f" The largest {len(shown)} of {count:,}." if len(shown) < count else ""
    how = "from all entries"
    if found is not None:
        how = (
            f"by products with random directions (Halko, Martinsson and Tropp 2011): {found.settled} of {len(known)} "
            "have settled to 0.01 %, and none is above the true one"
        )
    words = Caption(
        f"Singular values: how much the Jacobian lengthens each of the directions that it keeps apart.{some}",
        r"J = U \Sigma V^\top",
        (view.unit, "logarithmic scale", how,
         "effective rank: exp of the entropy of σ² / Σσ² (after Roy and Vetterli 2007)"),
    )  # fmt: skip
    settled = len(known) if found is None else found.settled
    return Picture(spectra.spectrum(shown, unit=view.unit, settled=settled), words)


def _sensitivities(view: View, norms: FloatArray, chosen: int) -> Picture:
    words = Caption(
        "Sensitivity: how far a small change of length one can move each output, which is the L2 norm of its row.",
        r"\lVert J_{i} \rVert_2 = \sqrt{\textstyle\sum_j J_{ij}^2}",
        (view.unit, "logarithmic scale"),
    )
    figure = spectra.sensitivities(norms, view.names(*view.rows), unit=view.unit, chosen=chosen - view.rows[0])
    return Picture(figure, words)


def _row(view: View, entries: FloatArray, number: int) -> Picture | None:
    sentence = (
        f"Output {number}, {view.names(number, number + 1)[0]}: how it changes with each place of "
        f"{in_words(view.wrt.site, view.wrt.calls)}, summed over the channels there with its sign."
    )
    slope = _slope(view, str(number), r"c,\cdot")
    return _over_places(view, entries, sentence, rf"\sum_c {slope}", view.unit)


def _direction(view: View, answer: SpectrumAnswer) -> Picture | None:
    sentence = (
        f"The direction in {in_words(view.wrt.site, view.wrt.calls)} that moves the outputs most, summed over the "
        "channels with its sign. It has length one. Its opposite does the same; this is the one of the two whose "
        "largest entry is positive. Where the first two singular values are close, it settles later than they do."
    )
    return _over_places(view, answer.arrays["right"][0], sentence, r"\sum_c v_1", "share of a length of one")


def _over_places(view: View, entries: FloatArray, sentence: str, formula: str, unit: str) -> Picture | None:
    found = spectra.row(entries, view.wrt, unit=unit)
    if found is None:
        return None
    field, places = found
    pixels = view.choice.survey.pixels if view.wrt.site == INPUT else None
    words = Caption(sentence, formula, (captions.site_text(view.wrt), unit, captions.scale_text(field)))
    return Picture(figures.heatmap(field, pixels=pixels, places=places, height=400), words)
