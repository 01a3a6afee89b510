"""The straight path from a baseline to the image: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays, FloatArray, Pixels
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.targets import ClassScore, Target

Start = Literal["zero", "black", "white", "blurred"]
"""Where a path begins: at the mean colour of the training data, which is zero at the network's input, at black, at
white, or at the image blurred by a Gaussian a tenth of the shorter side wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathQuestion(AboutAModel["PathAnswer"]):
    """How does ``target`` change along the straight path from a baseline to the image, and what does each number of the
    image add to that?

    The path is cut into ``parts`` equal parts, and each of them into ``steps``. The slope along it is taken at both
    ends of every step and integrated by the trapezoidal rule: whole, this is integrated gradients with the rule
    ``trapezoid`` and ``parts`` · ``steps`` + 1 points.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    baseline: Start = "zero"
    parts: int = 20
    steps: int = 5
    seed: int = 0
    kind: Literal["path"] = field(default="path", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathAnswer(Answer):
    """Answer to a ``PathQuestion``. With b the baseline and x the image, ``arrays`` holds at the ends of all steps
    ``share``, the α of the point b + α (x - b), from 0 to 1; ``score``, the score there; and ``slope``, its derivative
    d score/dα. ``added`` (parts, C, H, W) is what each number of the image adds to the score in each part; in units of
    the score, signed."""

    question: PathQuestion
    target: Target
    """The question's target, with the class filled in that is predicted for the image."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["path"] = field(default="path", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]

    def added(self, parts: int) -> FloatArray:
        """Integrated gradients over the first ``parts`` parts, (1, C, H, W)."""
        return np.asarray(self.arrays["added"][:parts].sum(axis=0, dtype=np.float64)[None], np.float32)

    def area(self, parts: int) -> float:
        """The area under the slope over the first ``parts`` parts, by the trapezoidal rule."""
        end = parts * self.question.steps + 1
        return float(np.trapezoid(self.arrays["slope"][:end], self.arrays["share"][:end]))

    def change(self, parts: int) -> float:
        """The score at the end of the first ``parts`` parts, less that at the baseline."""
        scores = self.arrays["score"]
        return float(scores[parts * self.question.steps] - scores[0])
