"""Insertion and deletion: the score as pixels come or go in the order of a map. The question and its answer.

Source: Petsiuk et al. 2018 (arXiv:1806.07421), section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.methods import MethodName, OptionValues
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.randomised import ViewName
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target

Order = Literal["map", "random", "centre"]
"""Which pixels come first: those that the map ranks highest, any, or those nearest to the centre of the picture."""
Substrate = Literal["zero", "blurred", "black"]
"""What stands where a pixel of the image does not: the mean colour of the training data, the image blurred by a
Gaussian a tenth of the shorter side wide, or black."""
MOST_STEPS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertionQuestion(AboutAModel["InsertionAnswer"]):
    """How does the score rise as pixels of the image come onto a substrate, and how does it fall as the substrate
    takes their place?

    In each of ``steps`` steps the same number of pixels changes, all their channels together. The map ranks pixels by
    the magnitude of the field that ``view`` draws; that of a method whose values are in units of the score ranks them
    by the field itself, so that those which lower the score come last. Pixels that it ranks alike come in a random
    order. ``draw`` is the seed of all random orders.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    method: MethodName = "gradient"
    options: OptionValues = ()
    wrt: Site = INPUT
    axis: int | None = None
    """As in a ``GradientQuestion``. The map of a layer output is enlarged bilinearly to the picture."""
    view: ViewName = "signed_sum"
    order: Order = "map"
    substrate: Substrate = "zero"
    steps: int = 16
    draw: int = 0
    seed: int = 0
    kind: Literal["insertion"] = field(default="insertion", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertionAnswer(Answer):
    """Answer to an ``InsertionQuestion``. ``arrays`` holds ``share`` of the pixels, from 0 to 1 in ``steps`` + 1
    numbers, and ``insertion`` and ``deletion``, the score with that share of the pixels of the image on the substrate,
    and with the substrate in their place."""

    question: InsertionQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["insertion"] = field(default="insertion", repr=False)

    @property
    def areas(self) -> tuple[float, float]:
        """The mean score of each curve over all shares of pixels, by the trapezoidal rule: insertion, deletion."""
        share = self.arrays["share"]
        found = (np.trapezoid(self.arrays[name], share) for name in ("insertion", "deletion"))
        first, second = (float(area) for area in found)
        return first, second
