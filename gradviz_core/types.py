"""The nouns of GradViz: what a question, a target, a site and an answer are.

Everything here is a frozen value made of names, numbers and numpy arrays. Nothing here computes, so the whole project
may import this file; it imports nothing but the standard library and numpy. What is known of models and images is in
``cards.py``, and can be imported from here as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from gradviz_core.cards import Accuracy as Accuracy
from gradviz_core.cards import ImageCard as ImageCard
from gradviz_core.cards import ModelCard as ModelCard
from gradviz_core.cards import Preprocessing as Preprocessing

FloatArray = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
"""Raw pixels, shape (height, width, 3), red-green-blue, 0 to 255."""

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

Layout = Literal["maps", "maps_last", "tokens", "vector", "other"]
"""Where the channel axis of a site lies: ``maps`` (1, C, H, W), ``maps_last`` (1, H, W, C), ``tokens`` (1, T, F),
``vector`` (1, K), ``other`` for anything else, channels first."""


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the survey of one forward pass says of a site."""

    site: Site
    kind: str
    """Class name of the module, such as ``ReLU``; ``input`` for the input."""
    shape: tuple[int, ...]
    dtype: str
    layout: Layout
    calls: int = 1
    """How often the module ran in this forward pass."""
    differentiable: bool = True
    """False where the value is an integer, or was computed where no gradient is recorded."""
    same_as: Site | None = None
    """The earlier site with the very same value: a container that ends in it, or a layer that does nothing in
    evaluation mode, such as dropout."""
    source: str = ""
    """The author's line that computed it, as ``model.py:41  return self.fc(x)``, where an uploaded file tells."""


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A parameter of a model, by the name it has in ``named_parameters``."""

    name: str
    shape: tuple[int, ...]


# ------------------------------------------------------------------------------------------------------------- targets

ScoreScale = Literal["logit", "log_probability", "probability"]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Score of one class: its logit, log-probability or probability. ``index=None`` is the predicted class, which the
    answer then names."""

    index: int | None = None
    scale: ScoreScale = "logit"
    kind: Literal["class"] = field(default="class", repr=False)


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """Logit of ``index`` minus logit of ``other``; ``index=None`` is the predicted class."""

    index: int | None
    other: int
    kind: Literal["difference"] = field(default="difference", repr=False)


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Cross-entropy loss, in nats, for the given label: minus its log-probability."""

    label: int
    kind: Literal["loss"] = field(default="loss", repr=False)


@dataclass(frozen=True, slots=True)
class Unit:
    """One number of a site's value: ``value[0][index]``. For maps the index is (channel, row, column), for tokens
    (token, feature), for a vector (feature,)."""

    site: Site
    index: tuple[int, ...]
    kind: Literal["unit"] = field(default="unit", repr=False)


@dataclass(frozen=True, slots=True)
class ChannelMean:
    """Mean of one channel of a site over all its places."""

    site: Site
    channel: int
    kind: Literal["channel"] = field(default="channel", repr=False)


@dataclass(frozen=True, slots=True)
class SiteSum:
    """Sum of everything a site holds."""

    site: Site
    kind: Literal["sum"] = field(default="sum", repr=False)


Target = ClassScore | ClassDifference | CrossEntropy | Unit | ChannelMean | SiteSum
"""The scalar to differentiate."""

# ----------------------------------------------------------------------------------------------------------- questions

MethodName = Literal["gradient", "gradient_x_input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientQuestion:
    """How does ``target`` change with each number at the sites ``wrt``?"""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    wrt: tuple[Site, ...] = (INPUT,)
    method: MethodName = "gradient"
    kind: Literal["gradient"] = field(default="gradient", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsQuestion:
    """Which ``count`` channels are most active at one place of a site, and how does each change with the input?

    ``place`` is (row, column) for maps, (token,) for tokens and () for a vector.
    """

    model: str
    image: str
    site: Site
    place: tuple[int, ...]
    count: int = 6
    kind: Literal["units"] = field(default="units", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyQuestion:
    """Which values does the forward pass of this model on this image produce, in order of execution?"""

    model: str
    image: str
    kind: Literal["survey"] = field(default="survey", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowQuestion:
    """How large are the activation and the gradient of ``target`` at every site, in order of execution? With
    ``parameters`` also the gradient of every parameter, at about twice the cost."""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    parameters: bool = False
    kind: Literal["flow"] = field(default="flow", repr=False)


Question = GradientQuestion | UnitsQuestion | SurveyQuestion | FlowQuestion

# ------------------------------------------------------------------------------------------------------------- answers


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """One row of the prediction."""

    index: int
    label: str
    logit: float
    probability: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where and how an answer was computed."""

    device: str
    versions: tuple[tuple[str, str], ...]
    milliseconds: float
    """Time spent answering, queueing and transport excluded."""


Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientAnswer:
    """Answer to a ``GradientQuestion``.

    ``arrays`` holds ``activation/<site>`` and ``gradient/<site>`` for each site asked for, with the shape the site has
    in the model, and ``pixels``, the (H, W, 3) picture the network sees.
    """

    question: GradientQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    prediction: tuple[ClassProbability, ...]
    """The five likeliest classes; empty where the forward pass stopped at the target's site."""
    receptive_field: tuple[int, int, int, int] | None
    """For a ``Unit``: first row, last row, first column, last column of the input it can depend on at all."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["gradient"] = field(default="gradient", repr=False)

    @property
    def activations(self) -> dict[Site, np.ndarray]:
        """Exact values at each site, before any later in-place operation."""
        return _by_site(self.arrays, "activation/")

    @property
    def gradients(self) -> dict[Site, np.ndarray]:
        """∂score/∂site for each site, or what the question's method makes of it; signed."""
        return _by_site(self.arrays, "gradient/")

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
    """Answer to a ``SurveyQuestion``: the model's card, its sites in order of execution, its prediction; ``arrays``
    holds ``pixels``."""

    question: SurveyQuestion
    card: ModelCard
    sites: tuple[SiteInfo, ...]
    prediction: tuple[ClassProbability, ...]
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["survey"] = field(default="survey", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowAnswer:
    """Answer to a ``FlowQuestion``.

    ``arrays`` holds ``activation_norm`` and ``gradient_norm``, one L2 norm for each of ``sites``, the gradient's NaN
    where none reaches the site; and ``dead_share``, see ``flow.dead_share``. Where parameters were asked for, also
    ``parameter_norm`` and ``parameter_gradient_norm``, one for each of ``parameters``.
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


Answer = GradientAnswer | UnitsAnswer | SurveyAnswer | FlowAnswer


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
