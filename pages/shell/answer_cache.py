"""A cache of recent answers, shared by all sessions. The key is the canonical text of the question, and, for an answer
that was reduced to fit a screen, also how it is drawn."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gradviz_core.drawing.screen import is_coarse
from gradviz_core.serving.lru_cache import LruCache
from gradviz_core.types import Answer

MOST_BYTES = 40_000_000
"""The most bytes that the answers in the cache may take, with their questions and texts."""


class AnswerCache:
    """The answers used most recently, up to a number of bytes. Their arrays are read-only, so they are not copied."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """An empty cache."""
        self._answers: LruCache[Answer] = LruCache(most_bytes)

    def get(self, text: str, make: Callable[[], Answer], shown: str = "") -> Answer:
        """The answer to the question with this text: from the cache, or else from ``make``.

        ``shown`` is the text of the question together with how the answer is drawn. An answer that was reduced to fit
        a screen is stored under it; a complete one serves every way to draw it.
        """
        answer = self.find(text, shown)
        if answer is None:
            answer = make()
            self._answers.keep(shown if shown and is_coarse(answer.arrays) else text, answer)
        return answer

    def find(self, text: str, shown: str = "") -> Answer | None:
        """The same where it is in the cache, else None."""
        answer = self._answers.get(text)
        if shown and (answer is None or is_coarse(answer.arrays)):
            answer = self._answers.get(shown)
        return answer

    def whole(self, text: str) -> Answer | None:
        """The same where all its numbers are in the cache."""
        answer = self._answers.get(text)
        return None if answer is None or is_coarse(answer.arrays) else answer

    @property
    def size(self) -> int:
        """Bytes of all answers in the cache."""
        return self._answers.size


@st.cache_resource(show_spinner=False)
def answer_cache() -> AnswerCache:
    """The cache of this process."""
    return AnswerCache()
