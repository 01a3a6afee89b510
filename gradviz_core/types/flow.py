"""How large values and gradients are at every site: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import ParameterInfo, SiteInfo
from gradviz_core.types.targets import ClassScore, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowQuestion(AboutAModel["FlowAnswer"]):
    """How large are the activation and the gradient of ``target`` at every site, in order of execution? With
    ``parameters`` also the gradient of every parameter, at about twice the cost."""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    parameters: bool = False
    seed: int = 0
    kind: Literal["flow"] = field(default="flow", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowAnswer(Answer):
    """Answer to a ``FlowQuestion``.

    ``arrays`` holds ``activation_norm`` and ``gradient_norm``, one L2 norm for each of ``sites``: infinite where a
    value or gradient contains NaN or infinity, NaN where no gradient reaches the site or it holds integers; and
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
