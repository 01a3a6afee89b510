"""What a question is about: the values of a forward pass. Frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.patches import Grid

_SITE_TEXT = re.compile(r"(?P<path>.*?)(?::(?P<call>\d{1,6}))?(?:\[(?P<item>[^\[\]]+)\])?", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Site:
    """A site: one value that a forward pass produced, usually a layer output.

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
        """The site that ``str`` wrote. Every text names some site; the survey says whether it ran."""
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
    """Where its channels are, as the operations of the forward pass show; else as the shape suggests."""
    calls: int = 1
    """How often the module ran in this forward pass."""
    differentiable: bool = True
    """False where the value is an integer, or was computed where no gradient is recorded."""
    same_as: Site | None = None
    """The earlier site with the same value: for a container that returns the output of its last layer, or a layer that
    does nothing in evaluation mode, such as dropout."""
    source: str = ""
    """The line of code that computed it, as ``model.py:41  return self.fc(x)``, where an uploaded file says it."""
    axis: int | None = None
    """The channel axis, where the batch axis is 0; None is the one that the layout names."""
    layout_known: bool = True
    """Whether the operations of the forward pass show the channel axis; else it is a guess."""
    grid: Grid | None = None
    """How its positions lie over the picture, where somebody asked and the pass shows it."""


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A parameter of a model, by the name it has in ``named_parameters``."""

    name: str
    shape: tuple[int, ...]
