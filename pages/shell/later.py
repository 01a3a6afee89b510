"""Questions that a page asks once it is drawn, one after the other, until all are answered: a row of them.

The page is drawn with the answers that are there. Then the next ones are asked, and the page runs again. A click ends
the wait at once; what was answered stays for as long as the page asks for the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import Answer, Question
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.questions import A
from pages.shell import rows, turns

TOGETHER_S = 0.7
"""Seconds after which the page is drawn again with what is there."""


@dataclass(slots=True)
class _Memory:
    wanted: list[Question[Any]] = field(default_factory=list)
    known: dict[str, Answer] = field(default_factory=dict)
    kept: Callable[[Any], Answer] = lambda answer: answer
    failed: GradVizError | None = None


def _memory() -> _Memory:
    if "later" not in st.session_state:
        st.session_state["later"] = _Memory()
    return cast(_Memory, st.session_state["later"])


def begin() -> None:
    """Nothing is asked in this run yet. Called once in each run."""
    _memory().wanted = []


def answers(questions: Sequence[Question[A]], kept: Callable[[A], A]) -> list[A]:
    """Those answers that are there; the others are asked once the page is drawn. ``kept`` makes of an answer what the
    page needs of it.

    Raises:
        GradVizError: one of them failed; the next run asks again.
    """
    memory, texts = _memory(), [question_to_json(question) for question in questions]
    if memory.failed is not None:
        error, memory.failed = memory.failed, None
        raise error
    memory.known = {text: memory.known[text] for text in texts if text in memory.known}
    memory.wanted = [one for one, text in zip(questions, texts, strict=True) if text not in memory.known]
    memory.kept = kept
    pairs = zip(questions, texts, strict=True)
    return [answer_to(question, memory.known[text]) for question, text in pairs if text in memory.known]


def known(questions: Sequence[Question[A]]) -> list[A]:
    """Those answers that are there; nothing is asked."""
    there = _memory().known
    return [answer_to(one, there[text]) for one in questions if (text := question_to_json(one)) in there]


def go_on() -> None:
    """The page is drawn. Ask what it still needs, for a moment, and run it again."""
    memory = _memory()
    if not memory.wanted:
        return
    until = time.monotonic() + TOGETHER_S
    try:
        with turns.one_page():
            while memory.wanted and time.monotonic() < until:
                question = memory.wanted.pop(0)
                memory.known[question_to_json(question)] = memory.kept(client.ask(question))
    except turns.NotYet:
        pass
    except GradVizError as error:
        memory.failed = error
    rows.run_again()
