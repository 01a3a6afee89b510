"""The file that answers each kind of question: the one of this wing that is named after it.

Only names in ``types.kinds.KINDS`` are looked up, never a text that came from outside.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.types import KINDS, AboutAModel, Answer, Question


class AboutModels(Protocol):
    """What a file holds that answers questions about a model."""

    def needs(self, question: Any) -> Needs:
        """The pass that it is answered from."""

    def size(self, question: Any, known: Known) -> Size:
        """How large the answer will be; asked for uploaded models, before the pass runs."""

    def answer(self, scene: Scene, question: Any, notes: tuple[str, ...], clock: Clock) -> Answer:
        """The answer. ``notes`` come first among its own."""


class AboutNothing(Protocol):
    """What a file holds that answers questions about no model."""

    def answer(self, question: Any) -> Answer:
        """The answer."""


def about_models(question: AboutAModel) -> AboutModels:
    """The file that answers this question about a model."""
    return cast("AboutModels", _FILES[question.kind])


def about_nothing(question: Question) -> AboutNothing:
    """The file that answers a question about no model."""
    return cast("AboutNothing", _FILES[question.kind])


_FILES = {kind: importlib.import_module(f"{__package__}.{kind}") for kind in KINDS}
