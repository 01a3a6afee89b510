"""Asking the compute service from a page: answers are cached, progress is shown, errors become one sentence."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.compute import client
from gradviz_core.compute.protocol import LARGE
from gradviz_core.errors import ComputeError, GradVizError, ServiceStarting
from gradviz_core.text.codec import question_to_json, shown_to_json
from gradviz_core.types import AboutAModel, Question
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.looks import Look
from gradviz_core.types.questions import A
from pages.shell import address, ahead, skeleton, turns, weights_here
from pages.shell.answer_cache import answer_cache
from pages.shell.words import linked

PATIENCE_S = 60.0
"""Seconds to wait for a service that is starting."""


def ask(question: Question[A], doing: str, look: Look | None = None) -> A:
    """The answer. ``doing`` describes the work. It is shown at once on a page that shows nothing yet, otherwise in a
    corner after half a second. ``look`` says how the answer will be drawn, if it may be too large for a screen.

    Raises:
        GradVizError: as ``client.ask`` does, except that it waits for a service that is starting.
    """
    skeleton.show(doing)
    started = time.monotonic()
    with progress(), st.container(key=_key(question, look)):
        answer = _patiently(question, doing, look)
        turns.before_drawing(sum(array.nbytes for array in answer.arrays.values()))
    st.session_state["last_receipt"] = answer.receipt
    if answer.receipt.guarded and isinstance(question, AboutAModel):
        st.session_state.setdefault("guarded", set()).add(question.model)
    st.session_state["asked_ms"] += 1000 * (time.monotonic() - started)
    return answer


def _key(question: Question[A], look: Look | None) -> str:
    """Of the room where it is said that this is being asked; another one where a page asks the same again."""
    text = question_to_json(question) if look is None else shown_to_json(question, look)
    key = f"asked_{question.kind}_{zlib.crc32(text.encode())}"
    taken: Counter[str] = st.session_state["asked_keys"]
    taken[key] += 1
    return key if taken[key] == 1 else f"{key}_{taken[key]}"


@contextmanager
def shown(doing: str) -> Iterator[None]:
    """Show what is being done, as ``ask`` does."""
    skeleton.show(doing)
    with progress(), st.spinner(doing):
        yield


def ask_in_part(question: Question[A]) -> A:
    """The answer, for a part of a page that is drawn by itself: what is being done is not shown.

    Raises:
        GradVizError: as ``client.ask`` does.
    """
    return answer_to(question, answer_cache().get(question_to_json(question), lambda: client.ask(question)))


def _patiently(question: Question[A], doing: str, look: Look | None) -> A:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with st.spinner(doing):
                shown = "" if look is None else shown_to_json(question, look)
                found = answer_cache().get(question_to_json(question), lambda: ahead.answer(question, look), shown)
                return answer_to(question, found)
        except turns.NotYet:
            turns.before_drawing(LARGE)  # then try again
        except ServiceStarting:
            if time.monotonic() > deadline:
                raise
            with st.spinner("One moment: the compute service is starting."):
                time.sleep(0.7)


def begin() -> None:
    """Make room for what is being done, which moves nothing; reset the counts of errors and of time. Called once in
    each run."""
    ahead.begin()
    st.session_state["progress_room"] = st.container(key="progress", gap=None)
    st.session_state["errors_said"] = 0
    st.session_state["asked_ms"] = 0.0
    st.session_state["asked_keys"] = Counter()


def progress() -> DeltaGenerator:
    """The room for what is being done."""
    return cast(DeltaGenerator, st.session_state["progress_room"])


@contextmanager
def one_sentence() -> Iterator[None]:
    """An error inside is shown on the page as one sentence; the page continues after it."""
    try:
        yield
    except GradVizError as error:
        say(error)


def say(error: GradVizError) -> None:
    """The error's own sentence, and a button: to ask again if the service failed, or to drop a choice that does not
    exist."""
    weights_here.hear(error)
    st.session_state["errors_said"] += 1
    number = st.session_state["errors_said"]
    with st.container(key=f"error_{number}"):
        st.error(linked(str(error)), icon=":material/error:")
        match error:
            case ComputeError():
                st.button("Ask again", key=f"ask_again_{number}")
            case address.NoSuchChoice(name=name):
                st.button("Continue without it", key=f"without_{number}", on_click=address.write, args=({name: ""},))
