"""A change of the image along a gradient: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import ClassProbability, Receipt
from gradviz_core.types.targets import ClassScore, Target

Norm = Literal["max", "l2"]
"""How the size of a change of the image is measured, in levels 0 to 255: ``max``, the largest change of any value, or
``l2``, the L2 norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbationQuestion(AboutAModel["PerturbationAnswer"]):
    """How does ``target`` change when the image is changed a little along its gradient, or, with ``away``, against it?

    The change has at most size ``epsilon`` in ``norm``, in levels of the image (0 to 255), and is made in ``steps``
    steps of size ``epsilon / steps``, each along the gradient at the end of the previous one.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    norm: Norm = "max"
    epsilon: int = 2
    steps: int = 1
    away: bool = False
    seed: int = 0
    kind: Literal["perturbation"] = field(default="perturbation", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbationAnswer(Answer):
    """Answer to a ``PerturbationQuestion``. All sizes are in levels of the picture, 0 to 255.

    ``arrays`` holds

    - ``pixels`` and ``after``, the (H, W, 3) pictures before and after, whole levels: exactly what the network saw;
    - ``gradient`` (1, C, H, W), of the target at the first picture, per level, channels in the network's order;
    - ``curve_size``, ``curve_predicted``, ``curve_actual``: for one step of each size, the change of the target that
      the gradient predicts, gradient · change, and the actual one; the picture is not rounded for these;
    - ``path_size``, ``path_predicted``, ``path_actual``: the same after each of the steps that were made, before the
      last picture is rounded; the predictions are added up, each from its step's own gradient.
    """

    question: PerturbationQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    score_after: float
    predicted_change: float
    """The change that the gradient at the first picture predicts for ``after``: gradient · (after - before)."""
    size: float
    """Size of after - before in the question's norm; at most ``epsilon``."""
    cut: int
    """How many values of the picture a step clipped at 0 or 255."""
    prediction: tuple[ClassProbability, ...]
    """The five most likely classes of each picture, with their probabilities before, the most likely first."""
    prediction_after: tuple[ClassProbability, ...]
    """The same classes with their probabilities after, the most likely first."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["perturbation"] = field(default="perturbation", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture before, shape (H, W, 3)."""
        return self.arrays["pixels"]

    @property
    def after(self) -> Pixels:
        """The picture after, shape (H, W, 3)."""
        return self.arrays["after"]
