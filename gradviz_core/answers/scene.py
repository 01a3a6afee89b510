"""What every question is answered from: a model, an image, and the forward pass of the image through the model."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers.load import Model
from gradviz_core.answers.needs import Needs
from gradviz_core.methods.singular import Spectrum
from gradviz_core.tracing import remarks
from gradviz_core.tracing.fast_arithmetic import Fast
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import GradientAnswer, GradientQuestion, Pixels, Receipt, Site, SpectrumQuestion, Target
from gradviz_core.types.gradient import Arithmetic
from gradviz_core.types.patches import Grid
from gradviz_core.version import __version__

FASTER = (
    "Computed in fast arithmetic: {said}. It differs from plain arithmetic by rounding, and more where a unit lies at "
    "its kink."
)
NO_FASTER = "Fast arithmetic finds nothing to change in this network, so this is plain arithmetic."


class Place(NamedTuple):
    """What a pass is of, and how it is computed."""

    model: str
    image: str
    device: str
    seed: int
    """The seed that random numbers were drawn from."""
    arithmetic: Arithmetic = "plain"


@dataclass(frozen=True, slots=True)
class Scene:
    """A model, an image as it sees it, and the forward pass."""

    model: Model
    pixels: Pixels
    trace: Trace
    place: Place
    kept_sites: frozenset[Site] | None
    """Sites whose values are kept; None keeps all."""
    iterations: dict[SpectrumQuestion, Spectrum] = field(default_factory=dict)
    """The last iteration on this pass, so that the next step does not start from the beginning."""
    maps: dict[GradientQuestion, GradientAnswer] = field(default_factory=dict)
    """The last map that others were compared with, so that the next comparison does not make it again."""
    grids: list[Mapping[Site, Grid]] = field(default_factory=list)
    """How the positions of values lie over the picture, once they were followed: none, or one mapping."""
    upright: tuple[int, int] = (0, 0)
    """Rows and columns of the whole picture, before it is resized and cropped."""
    attention: bool = False
    """Whether the pass formed all attention weights."""
    fast: Fast | None = None
    """The model in fast arithmetic, where the pass is of that."""
    remembered: bool = False
    """Whether a further question may be answered from this pass, so that its graph stays."""

    @property
    def seed(self) -> int:
        """The random seed of this pass, and of every further one."""
        return self.place.seed

    def remarks(self) -> tuple[str, ...]:
        """Notes on this pass that go with every answer."""
        said = self.fast.said if self.fast else ""
        fast = (FASTER.format(said=said) if said else NO_FASTER,) if self.fast else ()
        return (*fast, *remarks.about(self.model.module, self.trace))

    def select(self, target: Target) -> tuple[Target, Tensor]:
        """The target's value in this pass, as ``targets.select`` gives it, read as the model's card says.

        Raises:
            BadTarget, UnknownSite: as ``targets.select`` does.
        """
        return targets.select(targets.read_as(target, self.model.card.reading), self.trace)

    def serves(self, place: Place, needs: Needs) -> bool:
        """Whether a question with such needs can be answered from this pass. One that forms attention weights serves
        no other: the last bits of its values differ."""
        if self.place != place or self.attention != needs.forms_attention:
            return False
        return self.kept_sites is None or (needs.sites is not None and needs.sites <= self.kept_sites)


@dataclass(frozen=True, slots=True)
class Clock:
    """Measures the time of one answer."""

    device: torch.device
    start: float
    guarded: Set[str] = frozenset()
    """What kernel_guards.py notes of the passes that the answer takes."""
    fast: str = ""
    """What fast arithmetic changed, as ``Receipt.arithmetic`` has it."""

    def receipt(self) -> Receipt:
        """Where, with what and how long it was computed."""
        return Receipt(
            device=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type.upper(),
            versions=(("gradviz", __version__), ("torch", torch.__version__), ("python", platform.python_version())),
            milliseconds=1e3 * (time.perf_counter() - self.start),
            guarded=tuple(sorted(self.guarded)),
            arithmetic=self.fast,
        )


def as_numpy(tensor: Tensor) -> np.ndarray:
    """A copy, so that writing to it does not change what the next question is answered from."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.detach().cpu().numpy().copy()
