"""What is answered: numbers by name in ``arrays``, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.cards import ImageFile, ModelCard
from gradviz_core.types.diagnoses import DiagnosisAnswer, ProofAnswer
from gradviz_core.types.jacobian_question import JacobianAnswer, SpectrumAnswer
from gradviz_core.types.lesson_cards import LessonQuestion, StepResult
from gradviz_core.types.output_question import OutputAnswer
from gradviz_core.types.outputs import HeadInfo
from gradviz_core.types.questions import (
    FlowQuestion,
    GradientQuestion,
    PerturbationQuestion,
    SurveyQuestion,
    UnitsQuestion,
)
from gradviz_core.types.receipts import ClassProbability, Receipt
from gradviz_core.types.subjects import ParameterInfo, Site, SiteInfo, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientAnswer:
    """Answer to a ``GradientQuestion``: ``arrays`` holds ``activation/<site>`` and ``gradient/<site>`` for each site
    asked for, with the shape the site has in the model; where the method is not the gradient itself
    ``attribution/<site>`` too; and ``pixels``, the (H, W, 3) picture the network sees."""

    question: GradientQuestion
    target: Target
    """The question's target, with the predicted class filled in, where it was read and as what."""
    score: float
    prediction: tuple[ClassProbability, ...]
    """The five likeliest classes, or the five largest numbers; empty where the target is read from a site."""
    receptive_field: tuple[int, int, int, int] | None
    """For a ``Unit``: first row, last row, first column, last column of the input it can depend on at all."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    unreached: tuple[Site, ...] = ()
    """Sites that were asked for and have no gradient: no differentiable path leads from them to the score."""
    kind: Literal["gradient"] = field(default="gradient", repr=False)

    @property
    def activations(self) -> dict[Site, np.ndarray]:
        """Exact values at each site, before any later in-place operation."""
        return _by_site(self.arrays, "activation/")

    @property
    def gradients(self) -> dict[Site, np.ndarray]:
        """∂score/∂site for each site that a path leads from; signed."""
        return _by_site(self.arrays, "gradient/")

    @property
    def attributions(self) -> dict[Site, np.ndarray]:
        """What the question's method makes of the gradients; the gradients themselves where it is ``gradient``."""
        return _by_site(self.arrays, "attribution/") or self.gradients

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsAnswer:
    """Answer to a ``UnitsQuestion``: ``arrays`` holds ``channels`` (K,), ``values`` (K,), the activation of each, and
    ``gradients`` (K, C, H, W), the input gradient of each, strongest first."""

    question: UnitsQuestion
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["units"] = field(default="units", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswer:
    """Answer to a ``SurveyQuestion``: the model's card, its sites in order of execution, every tensor of real numbers
    that it returned, its prediction; ``arrays`` holds ``pixels``."""

    question: SurveyQuestion
    card: ModelCard
    sites: tuple[SiteInfo, ...]
    heads: tuple[HeadInfo, ...]
    prediction: tuple[ClassProbability, ...]
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    file: ImageFile | None = None
    """How the picture lies in its file; None for a sample."""
    random: bool = False
    """Whether the model draws random numbers, so that another seed gives another answer."""
    kind: Literal["survey"] = field(default="survey", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowAnswer:
    """Answer to a ``FlowQuestion``.

    ``arrays`` holds ``activation_norm`` and ``gradient_norm``, one L2 norm for each of ``sites``: infinite where a
    value or gradient holds NaN or infinity, NaN where no gradient arrives or a site holds whole numbers; and
    ``dead_share``, see ``flow.dead_share``. Where parameters were asked for, also ``parameter_norm`` and
    ``parameter_gradient_norm``, one for each of ``parameters``.
    """

    question: FlowQuestion
    target: Target
    score: float
    sites: tuple[SiteInfo, ...]
    parameters: tuple[ParameterInfo, ...]
    """In the order in which the modules that hold them first ran; empty where they were not asked for."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["flow"] = field(default="flow", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbationAnswer:
    """Answer to a ``PerturbationQuestion``. All sizes are in levels of the picture, 0 to 255.

    ``arrays`` holds

    - ``pixels`` and ``after``, the (H, W, 3) pictures before and after, whole levels: exactly what the network saw;
    - ``gradient`` (1, C, H, W), of the target at the first picture, per level, channels in the network's order;
    - ``curve_size``, ``curve_predicted``, ``curve_actual``: for one step of each size, the change of the target that
      the gradient promises, gradient · change, and the one that comes; the picture is not rounded for these;
    - ``path_size``, ``path_predicted``, ``path_actual``: the same after each of the steps that were made, before the
      last picture is rounded; promises are added up, each from its step's own gradient.
    """

    question: PerturbationQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    score_after: float
    predicted_change: float
    """What the gradient at the first picture promises for ``after``: gradient · (after - before)."""
    size: float
    """Size of after - before in the question's norm; at most ``epsilon``."""
    cut: int
    """How many numbers of the picture a step would have taken out of 0 to 255."""
    prediction: tuple[ClassProbability, ...]
    """The likeliest five classes of either picture, as they are before, the likeliest first."""
    prediction_after: tuple[ClassProbability, ...]
    """The same classes as they are after, the likeliest first."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonAnswer:
    """Answer to a ``LessonQuestion``: ``arrays`` holds the numbers that its steps gave, named as by
    ``LessonResult.name_of``."""

    question: LessonQuestion
    steps: tuple[StepResult, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["lesson"] = field(default="lesson", repr=False)


Answer = (
    GradientAnswer
    | UnitsAnswer
    | SurveyAnswer
    | FlowAnswer
    | PerturbationAnswer
    | JacobianAnswer
    | SpectrumAnswer
    | LessonAnswer
    | DiagnosisAnswer
    | ProofAnswer
    | OutputAnswer
)


def _by_site(arrays: Arrays, prefix: str) -> dict[Site, np.ndarray]:
    return {Site.parse(name.removeprefix(prefix)): a for name, a in arrays.items() if name.startswith(prefix)}
