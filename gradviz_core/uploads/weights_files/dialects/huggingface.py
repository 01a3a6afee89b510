"""Names in Hugging Face's transformers, and those of timm for the same networks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gradviz_core.uploads.weights_files.dialects import huggingface_mobile
from gradviz_core.uploads.weights_files.dialects.naming import Make, Naming
from gradviz_core.uploads.weights_files.tensors import Loadable

MODEL_PREFIX = re.compile(
    r"(?:^|(?<=\.))(?:vit|deit|dinov2|dinov2_with_registers|swin|convnext|resnet|regnet|efficientnet|mobilenet_v[12])\."
    r"(?=embeddings\.|embedder\.|encoder\.|layers?\.|layernorm\.|pooler\.|conv_stem\.|conv_1x1\.)"
)
"""What stands before the layers of a model with a head, and not before its head."""

_FORMER = {
    "query": "attn.qkv",
    "key": "attn.qkv",
    "value": "attn.qkv",
    "relative_position_bias_table": "attn.relative_position_bias_table",
}
_TODAY = {
    "attention.q_proj": "attn.qkv",
    "attention.k_proj": "attn.qkv",
    "attention.v_proj": "attn.qkv",
    "attention.o_proj": "attn.proj",
    "attention.relative_position_bias.relative_position_bias_table": "attn.relative_position_bias_table",
    "mlp.fc#": "mlp.fc{last}",
}
"""What is in a block of a transformer, in files of before and after transformers 5."""
_BLOCK = {
    "attention.output.dense": "attn.proj",
    "layernorm_before": "norm1",
    "layernorm_after": "norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    **_TODAY,
}
_QKV = {
    word: place for place, words in enumerate(("q_proj query", "k_proj key", "v_proj value")) for word in words.split()
}


def _blocks(starts: Mapping[str, str], attention: str, inside: Mapping[str, str]) -> dict[str, Make]:
    """The layers of the blocks that begin so, there and in timm."""
    inside = {f"attention.{attention}.{word}": ours for word, ours in _FORMER.items()} | dict(inside)
    return {
        f"{theirs}.{layer}": (f"{ours}.{made}".replace("{last}", f"{{{theirs.count('#')}}}")).format
        for theirs, ours in starts.items()
        for layer, made in inside.items()
    }


def _joined(layers: Mapping[str, Make]) -> dict[str, int]:
    """Queries, keys and values are one layer in timm."""
    return {layer: _QKV[last] for layer in layers if (last := layer.rpartition(".")[2]) in _QKV}


_VIT_STARTS = {"encoder.layer.#": "blocks.{0}", "layers.#": "blocks.{0}"}
_TOKENS: dict[str, Make] = {
    "embeddings.cls_token": "cls_token".format,
    "embeddings.distillation_token": "dist_token".format,
    "embeddings.register_tokens": "reg_token".format,
    "embeddings.position_embeddings": "pos_embed".format,
    "embeddings.patch_embeddings.projection": "patch_embed.proj".format,
    "layernorm": "norm".format,
    "cls_classifier": "head".format,
    "distillation_classifier": "head_dist".format,
}
_UNUSED = frozenset({"pooler.dense", "embeddings.mask_token"})

_VIT_LAYERS = _TOKENS | _blocks(_VIT_STARTS, "attention", _BLOCK)
VIT = Naming(_VIT_LAYERS, joined=_joined(_VIT_LAYERS), dropped=_UNUSED, head=("classifier", "head"))

_DINOV2_BLOCK = {
    **_TODAY,
    "attention.output.dense": "attn.proj",
    "norm#": "norm{last}",
    "mlp.weights_in": "mlp.w12",
    "mlp.weights_out": "mlp.w3",
    "layer_scale#.lambda#": "ls{last}.gamma",
}
_DINOV2_LAYERS = _TOKENS | _blocks(_VIT_STARTS, "attention", _DINOV2_BLOCK)
DINOV2 = Naming(_DINOV2_LAYERS, joined=_joined(_DINOV2_LAYERS), dropped=_UNUSED, head=("classifier", "head"))

_SWIN_STARTS = {"encoder.layers.#.blocks.#": "layers.{0}.blocks.{1}"}
_SWIN_LAYERS: dict[str, Make] = {
    "embeddings.patch_embeddings.projection": "patch_embed.proj".format,
    "embeddings.norm": "patch_embed.norm".format,
    "layernorm": "norm".format,
    "encoder.layers.#.downsample.norm": lambda stage: f"layers.{stage + 1}.downsample.norm",
    "encoder.layers.#.downsample.reduction": lambda stage: f"layers.{stage + 1}.downsample.reduction",
    **_blocks(_SWIN_STARTS, "self", _BLOCK),
}
SWIN = Naming(
    _SWIN_LAYERS,
    joined=_joined(_SWIN_LAYERS),
    dropped=frozenset({"encoder.layers.#.blocks.#.attention.self.relative_position_index", *_UNUSED}),
    head=("classifier", "head.fc"),
)

_CONVNEXT_INSIDE = {
    "layer_scale_parameter": "gamma",
    "dwconv": "conv_dw",
    "layernorm": "norm",
}

CONVNEXT = Naming(
    {
        "embeddings.patch_embeddings": "stem.0".format,
        "embeddings.layernorm": "stem.1".format,
        "encoder.stages.#.downsampling_layer.#": "stages.{0}.downsample.{1}".format,
        **{
            f"encoder.stages.#.layers.#.{theirs}": ("stages.{0}.blocks.{1}." + ours).format
            for theirs, ours in _CONVNEXT_INSIDE.items()
        },
        "encoder.stages.#.layers.#.pwconv#": "stages.{0}.blocks.{1}.mlp.fc{2}".format,
        "layernorm": "head.norm".format,
    },
    head=("classifier", "head.fc"),
)

RESNET = Naming(
    {
        "embedder.embedder.convolution": "conv1".format,
        "embedder.embedder.normalization": "bn1".format,
        "encoder.stages.#.layers.#.shortcut.convolution": lambda stage, block: f"layer{stage + 1}.{block}.downsample.0",
        "encoder.stages.#.layers.#.shortcut.normalization": lambda stage, block: (
            f"layer{stage + 1}.{block}.downsample.1"
        ),
        "encoder.stages.#.layers.#.layer.#.convolution": lambda stage, block, number: (
            f"layer{stage + 1}.{block}.conv{number + 1}"
        ),
        "encoder.stages.#.layers.#.layer.#.normalization": lambda stage, block, number: (
            f"layer{stage + 1}.{block}.bn{number + 1}"
        ),
    },
    head=("classifier.1", "fc"),
)


def _regnet(rest: str) -> Make:
    return lambda stage, block: f"s{stage + 1}.b{block + 1}.{rest}"


def _regnet_step(rest: str) -> Make:
    """In blocks with squeeze and excitation that is the third step, and the last convolution the fourth."""
    return lambda stage, block, number: f"s{stage + 1}.b{block + 1}.conv{min(number, 2) + 1}.{rest}"


REGNET = Naming(
    {
        "embedder.embedder.convolution": "stem.conv".format,
        "embedder.embedder.normalization": "stem.bn".format,
        "encoder.stages.#.layers.#.shortcut.convolution": _regnet("downsample.conv"),
        "encoder.stages.#.layers.#.shortcut.normalization": _regnet("downsample.bn"),
        "encoder.stages.#.layers.#.layer.#.convolution": _regnet_step("conv"),
        "encoder.stages.#.layers.#.layer.#.normalization": _regnet_step("bn"),
        "encoder.stages.#.layers.#.layer.#.attention.#": lambda stage, block, _, number: (
            f"s{stage + 1}.b{block + 1}.se.fc{number // 2 + 1}"
        ),
    },
    head=("classifier.1", "head.fc"),
)


def naming(tensors: Mapping[str, Loadable]) -> tuple[str, Naming] | None:
    """The family and naming that the names are of, if they are Hugging Face's."""
    if "embeddings.cls_token" in tensors:
        is_dino = any(f"{start}.0.norm1.weight" in tensors for start in ("encoder.layer", "layers"))
        return ("DINOv2", DINOV2) if is_dino else ("ViT", VIT)
    if "encoder.layers.0.blocks.0.layernorm_before.weight" in tensors:
        return "Swin", SWIN
    if "encoder.stages.0.layers.0.dwconv.weight" in tensors:
        return "ConvNeXt", CONVNEXT
    stem = tensors.get("embedder.embedder.convolution.weight")
    if stem is not None:
        return ("ResNet", RESNET) if stem.shape[-1:] == (7,) else ("RegNet", REGNET)
    return huggingface_mobile.family(tensors)


ALL = (VIT, DINOV2, SWIN, CONVNEXT, RESNET, REGNET, *huggingface_mobile.ALL)
