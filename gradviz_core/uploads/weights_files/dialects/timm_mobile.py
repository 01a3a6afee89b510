"""timm's names for EfficientNet, MobileNetV2 and V3, and torchvision's.

timm numbers the blocks of each stage and names what is in a block; torchvision numbers what is in a block, and where
each stands depends on what the block has. MobileNet's blocks are numbered in one row there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

from gradviz_core.uploads.weights_files.dialects.derived import ReshapedTensor
from gradviz_core.uploads.weights_files.dialects.naming import layer_of
from gradviz_core.uploads.weights_files.tensors import Loadable

Family = Literal["EfficientNet", "MobileNetV2", "MobileNetV3"]

_LAYER = re.compile(r"blocks\.([0-9]|1[0-9])\.([0-9]|[1-9][0-9])\.(.+)")
_KINDS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("conv_pwl", (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("se", ""), ("conv_pwl", "bn3"))),
    ("conv_pw", (("conv_dw", "bn1"), ("se", ""), ("conv_pw", "bn2"))),
    ("conv", (("conv", "bn1"),)),
)
_FUSED = (("conv_exp", "bn1"), ("se", ""), ("conv_pwl", "bn2"))
_Place = tuple[int, int]
LAYERS = frozenset(
    {"conv_stem", "conv_head", "bn#", "classifier"}
    | {
        f"blocks.#.#.{rest}"
        for rest in ("conv", "conv_pw", "conv_dw", "conv_pwl", "conv_exp", "bn#", "se.conv_reduce", "se.conv_expand")
    }
)
"""Patterns of the names of all layers."""


def family(tensors: Mapping[str, Loadable]) -> Family | None:
    """Which of them the names are of, if any."""
    if "conv_stem.weight" not in tensors or not any(name.startswith("blocks.0.0.") for name in tensors):
        return None
    if "bn2.weight" not in tensors:
        return "MobileNetV3"
    has_more = any(".se." in name or ".conv_exp." in name for name in tensors)
    return "EfficientNet" if has_more else "MobileNetV2"


def rename(tensors: Mapping[str, Loadable], of: Family) -> dict[str, Loadable]:
    """The tensors under torchvision's names; what has no other name keeps its own."""
    layers = frozenset(layer_of(name)[0] for name in tensors)
    blocks = _blocks(layers)
    first = {place: number + 1 for number, place in enumerate(sorted(blocks))}
    new = {"conv_stem": "features.0.0", "bn1": "features.0.1"}
    for place, inside in blocks.items():
        start = f"features.{place[0] + 1}.{place[1]}" if of == "EfficientNet" else f"features.{first[place]}"
        for layer, other in _in_block(inside, of).items():
            new[f"blocks.{place[0]}.{place[1]}.{layer}"] = f"{start}.{other}"
    last = max((place[0] for place in blocks), default=0) + 2 if of == "EfficientNet" else len(blocks) + 1
    if of == "MobileNetV3":
        new |= {"conv_head": "classifier.0", "classifier": "classifier.3"}
    else:
        new |= {"conv_head": f"features.{last}.0", "bn2": f"features.{last}.1", "classifier": "classifier.1"}
    return _apply(tensors, new)


def _apply(tensors: Mapping[str, Loadable], new: Mapping[str, str]) -> dict[str, Loadable]:
    renamed: dict[str, Loadable] = {}
    for name, tensor in tensors.items():
        layer, leaf = layer_of(name)
        other = new.get(layer, "")
        if not other and layer.startswith("classifier."):
            other = new["classifier"] + layer[len("classifier") :]
        if other == "classifier.0" and len(tensor.shape) == 4:
            tensor = ReshapedTensor(tensor, tensor.shape[:2]) if tensor.shape[2:] == (1, 1) else tensor
        found = f"{other}{leaf}" if other else name
        renamed[name if found in renamed else found] = tensor
    return renamed


def _blocks(layers: Collection[str]) -> dict[_Place, set[str]]:
    """What each block has, by its stage and number."""
    found: dict[_Place, set[str]] = {}
    for layer in layers:
        if (match := _LAYER.fullmatch(layer)) is not None:
            found.setdefault((int(match[1]), int(match[2])), set()).add(match[3])
    return found


def _in_block(inside: set[str], of: Family) -> dict[str, str]:
    """What torchvision calls the layers of one block."""
    steps = _FUSED if "conv_exp" in inside else next((kind for sign, kind in _KINDS if sign in inside), ())
    steps = tuple(step for step in steps if step[0] != "se" or any(layer.startswith("se.") for layer in inside))
    if of == "MobileNetV2":
        return _in_block_of_v2(steps)
    start = "" if of == "MobileNetV3" and len(steps) == 1 else "block."
    new: dict[str, str] = {}
    for number, (convolution, norm) in enumerate(steps):
        place = f"{start}{number}." if start else ""
        if convolution == "se":
            new |= {"se.conv_reduce": f"{place}fc1", "se.conv_expand": f"{place}fc2"}
        else:
            new |= {convolution: f"{place}0", norm: f"{place}1"}
    return new


def _in_block_of_v2(steps: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The last convolution and its norm stand beside the others, not in a step of their own."""
    new: dict[str, str] = {}
    for number, (convolution, norm) in enumerate(steps[:-1]):
        new |= {convolution: f"conv.{number}.0", norm: f"conv.{number}.1"}
    for convolution, norm in steps[-1:]:
        new |= {convolution: f"conv.{len(steps) - 1}", norm: f"conv.{len(steps)}"}
    return new
