"""Questions that are asked before the page needs their answers: the workers compute while the page is being drawn.

Model and image are known before anything is drawn, so the survey can be asked at once. And what a page asks of an image
is, most of the time, what it asked of the image before. Such a question is sent without waiting, and its answer is read
where the page asks for it. One that the page does not ask after all is dropped at the end of the run.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.text.codec import question_to_json, shown_to_json
from gradviz_core.types import AboutAModel, Question, SurveyQuestion
from gradviz_core.types.looks import Look
from gradviz_core.types.questions import A
from pages.shell.answer_cache import answer_cache

_First = tuple[AboutAModel[Any], Look | None] | None


def begin() -> None:
    """Nothing is asked in this run yet. Called once in each run."""
    drop()
    if "first_asked" in st.session_state:
        st.session_state["first_asked_before"] = st.session_state.pop("first_asked")


def send(question: Question[A], look: Look | None = None) -> None:
    """Ask now what the page will ask soon, unless the answer is known already. Errors are raised where it asks."""
    with suppress(GradVizError):
        text, shown = question_to_json(question), _shown(question, look)
        if answer_cache().find(text, shown) is None:
            _sent()[shown or text] = client.begin(question, look)


def send_again(survey: SurveyQuestion) -> None:
    """Ask what was asked first after the survey in the last run, of the image of this one."""
    before: _First = st.session_state.get("first_asked_before")
    if before is None:
        return
    question, look = before
    now = replace(question, image=survey.image)
    if now != question and (now.model, now.seed) == (survey.model, survey.seed):
        send(now, look)


def answer(question: Question[A], look: Look | None = None) -> A:
    """The answer to the question, which may have been sent already.

    Raises:
        GradVizError: as ``client.ask`` does.
    """
    if isinstance(question, AboutAModel) and not isinstance(question, SurveyQuestion):
        st.session_state.setdefault("first_asked", (question, look))
    sent = _sent().pop(_shown(question, look) or question_to_json(question), None)
    if sent is not None:
        return cast(client.Asked[A], sent).answer()
    return client.ask(question) if look is None else client.show(question, look)


def drop() -> None:
    """Leave what was sent and is not needed after all."""
    while sent := _sent():
        sent.popitem()[1].drop()


def _shown(question: Question[A], look: Look | None) -> str:
    return "" if look is None else shown_to_json(question, look)


def _sent() -> dict[str, client.Asked[Any]]:
    sent: dict[str, client.Asked[Any]] = st.session_state.setdefault("sent_ahead", {})
    return sent
