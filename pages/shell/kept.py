"""Answers that were given lately, shared by all sessions. The key is the question's canonical text and nothing else;
where an answer was made to fit a screen, how it is drawn besides."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gradviz_core.drawing.screen import is_coarse
from gradviz_core.serving.recent import Recent
from gradviz_core.types import Answer

MOST_BYTES = 40_000_000
"""Most that the kept answers hold together, their questions and words included."""


class Kept:
    """The answers used last, up to so many bytes. Their arrays are read-only, so they are given out as they are."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Nothing is kept yet."""
        self._answers: Recent[Answer] = Recent(most_bytes)

    def get(self, text: str, make: Callable[[], Answer], shown: str = "") -> Answer:
        """The answer to the question with this text: the kept one, else what ``make`` gives.

        ``shown`` is the text of the question together with how the answer is drawn. One that was made to fit a screen
        is kept under it; one that is whole serves all ways to draw it.
        """
        answer = self._answers.get(text)
        if shown and (answer is None or is_coarse(answer.arrays)):
            answer = self._answers.get(shown)
        if answer is None:
            answer = make()
            self._answers.keep(shown if shown and is_coarse(answer.arrays) else text, answer)
        return answer

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._answers.size


@st.cache_resource(show_spinner=False)
def kept() -> Kept:
    """The one store of this process."""
    return Kept()
