"""timm's names for ViT, DeiT and Swin, and torchvision's."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.uploads.weights_files.dialects.naming import Make, Naming
from gradviz_core.uploads.weights_files.tensors import Loadable

_LAYER = "encoder.layers.encoder_layer_{0}."

VIT = Naming(
    {
        "cls_token": "class_token".format,
        "pos_embed": "encoder.pos_embedding".format,
        "patch_embed.proj": "conv_proj".format,
        "blocks.#.norm#": (_LAYER + "ln_{1}").format,
        "blocks.#.attn.qkv.weight": (_LAYER + "self_attention.in_proj_weight").format,
        "blocks.#.attn.qkv.bias": (_LAYER + "self_attention.in_proj_bias").format,
        "blocks.#.attn.proj": (_LAYER + "self_attention.out_proj").format,
        "blocks.#.mlp.fc#": lambda block, fc: _LAYER.format(block) + f"mlp.{3 * (fc - 1)}",
        "norm": "encoder.ln".format,
    },
    head=("head", "heads.head"),
)


def _in_block(rest: str) -> Make:
    """The name of what is in a block of Swin; a third number is that of a norm, or of a layer of its small network."""

    def make(stage: int, block: int, number: int = 0) -> str:
        return f"features.{2 * stage + 1}.{block}." + rest.format(norm=number, mlp=3 * (number - 1))

    return make


SWIN = Naming(
    {
        "patch_embed.proj": "features.0.0".format,
        "patch_embed.norm": "features.0.2".format,
        "layers.#.blocks.#.norm#": _in_block("norm{norm}"),
        "layers.#.blocks.#.attn.relative_position_bias_table": _in_block("attn.relative_position_bias_table"),
        "layers.#.blocks.#.attn.qkv": _in_block("attn.qkv"),
        "layers.#.blocks.#.attn.proj": _in_block("attn.proj"),
        "layers.#.blocks.#.mlp.fc#": _in_block("mlp.{mlp}"),
        "layers.#.downsample.norm": lambda stage: f"features.{2 * stage}.norm",
        "layers.#.downsample.reduction": lambda stage: f"features.{2 * stage}.reduction",
        "norm": "norm".format,
    },
    dropped=frozenset({"layers.#.blocks.#.attn.relative_position_index", "layers.#.blocks.#.attn_mask"}),
    head=("head.fc", "head"),
)


def is_vit(tensors: Mapping[str, Loadable]) -> bool:
    """Whether these are names of timm's vision transformers."""
    return "patch_embed.proj.weight" in tensors and "blocks.0.attn.qkv.weight" in tensors


def is_swin(tensors: Mapping[str, Loadable]) -> bool:
    """Whether these are names of timm's Swin transformers."""
    return "patch_embed.proj.weight" in tensors and "layers.0.blocks.0.attn.qkv.weight" in tensors


def swin_of_today(tensors: Mapping[str, Loadable]) -> dict[str, Loadable]:
    """The names of a Swin transformer as timm has them now: in older files a stage ends in the step down that now
    begins the next one, and the head is a layer of its own."""
    if "layers.0.downsample.reduction.weight" not in tensors:
        return dict(tensors)
    return {
        _today(name): tensor
        for name, tensor in tensors.items()
        if not name.endswith((".attn_mask", ".relative_position_index"))
    }


def _today(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "head" and parts[1:2] != ["fc"]:
        return ".".join(["head", "fc", *parts[1:]])
    if len(parts) > 3 and parts[0] == "layers" and parts[1] in "0123" and parts[2] == "downsample":
        return ".".join(["layers", str(int(parts[1]) + 1), *parts[2:]])
    return name
