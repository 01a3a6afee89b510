"""The pictures, facts and captions of the Jacobian page."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from gradviz_core.drawing import captions, figures, how_to_read, log_scale, spectra
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import INPUT, MOST_ENTRIES, FloatArray, JacobianAnswer, SpectrumAnswer
from gradviz_core.types.sites import site_name
from pages.shell import address
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.understand.jacobian_answers import one_row, values
from pages.understand.jacobian_choice import View

_ROWS = (("matrix", "output", "direction"), ("sensitivities", "spectrum"))
MOST_POINTS = 64
"""Singular values that are drawn."""


def rows(shown: Collection[str]) -> list[list[str]]:
    """The keys of the ``shown`` pictures beside each other, row by row."""
    found = [[key for key in keys if key in shown] for keys in _ROWS]
    return [row for row in found if row]


def widths(row: Sequence[str]) -> list[float]:
    """How wide the column of each picture is: the names of the rows stand within that of the matrix."""
    return [1.2 if key == "matrix" else 1.0 for key in row]


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
        between = spectra.effective_rank_between(known, found.frobenius, min(view.shape), found.frobenius_error)
        rank = _rank_between(*between)
        length = number(found.frobenius) + (f" ± {number(found.frobenius_error, 1)}" if found.frobenius_error else "")
    return (
        ("size", size),
        ("effective rank", rank),
        ("largest singular value", number(float(known[0]), 4)),
        ("Frobenius norm", length),
    )


def _rank(rank: float) -> str:
    return captions.number_text(rank) if rank < 999.5 else f"{rank:,.0f}"


def _rank_between(least: float, greatest: float) -> str:
    """Both bounds, or only the lower one if the upper one is more than twice as large and says little."""
    low, high = _rank(least), _rank(greatest)
    if greatest > 2 * least:
        return f"at least {low}"
    return low if low == high else f"{low} to {high}"


def advice(view: View) -> tuple[str, ...]:
    """How to see single entries if there are too many, or more rows if few are shown at first."""
    count = math.prod(view.of.shape)
    if view.small:
        few = view.predicted is not None and view.shape[0] < count and not address.read("rows")
        beside = f"These are {view.shape[0]} of {count:,} outputs: the predicted class and those numbered next to it."
        return (f"{beside} Choose others under Rows.",) if few else ()
    most = MOST_ENTRIES // view.columns
    rows = "one row" if most == 1 else f"at most {most:,} rows"
    how = f"Choose {rows} to see" if most else "Choose a smaller layer output in the columns to see"
    return (f"{view.shape[0]:,} × {view.columns:,} entries are too many to compute one by one. {how} each of them.",)


def pictures(view: View, found: JacobianAnswer | SpectrumAnswer, chosen: int) -> dict[str, Picture]:
    """The pictures of the page by their key, in the order in which they are read. A click on a row of the matrix, or on
    a point of the sensitivities, chooses the output."""
    if isinstance(found, JacobianAnswer):
        inside = view.rows[0] <= chosen < view.rows[1]
        entry = found.arrays["matrix"][chosen - view.rows[0]] if inside else one_row(view, chosen)
        shown = {
            "sensitivities": _sensitivities(view, found.arrays["row_norms"], chosen),
            "output": _row(view, entry, chosen),
            "matrix": _matrix(view, found, chosen),
            "spectrum": _spectrum(view, values(found), None),
        }
    else:
        shown = {
            "output": _row(view, one_row(view, chosen), chosen) if view.columns <= MOST_ENTRIES else None,
            "direction": _direction(view, found),
            "spectrum": _spectrum(view, found.arrays["singular_values"], found),
        }
    return {key: picture for key, picture in shown.items() if picture is not None}


def _matrix(view: View, answer: JacobianAnswer, chosen: int) -> Picture:
    field, block = spectra.drawn(answer.arrays["matrix"], unit=view.unit), spectra.block(view.shape)
    rows = view.drawn_names(*view.rows, block[0])
    columns = spectra.block_names(view.wrt, (), 0, view.columns, block[1])
    figure = spectra.heatmap(field, rows, columns, chosen=(chosen - view.rows[0]) // block[0])
    mode = {
        "reverse": "reverse mode: one backward pass per row",
        "forward": "forward mode: two backward passes per column",
    }
    formula, coarse = rf"J_{{ij}} = {_slope(view, 'i', 'j')}", tuple[str, ...]()
    if max(block) > 1:
        formula += r",\quad \text{drawn:}\ J_{i^* j^*},\ (i^*, j^*) = "
        formula += r"\operatorname*{arg\,max}_{(i, j)\ \text{in the cell}} \left|J_{ij}\right|"
        coarse = (f"each cell shows the entry of largest magnitude of {block[0]}×{block[1]}, with its sign",)
    height, width = view.shape

    def act(click: Click) -> None:
        _choose(view, spectra.row_drawn(answer.arrays["matrix"], click.row, click.column))

    words = Caption(
        f"The Jacobian of {view.text}: row i shows how output i changes with each of the {width:,} input values.",
        formula,
        (f"{height:,} × {width:,}", view.unit, captions.scale_text(field), mode[answer.mode], *coarse),
        how_to_read.JACOBIAN,
    )
    return Picture(figure, words, act)


def _slope(view: View, of: str, wrt: str) -> str:
    """``∂a_i / ∂x_j`` in LaTeX: x for the input, b for another layer output."""
    below = "x" if view.wrt.site == INPUT else "a" if view.wrt.site == view.of.site else "b"
    return rf"\frac{{\partial a_{{{of}}}}}{{\partial {below}_{{{wrt}}}}}"


def _spectrum(view: View, known: FloatArray, found: SpectrumAnswer | None) -> Picture:
    shown, count = known[:MOST_POINTS], min(view.shape)
    some = f" The largest {len(shown)} of {count:,}." if len(shown) < count else ""
    how = "from all entries"
    if found is not None:
        how = (
            f"by products with random directions (Halko, Martinsson and Tropp 2011): the last step changed "
            f"{found.settled} of {len(known)} by under 0.01\u00a0%; none exceeds the true value, up to rounding"
        )
    words = Caption(
        f"Singular values: how much the Jacobian stretches each of its orthogonal directions.{some}",
        r"J = U \Sigma V^\top",
        (
            view.unit,
            "logarithmic scale",
            how,
            "effective rank: exp of the entropy of σ² / Σσ² (after Roy and Vetterli 2007)",
            *log_scale.odd_marks(shown),
        ),
        how_to_read.SPECTRUM,
    )
    settled = len(known) if found is None else found.settled
    return Picture(spectra.spectrum(shown, unit=view.unit, settled=settled), words)


def _sensitivities(view: View, norms: FloatArray, chosen: int) -> Picture:
    size, drawn = spectra.points(len(norms)), spectra.norms_drawn(norms)
    coarse = (f"each point is the largest of {size} rows",) if size > 1 else ()
    words = Caption(
        "Sensitivity: how much a change of L2 norm 1 can change each output at most. It is the L2 norm of the row.",
        r"\lVert J_{i} \rVert_2 = \sqrt{\textstyle\sum_j J_{ij}^2}",
        (view.unit, "logarithmic scale", *coarse, *log_scale.odd_marks(drawn)),
        how_to_read.SENSITIVITIES,
    )
    rows = view.drawn_names(*view.rows, size)
    at, predicted = (None if row is None else (row - view.rows[0]) // size for row in (chosen, view.predicted))
    figure = spectra.sensitivities(drawn, rows, unit=view.unit, chosen=at, predicted=predicted)
    return Picture(figure, words, lambda click: _choose(view, spectra.row_pointed(norms, click.position)))


def _choose(view: View, row: int | None) -> None:
    if row is not None:
        address.write({"output": view.rows[0] + row})


def _row(view: View, entries: FloatArray, number: int) -> Picture | None:
    predicted = ", the predicted class" if number == view.predicted else ""
    sentence = (
        f"Output {number}, {view.names(number, number + 1)[0]}{predicted}: how it changes with each position of "
        f"{site_name(view.wrt.site, view.wrt.calls)}, summed over the channels there with its sign."
    )
    slope = _slope(view, str(number), r"c,\cdot")
    return _over_places(view, entries, sentence, rf"\sum_c {slope}", view.unit, how_to_read.JACOBIAN_ROW)


def _direction(view: View, answer: SpectrumAnswer) -> Picture | None:
    sentence = (
        f"The direction in {site_name(view.wrt.site, view.wrt.calls)} that changes the outputs most, summed over the "
        "channels with its sign. Its L2 norm is 1. Of the two opposite directions, this is the one whose largest entry "
        "is positive. If the two largest singular values are close, this direction converges later than they do."
    )
    entries = answer.arrays["right"][0]
    return _over_places(view, entries, sentence, r"\sum_c v_1", "entry of a unit vector", how_to_read.DIRECTION)


def _over_places(
    view: View, entries: FloatArray, sentence: str, formula: str, unit: str, read: HowToRead
) -> Picture | None:
    found = spectra.row(entries, view.wrt, unit=unit)
    if found is None:
        return None
    field, places = found
    of_one_picture = view.wrt.site == INPUT and not view.choice.survey.card.preprocessing.slices
    pixels = view.choice.survey.pixels if of_one_picture else None
    coarse = captions.blocks_text(field.blocks, "positions")
    facts = (captions.site_text(view.wrt), unit, captions.scale_text(field), *coarse)
    words = Caption(sentence, formula, facts, read)
    return Picture(figures.heatmap(field, pixels=pixels, places=places, height=400), words)
