"""Answers that were given lately, shared by all sessions. The key is the question's canonical text and nothing else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import streamlit as st

from gradviz_core.types import Answer

MOST_BYTES = 40_000_000
"""Most that the kept answers hold together; the latest one is kept whatever its size."""


class Kept:
    """The answers used last, up to so many bytes. Their arrays are read-only, so they are given out as they are."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Nothing is kept yet."""
        self._most = most_bytes
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, text: str, make: Callable[[], Answer]) -> Answer:
        """The answer to the question with this text: the kept one, else what ``make`` gives."""
        with self._lock:
            if text in self._answers:
                self._answers.move_to_end(text)
                return self._answers[text]
        answer = make()
        with self._lock:
            self._answers[text] = answer
            self._answers.move_to_end(text)
            while len(self._answers) > 1 and self.size > self._most:
                self._answers.popitem(last=False)
        return answer

    @property
    def size(self) -> int:
        """Bytes of all arrays that are kept."""
        return sum(array.nbytes for answer in self._answers.values() for array in answer.arrays.values())


@st.cache_resource(show_spinner=False)
def kept() -> Kept:
    """The one store of this process."""
    return Kept()
