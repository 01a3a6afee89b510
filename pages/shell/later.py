"""Questions that a page asks once it is drawn, one after the other, until all are answered: a row of them.

The page is drawn with the answers that are there. Then the next ones are asked, and the page runs again
(``unfinished.py``). A click ends the wait at once. What was answered stays for as long as the page asks for it, and in
the cache of all sessions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import Any, cast

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import Answer, Question
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.questions import A
from pages.shell import turns
from pages.shell.answer_cache import answer_cache

TOGETHER_S = 0.7
"""Seconds after which the page is drawn again with what is there."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and the names of the arrays that are kept of its answer; all where none is named."""

    question: Question[Any]
    arrays: tuple[str, ...]

    @property
    def key(self) -> str:
        """Under which its answer is kept."""
        return " ".join((question_to_json(self.question), *self.arrays))

    def cached(self) -> Answer | None:
        """The answer where it is in the cache."""
        found = answer_cache().whole(self.key)
        return found if found is not None else answer_cache().whole(question_to_json(self.question))

    def ask(self) -> Answer:
        """The answer, which is in the cache from now on."""
        return answer_cache().get(self.key, lambda: self._kept(client.ask(self.question)))

    def _kept(self, answer: Answer) -> Answer:
        kept = {name: answer.arrays[name] for name in self.arrays}
        return replace(answer, arrays=kept) if kept else answer


@dataclass(slots=True)
class _Memory:
    rows: list[list[_Asked]] = field(default_factory=list)
    """What each row still needs."""
    known: dict[str, Answer] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """The keys of those that the page asks for in this run."""
    failed: dict[str, GradVizError] = field(default_factory=dict)


def _memory() -> _Memory:
    if "later" not in st.session_state:
        st.session_state["later"] = _Memory()
    return cast(_Memory, st.session_state["later"])


def begin() -> None:
    """Nothing is asked in this run yet. Called once in each run."""
    memory = _memory()
    memory.rows, memory.used = [], set()


def answers(questions: Sequence[Question[A]], arrays: tuple[str, ...] = ()) -> list[A]:
    """Those answers that are there; the others are asked once the page is drawn. Of an answer the named ``arrays`` are
    kept, or all.

    Raises:
        GradVizError: one of them failed; the next run asks again.
    """
    memory, row = _memory(), [_Asked(question, arrays) for question in questions]
    memory.used |= {one.key for one in row}
    for one in row:
        if one.key in memory.failed:
            raise memory.failed.pop(one.key)
    found = known(questions, arrays)
    memory.rows.append([one for one in row if one.key not in memory.known])
    return found


def known(questions: Sequence[Question[A]], arrays: tuple[str, ...] = ()) -> list[A]:
    """Those answers that are there; nothing is asked."""
    there = _memory().known
    for one in (_Asked(question, arrays) for question in questions):
        if one.key not in there and (answer := one.cached()) is not None:
            there[one.key] = answer
    keys = ((question, _Asked(question, arrays).key) for question in questions)
    return [answer_to(question, there[key]) for question, key in keys if key in there]


def settle() -> None:
    """The page is drawn: what it did not ask for is kept no longer."""
    memory = _memory()
    memory.known = {key: answer for key, answer in memory.known.items() if key in memory.used}
    memory.failed = {key: error for key, error in memory.failed.items() if key in memory.used}


def is_waiting() -> bool:
    """Whether the page needs answers that are not there."""
    return any(_memory().rows)


def go_on() -> None:
    """Ask what the page still needs, for a moment: of several rows one question each in turn."""
    memory, until = _memory(), time.monotonic() + TOGETHER_S
    in_turn = [one for one in chain.from_iterable(zip_longest(*memory.rows)) if one is not None]
    with turns.one_page():
        for one in in_turn:
            try:
                memory.known[one.key] = one.ask()
            except turns.NotYet:
                return
            except GradVizError as error:
                memory.failed[one.key] = error
                return
            if time.monotonic() > until:
                return
