"""First layers as people change them: other channels than three, and a small convolution for small images.

How many channels the first convolution takes is told from its weights. Its stride, and whether max pooling follows, is
not: a ResNet whose first kernel is 3 x 3 is offered as it is usually written for images of 32 pixels, and said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from gradviz_core.types.cards import Preprocessing
from gradviz_core.uploads.weights_files.tensors import Loadable

MOST_CHANNELS = 16
_USUAL = 3
SMALL_STEM, SMALL_STEM_POOLED = "+small-stem", "+small-stem-pool"
"""What follows a ResNet's name where its first convolution is 3 x 3 with stride 1: without max pooling, and with it."""
_STEM = "conv1.weight"
_Shapes = Mapping[str, tuple[int, ...]]


def channels(shapes: _Shapes, has: Mapping[str, Loadable]) -> int:
    """Channels of the image that the file's first convolution takes."""
    name = _first(shapes)
    shape = has[name].shape if name in has else ()
    return shape[1] if len(shape) == 4 and 1 <= shape[1] <= MOST_CHANNELS else _USUAL


def for_channels(shapes: _Shapes, number: int) -> dict[str, tuple[int, ...]]:
    """The shapes with so many channels of the image."""
    first = _first(shapes)
    return {name: (shape[0], number, *shape[2:]) if name == first else shape for name, shape in shapes.items()}


def take(module: nn.Module, number: int) -> None:
    """Have the first convolution of a module on the meta device take so many channels."""
    if number == _USUAL:
        return
    first = next(layer for layer in module.modules() if isinstance(layer, nn.Conv2d))
    first.in_channels = number
    outputs, _, *kernel = first.weight.shape
    first.weight = nn.Parameter(torch.empty(outputs, number, *kernel, device="meta"))


def preprocessing(steps: Preprocessing, number: int) -> Preprocessing:
    """A proposal for so many channels: the mean of the three for one; bands are taken as they are."""
    if number == len(steps.mean):
        return steps
    if number == 1:
        return replace(steps, mean=(sum(steps.mean) / 3,), std=(sum(steps.std) / 3,))
    return replace(steps, mean=(0.0,) * number, std=(1.0,) * number)


def notes(number: int) -> tuple[str, ...]:
    """What was assumed of the image's channels."""
    if number == _USUAL:
        return ()
    what = "1 channel" if number == 1 else f"{number} channels"
    return (f"The first layer takes {what}. The file does not say how these were normalised: check mean and std.",)


def small_stems(architecture: str, has: Mapping[str, Loadable]) -> tuple[str, ...]:
    """The architectures with a small first convolution that a file for this one could be."""
    if "/resnet" not in architecture or "+" in architecture or _STEM not in has or has[_STEM].shape[2:] != (3, 3):
        return ()
    return architecture + SMALL_STEM, architecture + SMALL_STEM_POOLED


def plain(architecture: str) -> str:
    """The architecture without what is said of its first convolution."""
    return architecture.removesuffix(SMALL_STEM).removesuffix(SMALL_STEM_POOLED)


def with_small_kernel(architecture: str, shapes: _Shapes) -> dict[str, tuple[int, ...]]:
    """The shapes, with a first kernel of 3 x 3 where the architecture says so."""
    small = plain(architecture) != architecture
    return {name: (*shape[:2], 3, 3) if small and name == _STEM else shape for name, shape in shapes.items()}


def make_small(architecture: str, module: nn.Module) -> None:
    """Give a ResNet the first convolution that its name says."""
    if plain(architecture) == architecture:
        return
    module.set_submodule("conv1", nn.Conv2d(_USUAL, 64, 3, stride=1, padding=1, bias=False))
    if architecture.endswith(SMALL_STEM):
        module.set_submodule("maxpool", nn.Identity())


def stem_notes(architecture: str) -> tuple[str, ...]:
    """What was assumed of a small first convolution."""
    if plain(architecture) == architecture:
        return ()
    return (
        "The first kernel is 3 x 3, as for images of 32 pixels. The file does not say its stride, nor whether max "
        "pooling follows: stride 1 was taken, without max pooling. Under Architecture there is one with max pooling "
        "too. If yours is another, export the model instead (torch.export.save).",
    )


def _first(shapes: _Shapes) -> str:
    """Name of the weight that looks at the image; empty where there is none."""
    return next((name for name, shape in shapes.items() if len(shape) == 4 and shape[1] == _USUAL), "")
