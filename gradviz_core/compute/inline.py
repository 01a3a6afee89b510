"""Answering in this process: for the library, scripts and tests. The arrays are those that the service gives.

Torch is imported at the first question, not before.
"""

from __future__ import annotations

import threading
from functools import lru_cache

from gradviz_core.compute.worker import Answers
from gradviz_core.settings import settings
from gradviz_core.types import Answer, Question

_TURN = threading.Lock()
"""An answerer answers one question at a time."""


def ask(question: Question) -> Answer:
    """The answer to ``question``, computed here. Raises the ``GradVizError`` that says why there is none."""
    with _TURN:
        return _answerer().answer(question)


@lru_cache(maxsize=1)
def _answerer() -> Answers:
    from gradviz_core.answering import Answerer

    device = settings().device
    answerer: Answers = Answerer(None if device == "auto" else device)
    return answerer
