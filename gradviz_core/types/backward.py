"""The backward pass, one step at a time: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target

Break = Literal["", "detach", "freeze", "dead", "in_place"]
"""What is broken on purpose at one step: nothing; its input is detached; its parameters are frozen; its input is
shifted below zero (a rectifier dies); a value that its derivative needs is overwritten in place."""

GATE = "gradviz_gate"
"""The name within a layer of the parts that keep what goes into it; a value between layers is named by them."""

Rule = Literal[
    "convolution",
    "linear",
    "scale",
    "relu",
    "relu6",
    "max_pool",
    "mean",
    "same",
    "sum",
    "normalise",
    "pointwise",
    "attention",
    "joined",
    "product",
    "moved",
    "other",
]
"""The kind of local derivative that a step has: see ``drawing/backward_words.py`` for each in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardQuestion(AboutAModel["BackwardAnswer"]):
    """How does the gradient of ``target`` come to be, step by step from the score back to the image?

    Without ``step`` every step is answered, each at the number of its input whose gradient is largest. With it only
    that step, at the number ``index`` of its input, without the batch axis; () is the largest.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    step: int | None = None
    index: tuple[int, ...] = ()
    broken: Break = ""
    broken_at: Site = INPUT
    """The output of the step that is broken."""
    seed: int = 0
    kind: Literal["backward"] = field(default="backward", repr=False)


@dataclass(frozen=True, slots=True)
class LocalTerm:
    """One product of the sum that the gradient at one number of a step's input is."""

    index: tuple[int, ...]
    """The number of the step's output that it comes from, without the batch axis."""
    gradient: float
    """∂score/∂output at that number."""
    factor: float
    """∂output/∂input: how that number of the output changes with the number of the input."""
    name: str
    """What the factor is, such as ``w[3, 0, 1, 2]``; empty where it has no name of its own."""

    @property
    def product(self) -> float:
        """Gradient times factor."""
        return self.gradient * self.factor


@dataclass(frozen=True, slots=True)
class LocalSum:
    """The gradient at one number of a step's input, as a sum over the numbers of its output."""

    index: tuple[int, ...]
    """The number of the input, without the batch axis."""
    value: float
    """What the input holds there."""
    gradient: float
    """Σ of all terms: what comes to it through this step, as automatic differentiation gives it."""
    total: float
    """∂score/∂input at that number, with what comes by other ways; the same where there are none."""
    terms: tuple[LocalTerm, ...]
    """The largest in magnitude, largest first."""
    others: int
    """How many more there are that are not zero."""
    rest: float
    """Their sum."""


@dataclass(frozen=True, slots=True)
class BackwardStep:
    """One step of the pass: a layer that computes its output from its input, or values added or moved in between."""

    name: str
    """In words, such as ``layer1.0.relu, second call``."""
    kind: str
    """Class name of the module, or the operations between modules."""
    rule: Rule
    site: Site
    """Its output."""
    into: Site
    """Its input, as the site that the value comes from."""
    also: tuple[Site, ...]
    """Where other inputs come from: the other summands of a sum."""
    shape: tuple[int, ...]
    """That of its output."""
    shape_in: tuple[int, ...]
    norm: float
    """L2 norm of the gradient at its output; NaN where none arrives."""
    norm_in: float
    """L2 norm of the gradient that it passes to its input; NaN where none does."""
    elsewhere: bool
    """Whether its input is used by other steps too, so that more gradient comes to it than through this one."""
    facts: tuple[str, ...]
    """Sizes of the layer, such as ``kernel 3×3``."""
    layer: bool
    """Whether a layer computes it; else it is computed between layers."""
    parameters: int
    """How many parameters it has."""
    detail: LocalSum | None
    """The terms at one number; None where ``why`` says why not."""
    why: str
    channel: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """Which plane of its output and which of its input is drawn: the indices before the last two axes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackwardAnswer(Answer):
    """Answer to a ``BackwardQuestion``.

    ``steps`` stand in order of execution. For each step i that was asked for, ``arrays`` holds planes, (H, W):
    ``incoming/i``, the gradient at its output in the channel of the largest term; ``outgoing/i``, the gradient that the
    step passes to its input in the channel of the number; ``output/i`` and ``input/i``, the values there. A plane of
    maps is one channel, of tokens all of them (T, F), of a vector one row. Planes without a gradient are left out.
    """

    question: BackwardQuestion
    target: Target
    """The question's target, with the predicted class of the model as it is filled in."""
    score: float
    """Its value; with something broken, in the broken pass."""
    steps: tuple[BackwardStep, ...]
    refused: str
    """What PyTorch raises where the broken pass has no gradient at all; else empty."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["backward"] = field(default="backward", repr=False)
