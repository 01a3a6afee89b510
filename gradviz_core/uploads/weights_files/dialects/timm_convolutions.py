"""timm's names for ConvNeXt and RegNet, and torchvision's. For ResNet, ResNeXt and DenseNet both have the same."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.uploads.weights_files.dialects.derived import ReshapedTensor
from gradviz_core.uploads.weights_files.dialects.naming import Make, Naming
from gradviz_core.uploads.weights_files.tensors import Loadable


def _in_block(rest: str) -> Make:
    return lambda stage, block: f"features.{2 * stage + 1}.{block}.{rest}"


CONVNEXT = Naming(
    {
        "stem.#": "features.0.{0}".format,
        "stages.#.downsample.#": lambda stage, step: f"features.{2 * stage}.{step}",
        "stages.#.blocks.#.gamma": _in_block("layer_scale"),
        "stages.#.blocks.#.conv_dw": _in_block("block.0"),
        "stages.#.blocks.#.norm": _in_block("block.2"),
        "stages.#.blocks.#.mlp.fc#": lambda stage, block, fc: f"features.{2 * stage + 1}.{block}.block.{2 * fc + 1}",
        "head.norm": "classifier.0".format,
    },
    head=("head.fc", "classifier.2"),
)

_PLACE_IN_BLOCK = {1: "f.a", 2: "f.b", 3: "f.c"}


def _regnet(stage: int, block: int, rest: str) -> str:
    return f"trunk_output.block{stage}.block{stage}-{block - 1}.{rest}"


def _convolution(place: int) -> Make:
    return lambda stage, block, number: _regnet(stage, block, f"{_PLACE_IN_BLOCK.get(number, number)}.{place}")


REGNET = Naming(
    {
        "stem.conv": "stem.0".format,
        "stem.bn": "stem.1".format,
        "s#.b#.conv#.conv": _convolution(0),
        "s#.b#.conv#.bn": _convolution(1),
        "s#.b#.se.fc#": lambda stage, block, fc: _regnet(stage, block, f"f.se.fc{fc}"),
        "s#.b#.downsample.conv": lambda stage, block: _regnet(stage, block, "proj.0"),
        "s#.b#.downsample.bn": lambda stage, block: _regnet(stage, block, "proj.1"),
    },
    head=("head.fc", "fc"),
)


def is_convnext(tensors: Mapping[str, Loadable]) -> bool:
    """Whether these are names of timm's ConvNeXt."""
    return "stem.0.weight" in tensors and "stages.0.blocks.0.conv_dw.weight" in tensors


def is_regnet(tensors: Mapping[str, Loadable]) -> bool:
    """Whether these are names of timm's RegNet."""
    return "stem.conv.weight" in tensors and "s1.b1.conv1.conv.weight" in tensors


def with_columns(tensors: Mapping[str, Loadable]) -> dict[str, Loadable]:
    """Layer scales as torchvision's ConvNeXt has them: (C,) becomes (C, 1, 1)."""
    return {
        name: ReshapedTensor(tensor, (*tensor.shape, 1, 1))
        if name.endswith(".layer_scale") and len(tensor.shape) == 1
        else tensor
        for name, tensor in tensors.items()
    }
