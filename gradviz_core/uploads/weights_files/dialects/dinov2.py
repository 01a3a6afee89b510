"""DINOv2 under the names of Meta's own code, which are timm's but for the tokens.

Meta and Hugging Face have a position for the class token, and timm too where there are no registers. With registers
timm has none: there that position is part of the class token.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gradviz_core.uploads.weights_files.dialects.derived import WithFirstAdded, WithoutFirst
from gradviz_core.uploads.weights_files.tensors import Loadable

MASK, REGISTERS = "mask_token", "register_tokens"
_CLASS, _POSITIONS, _OF_TIMM = "cls_token", "pos_embed", "reg_token"
KNOWN = frozenset({MASK, REGISTERS})


def is_of_meta(tensors: Mapping[str, Loadable]) -> bool:
    """Whether these are names of DINOv2 in Meta's code: a token stands in for masked patches in training."""
    return MASK in tensors and "blocks.0.ls1.gamma" in tensors


def as_in_timm(tensors: Mapping[str, Loadable]) -> dict[str, Loadable]:
    """The tokens as timm has them."""
    found = {name: tensor for name, tensor in tensors.items() if name != MASK}
    if REGISTERS in found and _OF_TIMM not in found:
        found[_OF_TIMM] = found.pop(REGISTERS)
    if _OF_TIMM in found and _has_position_of_class(found):
        token, positions = found[_CLASS], found[_POSITIONS]
        found |= {_CLASS: WithFirstAdded(token, positions), _POSITIONS: WithoutFirst(positions)}
    return found


def _has_position_of_class(tensors: Mapping[str, Loadable]) -> bool:
    """Whether there is one position more than a square of patches, and a class token to add it to."""
    if _CLASS not in tensors or _POSITIONS not in tensors:
        return False
    token, positions = tensors[_CLASS], tensors[_POSITIONS]
    if len(positions.shape) != 3 or token.shape != (1, 1, positions.shape[2]) or token.dtype != positions.dtype:
        return False
    patches = positions.shape[1] - 1
    return positions.shape[0] == 1 and patches > 0 and math.isqrt(patches) ** 2 == patches


def notes(tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """What was done to the tokens, and for which images the table of positions is. ``tensors`` have timm's names."""
    said = []
    if isinstance(tensors.get(_CLASS), WithFirstAdded):
        said.append("The position of the class token was added to the token, as timm has it.")
    patch, positions = tensors.get("patch_embed.proj.weight"), tensors.get(_POSITIONS)
    if patch is None or len(patch.shape) != 4 or positions is None or len(positions.shape) != 3:
        return tuple(said)
    side = math.isqrt(max(0, positions.shape[1] - (_OF_TIMM not in tensors))) * patch.shape[-1]
    return (
        *said,
        f"The table of positions in the file is for images of {side} x {side}, and images are resized to that. DINOv2 "
        "itself resizes the table where an image has another size; for that, export the model for the size you want "
        "(torch.export.save).",
    )
