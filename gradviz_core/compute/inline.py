"""Answering in this process, for the library, scripts and tests. The arrays are the same as those of the service.

Torch is imported at the first question, not before.
"""

from __future__ import annotations

from gradviz_core.types import Question
from gradviz_core.types.questions import A


def ask(question: Question[A]) -> A:
    """The answer to ``question``, computed in this process. Thread-safe.

    Raises:
        GradVizError: there is no answer; the message says why.
    """
    from gradviz_core.answering import answer

    return answer(question)
