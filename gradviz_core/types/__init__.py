"""The nouns of GradViz: what a question, a target, a site and an answer are.

Everything here is a frozen value made of names, numbers and numpy arrays. Nothing here computes, so the whole project
may import this file; it imports nothing but the standard library and numpy. ``cards.py``, ``subjects.py``,
``lesson_cards.py`` and ``diagnoses.py`` hold more of them; what questions and answers need can be imported from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from gradviz_core.types.blocks import Blocks as Blocks
from gradviz_core.types.cards import Accuracy as Accuracy
from gradviz_core.types.cards import ImageCard as ImageCard
from gradviz_core.types.cards import ImageFile as ImageFile
from gradviz_core.types.cards import ModelCard as ModelCard
from gradviz_core.types.cards import Preprocessing as Preprocessing
from gradviz_core.types.diagnoses import DiagnosisAnswer as DiagnosisAnswer
from gradviz_core.types.diagnoses import DiagnosisQuestion as DiagnosisQuestion
from gradviz_core.types.diagnoses import ProofAnswer as ProofAnswer
from gradviz_core.types.diagnoses import ProofQuestion as ProofQuestion
from gradviz_core.types.jacobian_question import MOST_ENTRIES as MOST_ENTRIES
from gradviz_core.types.jacobian_question import MOST_PASSES as MOST_PASSES
from gradviz_core.types.jacobian_question import MOST_STEPS as MOST_STEPS
from gradviz_core.types.jacobian_question import JacobianAnswer as JacobianAnswer
from gradviz_core.types.jacobian_question import JacobianQuestion as JacobianQuestion
from gradviz_core.types.jacobian_question import SpectrumAnswer as SpectrumAnswer
from gradviz_core.types.jacobian_question import SpectrumQuestion as SpectrumQuestion
from gradviz_core.types.lesson_cards import LessonQuestion as LessonQuestion
from gradviz_core.types.lesson_cards import StepResult as StepResult
from gradviz_core.types.output_question import OutputAnswer as OutputAnswer
from gradviz_core.types.output_question import OutputQuestion as OutputQuestion
from gradviz_core.types.outputs import Head as Head
from gradviz_core.types.outputs import HeadInfo as HeadInfo
from gradviz_core.types.outputs import OutputKind as OutputKind
from gradviz_core.types.outputs import Position as Position
from gradviz_core.types.outputs import PredictedMask as PredictedMask
from gradviz_core.types.outputs import Rectangle as Rectangle
from gradviz_core.types.outputs import Region as Region
from gradviz_core.types.outputs import WholeMap as WholeMap
from gradviz_core.types.receipts import ClassProbability as ClassProbability
from gradviz_core.types.receipts import Receipt as Receipt
from gradviz_core.types.subjects import INPUT as INPUT
from gradviz_core.types.subjects import OUTPUT as OUTPUT
from gradviz_core.types.subjects import BoxScore as BoxScore
from gradviz_core.types.subjects import ChannelMean as ChannelMean
from gradviz_core.types.subjects import ClassDifference as ClassDifference
from gradviz_core.types.subjects import ClassScore as ClassScore
from gradviz_core.types.subjects import Combination as Combination
from gradviz_core.types.subjects import CrossEntropy as CrossEntropy
from gradviz_core.types.subjects import Layout as Layout
from gradviz_core.types.subjects import ParameterInfo as ParameterInfo
from gradviz_core.types.subjects import RegionScore as RegionScore
from gradviz_core.types.subjects import ScoreScale as ScoreScale
from gradviz_core.types.subjects import Site as Site
from gradviz_core.types.subjects import SiteInfo as SiteInfo
from gradviz_core.types.subjects import SiteSum as SiteSum
from gradviz_core.types.subjects import Target as Target
from gradviz_core.types.subjects import Term as Term
from gradviz_core.types.subjects import Unit as Unit

FloatArray = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
"""Raw pixels, shape (height, width, 3), red-green-blue, 0 to 255."""

# ----------------------------------------------------------------------------------------------------------- questions

MethodName = Literal["gradient", "gradient_x_input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientQuestion:
    """How does ``target`` change with each number at the sites ``wrt``, and what does ``method`` make of that?

    Like every question about a model it has a ``seed``, where the random numbers begin that the model draws; to one
    that draws none it means nothing.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    wrt: tuple[Site, ...] = (INPUT,)
    method: MethodName = "gradient"
    seed: int = 0
    kind: Literal["gradient"] = field(default="gradient", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsQuestion:
    """Which ``count`` channels are most active at one place of a site, and how does each change with the input?

    ``place`` is (row, column) for maps, (token,) for tokens, (position,) for a sequence, (slice, row, column) for
    volumes and () for a vector. ``axis`` counts the site's channels, the batch axis being 0; None is the one that the
    forward pass tells.
    """

    model: str
    image: str
    site: Site
    place: tuple[int, ...]
    count: int = 6
    axis: int | None = None
    seed: int = 0
    kind: Literal["units"] = field(default="units", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyQuestion:
    """Which values does the forward pass of this model on this image produce, in order of execution, and what does it
    predict at ``head``?"""

    model: str
    image: str
    head: Head = field(default_factory=Head)
    seed: int = 0
    kind: Literal["survey"] = field(default="survey", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowQuestion:
    """How large are the activation and the gradient of ``target`` at every site, in order of execution? With
    ``parameters`` also the gradient of every parameter, at about twice the cost."""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    parameters: bool = False
    seed: int = 0
    kind: Literal["flow"] = field(default="flow", repr=False)


Norm = Literal["max", "l2"]
"""How the size of a change of the picture is told, in levels 0 to 255: the largest change of any number, or the root of
the squares of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerturbationQuestion:
    """What becomes of ``target`` when the picture is changed a little along its gradient, or, ``away``, against it?

    The change has at most the size ``epsilon`` in ``norm``, in levels of the picture (0 to 255), and is made in
    ``steps`` steps of size ``epsilon / steps``, each along the gradient where the one before ended.
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


AboutAModel = (
    GradientQuestion
    | UnitsQuestion
    | SurveyQuestion
    | FlowQuestion
    | PerturbationQuestion
    | JacobianQuestion
    | SpectrumQuestion
    | DiagnosisQuestion
    | ProofQuestion
    | OutputQuestion
)
"""Questions that name a model, an image and a seed."""
Question = AboutAModel | LessonQuestion

# ------------------------------------------------------------------------------------------------------------- answers

Arrays = Mapping[str, np.ndarray]


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


# -------------------------------------------------------------------------------------------------------------- fields


@dataclass(frozen=True, slots=True)
class Field:
    """A 2-D array ready to draw."""

    values: FloatArray
    """Shape (height, width); NaN is drawn as a gap."""
    signed: bool
    """Signed fields are drawn with a diverging map, symmetric round zero; others from zero up."""
    unit: str
    limit: float
    """The colour scale runs from -limit (or 0) to +limit."""
    clipped: float = 0.0
    """Share of the values whose size is beyond the limit."""
    blocks: Blocks | None = None
    """What each cell stands for, where there are fewer cells than places; limit and share are those of all places."""
