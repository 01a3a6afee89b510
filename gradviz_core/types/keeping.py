"""What the score becomes when only the region that a map marks is kept, or dropped: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.methods import MethodName, OptionValues
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site
from gradviz_core.types.targets import ClassScore, Target

STRONGEST = 0.25
"""Share of the pixels that a map marks: those where it is largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingQuestion(AboutAModel["KeepingAnswer"]):
    """What is the score when only the region that the class activation map of a site marks is kept, and when it is
    dropped?

    The region are the pixels where the map, enlarged to the input by bilinear interpolation, is larger than at three
    quarters of all pixels. All other pixels, or those of the region, get zero at the network's input, the mean colour
    of the training data.
    """

    model: str
    image: str
    sites: tuple[Site, ...]
    target: Target = field(default_factory=ClassScore)
    method: MethodName = "grad_cam"
    options: OptionValues = field(default=(), metadata={"unsaid": True})
    seed: int = 0
    kind: Literal["keeping"] = field(default="keeping", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingAnswer(Answer):
    """Answer to a ``KeepingQuestion``: ``arrays`` holds ``kept`` and ``dropped``, the score of each of the sites with
    the region kept alone and dropped, ``share`` of the pixels that the region has, and ``norm``, the L2 norm of the
    map; NaN where a map does not lie over the image."""

    question: KeepingQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    """Of the whole image."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["keeping"] = field(default="keeping", repr=False)

    @property
    def changes(self) -> tuple[np.ndarray, np.ndarray]:
        """By how much the score changes, with the region kept alone, and with the region dropped."""
        return self.arrays["kept"] - self.score, self.arrays["dropped"] - self.score
