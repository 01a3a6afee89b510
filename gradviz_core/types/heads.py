"""What a model returns, and what its values mean. Immutable values; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OutputKind = Literal["softmax_logits", "sigmoid_logits", "probabilities", "log_probabilities", "numbers"]
"""What the values of an output are: logits z of a softmax over the classes, p = softmax(z); logits z of one sigmoid for
each label, p = σ(z); probabilities p already; log-probabilities log p; or plain numbers, such as the result of a
regression or an embedding."""

ScoreScale = Literal["logit", "log_probability", "probability"]
"""What is read of one class: the number itself, log p or p."""

KnownFrom = Literal["person", "recipe", "card", "graph", "guess"]
"""How the kind of an output is known: from the question, from the recipe of an upload, from the card of a model that
comes with GradViz or torchvision, from the last operation of the forward pass, or guessed from its shape and values."""


@dataclass(frozen=True, slots=True)
class Head:
    """Which output of a model a score is read from, and what its values mean."""

    item: str | None = None
    """Where it lies in what the model returns, as in ``Site.item``: empty for a plain tensor. None is the only output
    that fits, or, of several, the one named ``logits``, else the first."""
    row: int | None = None
    """Which row of an output of shape (rows, classes). None is the only row; of several rows, one must be named."""
    reading: OutputKind | None = None
    """None is what the recipe, the card, the graph or else the shape says; the answer's target has it filled in."""


USUAL_HEAD = Head()

HeadForm = Literal["row", "map", "boxes", "other"]
"""``row`` is (1, K), (K,) or (), or (R, K), R rows of which one is chosen; ``map`` is (1, K, H, W), one score of each
class at each position; ``boxes`` is (1, 4 + K, N) or (1, N, 4 + K), the values of N boxes, as far as a shape can tell;
``other`` is anything else."""


@dataclass(frozen=True, slots=True)
class HeadInfo:
    """One tensor of real numbers that a model returned."""

    item: str
    shape: tuple[int, ...]
    form: HeadForm
    reading: OutputKind
    known_from: KnownFrom
    classes: int
    """How many classes, labels or values a score can be chosen from; 0 for ``other``."""
    independent: bool = False
    """For a row: whether its values are between 0 and 1 and do not add up to 1. If they are probabilities, they are
    those of independent labels."""


# ------------------------------------------------------------------------------------------- where on a map of scores


@dataclass(frozen=True, slots=True)
class Position:
    """One position of a map."""

    row: int
    column: int
    kind: Literal["position"] = field(default="position", repr=False)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Rows and columns of a map, each from the first to the last, both included."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    kind: Literal["rectangle"] = field(default="rectangle", repr=False)


@dataclass(frozen=True, slots=True)
class PredictedMask:
    """The positions where the class has the largest score; for a single label, where its probability is above 0.5."""

    kind: Literal["mask"] = field(default="mask", repr=False)


@dataclass(frozen=True, slots=True)
class WholeMap:
    """Every position."""

    kind: Literal["whole"] = field(default="whole", repr=False)


WHOLE_MAP = WholeMap()
Region = WholeMap | Position | Rectangle | PredictedMask
Reduce = Literal["mean", "sum"]
