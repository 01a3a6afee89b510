"""The class activation map of every layer output: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.methods import MethodName, OptionValues
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site, SiteInfo
from gradviz_core.types.targets import ClassScore, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class CamsQuestion(AboutAModel["CamsAnswer"]):
    """What is the class activation map, by ``method``, of ``target`` at every layer output that has positions?

    All come from one forward and one backward pass. ``options`` are those of the method's card.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    method: MethodName = "grad_cam"
    options: OptionValues = field(default=(), metadata={"unsaid": True})
    seed: int = 0
    kind: Literal["cams"] = field(default="cams", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CamsAnswer(Answer):
    """Answer to a ``CamsQuestion``: ``arrays`` holds ``map/<site>`` for each of ``sites``, of the shape that the site
    has in the model, with one channel."""

    question: CamsQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    sites: tuple[SiteInfo, ...]
    """Those that have a map, in order of execution. Outputs that only pass another's value on are left out, those that
    no gradient of the score reaches, and those of which nothing shows which axis counts channels."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["cams"] = field(default="cams", repr=False)

    @property
    def maps(self) -> dict[Site, np.ndarray]:
        """The map of each of ``sites``."""
        return {info.site: self.arrays[f"map/{info.site}"] for info in self.sites}
