"""Asking for a Jacobian: in parts that are joined, or, for a large one, its singular values step by step."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from gradviz_core.drawing import spectra
from gradviz_core.serving.lru_cache import LruCache
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import (
    MOST_STEPS,
    FloatArray,
    JacobianAnswer,
    JacobianQuestion,
    SpectrumAnswer,
    SpectrumQuestion,
    Unit,
)
from pages.shell import asking, turns
from pages.shell.asking import ask
from pages.understand.jacobian_choice import View

VALUES_BYTES = 1_000_000
"""The most bytes that the singular values found recently may take in all."""
PART = 64
"""Passes per question, so that progress can be shown and no question takes long."""


def entries(view: View) -> JacobianAnswer:
    """All entries, asked for in parts."""
    height, width = view.shape
    turns.before_drawing(view.bytes)  # its parts are too small to wait for a turn themselves
    along_rows = height <= width
    start, end = view.rows if along_rows else (0, width)
    firsts = range(start, end, PART)
    parts = []
    progress = asking.progress().progress(0.0, "Computing the Jacobian …") if len(firsts) > 2 else None
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
                    seed=view.choice.draw,
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


def output(view: View, number: int) -> Unit:
    """The unit whose gradient a row is."""
    return Unit(view.of.site, tuple(int(i) for i in np.unravel_index(number, view.of.shape[1:])))


def one_row(view: View, number: int) -> FloatArray:
    """One row of a Jacobian that is too large to be computed whole."""
    question = JacobianQuestion(
        model=view.choice.model,
        image=view.choice.image,
        of=view.of.site,
        wrt=view.wrt.site,
        rows=(number, number + 1),
        seed=view.choice.draw,
    )
    row: FloatArray = ask(question, "Computing one row …").arrays["matrix"][0]
    return row


def largest(view: View) -> SpectrumAnswer:
    """The largest singular values, step by step until a step hardly changes them."""
    progress = asking.progress().progress(0.0, "Finding the directions that change the outputs most …")
    for steps in range(1, MOST_STEPS + 1):
        question = SpectrumQuestion(
            model=view.choice.model,
            image=view.choice.image,
            of=view.of.site,
            wrt=view.wrt.site,
            rows=view.rows,
            steps=steps,
            seed=view.choice.draw,
        )
        answer = ask(question, "Finding the directions that change the outputs most …")
        found = len(answer.arrays["singular_values"])
        said = f"Step {steps}: {answer.settled} of {found} singular values changed by under 0.01\u00a0%"
        progress.progress(steps / MOST_STEPS, said)
        if answer.settled == found:
            break
    progress.empty()
    return answer


def values(answer: JacobianAnswer) -> FloatArray:
    """All singular values of the matrix. They are computed for one matrix at a time, as this takes several times
    the memory of the matrix."""
    text = question_to_json(answer.question)
    with _one_at_a_time():
        found = _found().get(text)
        if found is None:
            found = spectra.singular_values(answer.arrays["matrix"])
            _found().keep(text, found)
    return found


@st.cache_resource(show_spinner=False)
def _found() -> LruCache[FloatArray]:
    return LruCache(VALUES_BYTES)


@st.cache_resource(show_spinner=False)
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()
