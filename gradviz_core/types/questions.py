"""What can be asked. Each question is a frozen value of names and numbers, and is its own cache key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.diagnoses import DiagnosisQuestion, ProofQuestion
from gradviz_core.types.jacobian_question import JacobianQuestion, SpectrumQuestion
from gradviz_core.types.lesson_cards import LessonQuestion
from gradviz_core.types.output_question import OutputQuestion
from gradviz_core.types.outputs import Head
from gradviz_core.types.subjects import INPUT, ClassScore, Site, Target

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
