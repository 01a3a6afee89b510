"""The doctor's findings about a model, and the measurements behind them. Immutable values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Cause = Literal[
    "detach",
    "no_grad",
    "no_create_graph",
    "no_way_back",
    "hook",
    "zero_factor",
    "flat_loss",
    "cancels",
    "integer",
    "non_differentiable",
    "zero_derivative",
    "rewrapped",
    "in_place_leaf",
    "in_place_needed",
    "frozen",
    "no_leaf",
    "unregistered",
    "unused",
    "dead",
    "saturated",
    "not_finite",
    "vanishing",
    "exploding",
]

Level = Literal["broken", "partial", "note"]
"""``broken``: a gradient is missing, zero or not finite, or PyTorch refuses; ``partial``: one path of several is cut,
or a gradient is much too small or large; ``note``: nothing is wrong if it is intended."""

Gradient = Literal["none", "zero", "finite", "not_finite"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    cause: Cause
    level: Level
    where: str
    """The module, in words."""
    file: str
    """Name of the author's file, without its folder; empty where no line is known."""
    line: int
    text: str
    """The author's line."""
    lost: tuple[str, ...]
    """Parameters and inputs that get no gradient, or a useless one, because of this."""
    weakened: tuple[str, ...]
    """Those that lose one of several paths."""
    sentence: str
    repair: str
    """The fix, as code."""

    @property
    def at(self) -> str:
        """``model.py:41``; the module where no line is known."""
        return f"{self.file}:{self.line}" if self.line else self.where


@dataclass(frozen=True, slots=True)
class LeafReport:
    """What came back to a parameter or an input."""

    name: str
    shape: tuple[int, ...]
    trains: bool
    """Whether it requires a gradient."""
    gradient: Gradient
    norm: float
    """2-norm of its gradient, in the loss's unit per unit of the value; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """How many units of an activation function let no gradient through."""

    where: str
    function: str
    call: int
    """Which call of this function at that line, from 0."""
    calls: int
    """How often it is called there."""
    file: str
    line: int
    units: int
    """Channels or features for a rectifier; single numbers for a sigmoid or tanh."""
    share: float
    """0 to 1: share of units that are zero for the whole batch at every position (ReLU), or of values whose derivative
    is under 1/1000 (sigmoid, tanh)."""
    places: int
    """How many values of each unit were examined; a unit that is zero at one position need not be dead."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, in order of execution."""

    findings: tuple[Finding, ...]
    leaves: tuple[LeafReport, ...]
    """Inputs first, then parameters in order of first use; those never used last."""
    layers: tuple[LayerReport, ...]
    loss: float
    operations: int
    """How many operations ran."""

    @property
    def without(self) -> tuple[str, ...]:
        """Parameters and inputs that require a gradient and get none, one of zero, or one that is not finite."""
        return tuple(leaf.name for leaf in self.leaves if leaf.trains and leaf.gradient != "finite")

    @property
    def leaves_in_words(self) -> str:
        """How many inputs and parameters there are; one alone is an input."""
        return "1 input" if len(self.leaves) == 1 else f"{len(self.leaves)} inputs and parameters"

    def __str__(self) -> str:
        """The findings as text, for a notebook."""
        seen = f"{counted(self.operations, 'operation')}, {self.leaves_in_words}"
        if not self.findings and self.without:
            return f"No reason was found, but {len(self.without)} get no useful gradient ({self.without[0]}): {seen}."
        if not self.findings:
            return f"Nothing is wrong: {seen}."
        return "\n\n".join(_as_text(number, finding) for number, finding in enumerate(self.findings, 1))


def counted(count: int, what: str) -> str:
    """``1 operation``, ``2 operations``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _as_text(number: int, finding: Finding) -> str:
    head = f"{number}. {finding.cause} ({finding.level}), {finding.where}"
    line = f"   {finding.at}  {finding.text}\n" if finding.line else ""
    repair = "\n".join(f"       {part}" for part in finding.repair.splitlines())
    return f"{head}\n{line}   {finding.sentence}\n   Repair:\n{repair}"


@dataclass(frozen=True, slots=True)
class Step:
    """One central difference."""

    h: float
    """Size of the step, relative to the root mean square of the value."""
    difference: float
    """(f(v + h d) - f(v - h d)) / 2h, in the target's unit."""
    error: float
    """How far it is from the derivative, relative to the larger of the two."""
    noise: float
    """About how much of the difference rounding in float64 alone can make, in the target's unit."""
    bend: float = 0.0
    """(f(v + h d) + f(v - h d) - 2 f(v)) / h, in the target's unit: how much the one-sided slopes differ."""


@dataclass(frozen=True, slots=True)
class DirectionProof:
    """The derivative along one direction, by automatic differentiation and by finite differences."""

    site: str
    """As ``str(Site)`` writes it."""
    derivative: float
    """⟨gradient, d⟩."""
    steps: tuple[Step, ...]
    """From the largest to the smallest."""
    rounded: str = ""
    """The narrowest type that values are rounded to on the way, such as float32; empty where all stays float64."""
    precision: str = "float64"
    """The type of the module's own gradient at this site."""
    own: float = 0.0
    """How far that gradient is from the one in float64: the L2 norm of what is between them, relative to the larger of
    the two."""

    def noise(self, step: Step) -> float:
        """Noise of a step relative to the larger of derivative and difference, as its error is; infinite where both
        are zero, or where the difference is not finite."""
        if not math.isfinite(step.difference):
            return math.inf
        larger = max(abs(self.derivative), abs(step.difference))
        return step.noise / larger if larger else math.inf

    @property
    def best(self) -> Step:
        """The step that says most: the one with the least sum of error and noise, which bounds the true error."""
        return min(self.steps, key=lambda step: step.error + self.noise(step))


Outcome = Literal["agrees", "apart", "at a kink", "kinks", "rounding", "too small"]
"""The result of a check. ``at a kink``: the value lies on a kink, so the one-sided slopes differ; ``kinks``: the two
derivatives come closer as the step shrinks, but do not meet; ``rounding``: the gradient in float64 agrees, but the
module's own gradient differs; ``too small``: rounding hides whether they meet."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """Values that rounding to the module's own precision puts on another side of a kink than they lie on in float64."""

    count: int = 0
    among: int = 0
    """How many values there are at kinks in all; 0 where nothing was counted."""
    functions: tuple[str, ...] = ()
    """What has these kinks: ``ReLU6``."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A check of gradients against finite differences, in float64."""

    directions: tuple[DirectionProof, ...]
    score: float
    verdict: str
    outcome: Outcome
    crossed: Crossed = Crossed()
    """Counted where the module's own gradient is not that of float64 to five digits."""

    @property
    def agrees(self) -> bool:
        """Whether the two derivatives agree in every direction."""
        return self.outcome == "agrees"
