"""What a question is about: the values of a forward pass, and the scalars that are differentiated. Frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.heads import USUAL_HEAD, WHOLE_MAP, Head, Reduce, Region

# --------------------------------------------------------------------------------------------------------------- sites

_SITE_TEXT = re.compile(r"(?P<path>.*?)(?::(?P<call>\d{1,6}))?(?:\[(?P<item>[^\[\]]+)\])?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """One value that a forward pass really produced.

    It is the output of the module at ``path`` when that module ran for the ``call``-th time (0 is the first). A module
    that runs twice has two sites; one that never runs has none. Where the output is a tuple or a dictionary, ``item``
    names the element. The gradient at a site counts every use of that value, wherever it is used.

    The empty path is the model itself. The model's ``i``-th input is ``Site(".input", i)``: no module path starts with
    a dot, so it can never be mistaken for a module.
    """

    path: str
    call: int = 0
    item: str = ""

    def __str__(self) -> str:
        """The site as text, as written in addresses: ``layer2.0.relu:1`` is the second call of ``layer2.0.relu``."""
        path = self.path or ".output"
        call = f":{self.call}" if self.call else ""
        item = f"[{self.item}]" if self.item else ""
        return f"{path}{call}{item}"

    @staticmethod
    def parse(text: str) -> Site:
        """The site that ``str`` wrote. Every text names some site; whether it ran is for the survey to say."""
        match = _SITE_TEXT.fullmatch(text)
        assert match is not None  # the pattern accepts every text
        path = "" if match["path"] == ".output" else match["path"]
        return Site(path, int(match["call"] or 0), match["item"] or "")


INPUT = Site(".input")
"""The model's (first) input: the normalised image."""

OUTPUT = Site("")
"""What the model returns."""

Layout = Literal["maps", "maps_last", "sequence", "tokens", "volumes", "volumes_last", "vector", "other"]
"""Where the channel axis of a site lies: ``maps`` (1, C, H, W), ``maps_last`` (1, H, W, C), ``sequence`` (1, C, L),
``tokens`` (1, T, F), ``volumes`` (1, C, D, H, W), ``volumes_last`` (1, D, H, W, C), ``vector`` (1, K), ``other`` for
anything else."""


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the survey of one forward pass says of a site."""

    site: Site
    kind: str
    """Class name of the module, such as ``ReLU``; ``input`` for the input."""
    shape: tuple[int, ...]
    dtype: str
    layout: Layout
    """Where its channels lie, as the operations of the forward pass tell; else as the shape suggests."""
    calls: int = 1
    """How often the module ran in this forward pass."""
    differentiable: bool = True
    """False where the value is an integer, or was computed where no gradient is recorded."""
    same_as: Site | None = None
    """The earlier site with the very same value: a container that ends in it, or a layer that does nothing in
    evaluation mode, such as dropout."""
    source: str = ""
    """The author's line that computed it, as ``model.py:41  return self.fc(x)``, where an uploaded file tells."""
    axis: int | None = None
    """The axis that counts channels, the batch axis counted; None is the one that the layout names."""
    layout_known: bool = True
    """Whether the operations of the forward pass tell which axis counts channels; else it is a guess."""


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A parameter of a model, by the name it has in ``named_parameters``."""

    name: str
    shape: tuple[int, ...]


# ------------------------------------------------------------------------------------------------------------- targets

ScoreScale = Literal["logit", "log_probability", "probability"]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Score of one class or label: its logit, log-probability or probability; ``logit`` is the number itself where the
    output is of another kind. ``index=None`` is the predicted class, which the answer then names.

    ``against`` takes the score against the class: the number with its sign turned, 1 - p, or log(1 - p).

    Plain numbers have no probability. Where an output of one number is only guessed to be a plain number, to ask for
    its probability is to say that it is a logit of a sigmoid.
    """

    index: int | None = None
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    against: bool = False
    kind: Literal["class"] = field(default="class", repr=False)


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """Number of ``index`` minus number of ``other``, which are logits in most models; ``index=None`` is the predicted
    class."""

    index: int | None
    other: int
    head: Head = USUAL_HEAD
    kind: Literal["difference"] = field(default="difference", repr=False)


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Cross-entropy loss, in nats, for the given label: minus its log-probability.

    Of many labels with a sigmoid each it is the loss of that one label being true, -log σ(z). An output of one logit or
    probability is that of the positive class, label 1; label 0 is the negative one, -log(1 - p).
    """

    label: int
    head: Head = USUAL_HEAD
    kind: Literal["loss"] = field(default="loss", repr=False)


@dataclass(frozen=True, slots=True)
class RegionScore:
    """Mean or sum of the score of one class over a region of a map of scores, (1, K, H, W), as segmentation networks
    return it. ``index=None`` is the class that is predicted at most positions of the region."""

    index: int | None = None
    region: Region = WHOLE_MAP
    reduce: Reduce = "mean"
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    kind: Literal["region"] = field(default="region", repr=False)


@dataclass(frozen=True, slots=True)
class BoxScore:
    """Score of one class at one box of a detector, or over all of its boxes; the output is (1, skip + K, N) or
    (1, N, skip + K), the longer of the two axes counting the boxes unless ``boxes_last`` says.

    ``box=None`` takes all boxes. ``index=None`` is the class with the largest score there.
    """

    index: int | None = None
    box: int | None = None
    skip: int = 4
    """Numbers of each box that stand before its classes: 4 for its place and size, 5 with an objectness."""
    boxes_last: bool | None = None
    reduce: Reduce = "mean"
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    kind: Literal["box"] = field(default="box", repr=False)


@dataclass(frozen=True, slots=True)
class Term:
    """One number of a value, ``value[index]`` with all axes, the batch axis too, and its weight."""

    index: tuple[int, ...]
    weight: float = 1.0

    def __post_init__(self) -> None:
        """1 and 1.0 are one weight, and so are 0.0 and -0.0."""
        object.__setattr__(self, "weight", float(self.weight) or 0.0)


@dataclass(frozen=True, slots=True)
class Combination:
    """Σ weight · value[index] over the terms: any number of what a model returns, or of a site inside, or any linear
    combination of such numbers."""

    terms: tuple[Term, ...]
    site: Site = OUTPUT
    kind: Literal["combination"] = field(default="combination", repr=False)


@dataclass(frozen=True, slots=True)
class Unit:
    """One number of a site's value: ``value[0][index]``. For maps the index is (channel, row, column), for tokens
    (token, feature), for a vector (feature,)."""

    site: Site
    index: tuple[int, ...]
    kind: Literal["unit"] = field(default="unit", repr=False)


@dataclass(frozen=True, slots=True)
class ChannelMean:
    """Mean of one channel of a site over all its places. ``axis`` is the axis of the site that counts channels, the
    batch axis counted; None is the one that the forward pass tells."""

    site: Site
    channel: int
    axis: int | None = None
    kind: Literal["channel"] = field(default="channel", repr=False)


@dataclass(frozen=True, slots=True)
class SiteSum:
    """Sum of everything a site holds."""

    site: Site
    kind: Literal["sum"] = field(default="sum", repr=False)


Target = (
    ClassScore | ClassDifference | CrossEntropy | RegionScore | BoxScore | Combination | Unit | ChannelMean | SiteSum
)
"""The scalar to differentiate."""
