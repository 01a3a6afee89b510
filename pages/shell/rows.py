"""Long sums on a page: the picture as it converges, how far it is, and a button that stops it.

A page whose sum is not whole yet is drawn to its end like any other, from the terms that are there. Then it waits for
the next part, and runs again. While it waits it holds nothing that others need, and a click ends the wait at once
(``asker.leave_if_told``): the parts that are on their way are left, and what is there is kept for as long as the page
asks for the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn, cast

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.compute.protocol import LARGE
from gradviz_core.compute.rows import SHORT_S, Row
from gradviz_core.drawing import method_words
from gradviz_core.drawing.screen import takes_parts, weight
from gradviz_core.errors import GradVizError
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import GradientAnswer, GradientQuestion
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import card_of, terms
from gradviz_core.types.series import GRID
from pages.shell import asking, completeness, turns, widgets
from pages.shell.answer_cache import answer_cache

STYLE = """
.st-key-row { min-height: 2.6rem; }
.st-key-row button { min-height: 2rem; padding: 0 0.75rem; }
"""


@dataclass(frozen=True, slots=True)
class _Finished:
    """The last row that came to its end. It stays here when the answers of others take its place in the cache."""

    answer: GradientAnswer
    said: str


@dataclass(slots=True)
class _Memory:
    """What a session knows of its row between one run of the page and the next."""

    row: Row | None = None
    is_asked: bool = False
    """Whether the page asks for it in this run."""
    comes_again: bool = False
    """Whether this run was begun here, and not by the person."""
    failed: GradVizError | None = None
    given_up: dict[str, GradVizError] = field(default_factory=dict)
    """Sums that failed on a page with several of them, until the person does something."""
    last: _Finished | None = None
    questions: list[GradientQuestion] = field(default_factory=list)
    """What the page asks for in this run."""
    speed: tuple[str, str, float] = ("", "", 0.0)
    """Model, method, and seconds that a term took last."""


def _memory() -> _Memory:
    if "row" not in st.session_state:
        st.session_state["row"] = _Memory()
    return cast(_Memory, st.session_state["row"])


def begin() -> None:
    """Called once in each run. Where the person has clicked, nothing is computed for the row until the page asks for it
    again."""
    memory = _memory()
    memory.is_asked = False
    memory.questions.clear()
    if not memory.comes_again:
        widgets.heard()
        memory.failed = None
        memory.given_up.clear()
        if memory.row is not None:
            memory.row.pause()
    memory.comes_again = False


def ask(
    question: GradientQuestion, doing: str, look: Look, size: tuple[int, int], values: int | None = None
) -> GradientAnswer:
    """The answer to a question about the input, of rows and columns ``size``, or about a layer output with so many
    ``values``; while a long sum is not whole, what its terms make so far.

    Where a later part failed, that is what the others make, and ``failure`` says what went wrong.

    Raises:
        GradVizError: as ``asking.ask`` does.
    """
    memory, text = _memory(), question_to_json(question)
    memory.questions.append(question)
    if text in memory.given_up:
        raise memory.given_up[text]
    if not may_be_long(question, size, values) or answer_cache().whole(text) is not None:
        return asking.ask(question, doing, look)
    if memory.last is not None and memory.last.answer.question == question:
        finished = memory.last.answer
        turns.before_drawing(weight(finished.arrays))
        answer_cache().get(text, lambda: finished)
        return finished
    row = _row_of(memory, question)
    if memory.failed is not None and not row.done:
        raise memory.failed
    if not row.has_begun:
        if _is_known_to_be_short(memory, row):
            memory.row = None
            return asking.ask(question, doing, look)
        row.begin(asking.ask(row.first, doing))
        memory.speed = (question.model, question.method, row.each_s)
        if row.is_short:
            memory.row = None
            return asking.ask(question, doing, look)
    if not row.stopped and memory.failed is None:
        row.ask()
    while not row.done:
        with asking.shown(doing):
            _take(row)
    answer = row.answer()
    turns.before_drawing(weight(answer.arrays))
    st.session_state["asked_ms"] += 1e3 * row.seconds
    if row.is_whole:
        answer_cache().get(text, lambda: answer)
        memory.row, memory.last = None, _Finished(answer, f"{_counted(row)} in {row.seconds:.1f} s.")
    return answer


def may_be_long(question: GradientQuestion, size: tuple[int, int], values: int | None = None) -> bool:
    """Whether its terms are many enough to be asked as a row; ``size`` and ``values`` as of ``ask``."""
    card = card_of(question.method)
    if not card.counts or len(terms(question.method, question.options, None)) <= GRID:
        return False
    return takes_parts(*size, squares=card.gathered == "variance", values=values)


def is_busy(question: GradientQuestion, size: tuple[int, int], values: int | None = None) -> bool:
    """Whether this sum has to wait, because another one of the same page is not whole yet: there is one row at a
    time."""
    memory = _memory()
    under_way = memory.row is not None and memory.is_asked and memory.row.question != question
    return (
        under_way and may_be_long(question, size, values) and answer_cache().whole(question_to_json(question)) is None
    )


def give_up(question: GradientQuestion, error: GradVizError) -> None:
    """Let other sums of the page go on: this one failed, and is not asked again before the person does something."""
    memory = _memory()
    memory.given_up[question_to_json(question)] = error
    if memory.row is not None and memory.row.question == question:
        memory.row.pause()
        memory.row, memory.failed = None, None


def failed(question: GradientQuestion) -> GradVizError | None:
    """What went wrong with a later part of this sum."""
    memory = _memory()
    return memory.failed if memory.row is not None and memory.row.question == question else None


def _row_of(memory: _Memory, question: GradientQuestion) -> Row:
    if memory.row is None or memory.row.question != question:
        if memory.row is not None:
            memory.row.pause()
        memory.row, memory.failed = Row(question, client.begin), None
    memory.is_asked = True
    return memory.row


def _is_known_to_be_short(memory: _Memory, row: Row) -> bool:
    """By how long such a term took last, so that it need not be found out first."""
    model, method, each_s = memory.speed
    return (model, method) == (row.question.model, row.question.method) and row.count * each_s <= SHORT_S


def _take(row: Row) -> None:
    try:
        row.take()
    except turns.NotYet:
        turns.before_drawing(LARGE)


def settle() -> None:
    """The page is drawn: a sum that it did not ask for is left."""
    memory = _memory()
    completeness.keep(memory.questions)
    if memory.row is not None and not memory.is_asked:
        memory.row.pause()
        memory.row = None


def is_waiting() -> bool:
    """Whether the page asked for a sum that is not whole, and goes on."""
    memory = _memory()
    return memory.row is not None and not memory.row.stopped and memory.failed is None


def go_on() -> None:
    """Wait for the next part of the sum."""
    memory = _memory()
    if memory.row is None:
        return
    try:
        with turns.one_page():
            memory.row.take()
    except turns.NotYet:
        pass
    except GradVizError as error:
        memory.failed = error


def run_again() -> NoReturn:
    """Run the page again, though nobody has clicked."""
    _memory().comes_again = True
    st.rerun()


# ------------------------------------------------------------------------------------------------------ what is said


def below(question: GradientQuestion, answer: GradientAnswer, total: float | None, options: str = "options") -> None:
    """What stands below the picture of a method that sums terms: how far the sum is, and whether it is what the law of
    the method says. ``question`` is about the whole sum, ``answer`` holds what is there of it; ``total`` is the sum of
    all values, where it is known; ``options`` names the choice of the address that holds the steps."""
    with st.container(key="row", horizontal=True, vertical_alignment="center", gap="small"):
        if answer.question == question and total is not None:
            completeness.line(answer, total, run_again, options)
        line(question)
    failure()


def line(question: GradientQuestion) -> None:
    """How far the sum is, with a button to stop it, or to go on. Nothing where it was no row."""
    memory = _memory()
    row = memory.row if memory.is_asked and memory.row is not None and memory.row.question == question else None
    finished = memory.last.said if memory.last is not None and memory.last.answer.question == question else ""
    if row is None:
        if finished:
            st.caption(finished, width="content")
    elif memory.failed is not None:
        st.markdown(f"Stopped after {_how_far(row)}.", width="content")
    elif row.stopped:
        st.markdown(f"Stopped after {_how_far(row)}.", width="content")
        st.button("Continue", key="row_go_on", on_click=row.go_on)
    else:
        st.progress(row.done / row.count, f"{_how_far(row)}, {_left(row.seconds_left)}")
        st.button("Stop", key="row_stop", on_click=_stop, args=(row,))


def failure() -> None:
    """What went wrong with a later part of the sum, with a button to ask again; nothing where all went well."""
    memory = _memory()
    if memory.is_asked and memory.failed is not None:
        asking.say(memory.failed)


def _stop(row: Row) -> None:
    row.stop()
    completeness.settle()


def _counted(row: Row) -> str:
    return f"{row.count} {card_of(row.question.method).counts}"


def _how_far(row: Row) -> str:
    return method_words.so_far(row.question, row.done)


def _left(seconds: float) -> str:
    """``about 8 s left``."""
    if seconds < 100:
        return f"about {max(1, round(seconds))} s left"
    return f"about {round(seconds / 60)} min left"
