"""What a lesson says before it runs, and its results. Immutable values; nothing here computes.

All numbers of a result are in one mapping of numpy arrays by name, as in answers; the rest is text, so a result can go
over the wire as JSON and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradviz_core.types.controls import Control

# ---------------------------------------------------------------------------------------------------- before it has run


@dataclass(frozen=True, slots=True)
class StepCard:
    """What is known of a step before the lesson runs."""

    key: str
    """What it is called in addresses: the name of its function, or of the choice that decides which function it is."""
    title: str
    """What it is about, without what comes out."""
    controls: tuple[str, ...]
    """Names of the controls that its code takes."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A question about the lesson with some controls changed, to answer before it runs that way."""

    title: str
    question: str
    answers: tuple[str, ...]
    right: int
    """Index of the correct one among ``answers``."""
    why: str
    moved: tuple[tuple[str, float | str], ...]
    """The controls that differ from their defaults."""
    step: str
    """The step whose results then show the answer."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a page can draw before anything has run."""

    key: str
    title: str
    before: str
    """A few sentences to read first."""
    controls: tuple[Control, ...]
    steps: tuple[StepCard, ...]
    prediction: Prediction


# ------------------------------------------------------------------------------------------------------ what came out

OutputKind = Literal["array", "number", "time", "text", "none", "error", "warning", "module"]


@dataclass(frozen=True, slots=True)
class Output:
    """One named result of a step.

    ``array`` and ``number`` have their values in the result's arrays under ``LessonResult.name_of``; so has ``time``,
    in milliseconds, which is another each time. ``error`` and ``warning`` are PyTorch's own words.
    """

    name: str
    kind: OutputKind
    text: str
    """What Python prints for it, or its shape and type where that would be long."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence about the results, with its numbers, and whether they bear it out."""

    sentence: str
    holds: bool


NodeKind = Literal["leaf", "operation", "result", "no_gradient", "more"]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node of a computation graph.

    A ``leaf`` is a tensor whose gradient can be kept; ``no_gradient`` is an argument that has none, such as a constant
    or a detached value; ``more`` stands for nodes that were left out.
    """

    label: str
    shape: str
    kind: NodeKind
    role: str = ""
    """What an argument without a gradient is to the operation that takes it, such as ``input`` or ``second
    argument``."""


@dataclass(frozen=True, slots=True)
class Graph:
    """How a result was computed, as PyTorch recorded it. Edges are pairs of node numbers, in the direction of the
    forward pass; the gradient runs against it."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What PyTorch recorded of one result of a step."""

    name: str
    when: str
    """``before the repair`` or ``after the repair``; empty where nothing is repaired."""
    graph: Graph | None
    """None where nothing was recorded."""


PictureKind = Literal["heatmap", "bars", "lines", "tiles"]


@dataclass(frozen=True, slots=True)
class Picture:
    """What to draw of a step, without drawing it.

    ``heatmap`` draws one array (H, W); ``tiles`` one array (1, C, H, W); both are signed. ``bars`` draws arrays (K,)
    beside each other, NaN as a gap; ``lines`` draws arrays (K,) over the first of them, which is the horizontal axis.
    """

    kind: PictureKind
    arrays: tuple[str, ...]
    """Names of outputs of the same step."""
    title: str
    caption: str
    unit: str
    labels: tuple[str, ...] = ()
    """Of each set of bars, or of each line; empty for pictures."""
    across: str = ""
    """What the horizontal axis counts."""
    down: str = ""
    """What the rows of a heatmap count."""
    ticks: tuple[str, ...] = ()
    """Names of the single bars; empty counts them from 0."""
    pale: tuple[str, ...] = ()
    """Those of ``arrays`` that are there to compare with: their bars are drawn pale."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a step, to answer before its results are shown."""

    text: str
    answers: tuple[str, ...]
    right: int
    """Index of the correct one among ``answers``, found from the results."""
    why: str = ""
    told: bool = False
    """Whether the sentence of the step tells the answer: then it is shown with the results."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step that ran: what it is about, the code that ran, and what came of it."""

    key: str
    """As on its card."""
    name: str
    """The name of its function."""
    asked: Asked
    sentence: str
    source: str
    """Text of the very function that ran; it needs no more than ``imports`` above it."""
    imports: str
    """Those that the function uses, and no others."""
    call: str
    """The expression that ran it; on several lines where one would be long."""
    outputs: tuple[Output, ...]
    claims: tuple[Claim, ...]
    graphs: tuple[Recorded, ...]
    pictures: tuple[Picture, ...]

    @property
    def program(self) -> str:
        """A file that runs the function by itself and prints what it returns, each value by its name."""
        return f"{self.imports}\n\n\n{self.below_imports}"

    @property
    def below_imports(self) -> str:
        """The program without its imports."""
        printing = 'for name, value in results.items():\n    print(name, "=", value)'
        return f"{self.source.rstrip()}\n\n\nresults = {self.call}\n{printing}\n"


@dataclass(frozen=True, slots=True)
class LessonResult:
    """A lesson that ran."""

    lesson: str
    choices: tuple[tuple[str, float | str], ...]
    """What every control stood at, in their order."""
    steps: tuple[StepResult, ...]
    arrays: Mapping[str, np.ndarray]

    @staticmethod
    def name_of(step: str, output: str) -> str:
        """The name that an output of a step has among ``arrays``."""
        return f"{step}/{output}"

    def array(self, step: str, output: str) -> np.ndarray:
        """The values of one output."""
        return self.arrays[self.name_of(step, output)]
