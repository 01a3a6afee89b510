"""Names of EfficientNet and MobileNet in Hugging Face's transformers, which pad as TensorFlow does.

timm has such an EfficientNet, under names that begin with ``tf_``. Of MobileNet neither timm nor torchvision has one.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.uploads.weights_files.dialects.naming import Make, Naming
from gradviz_core.uploads.weights_files.tensors import Loadable

EFFICIENTNET, MOBILENET_V1, MOBILENET_V2 = "EfficientNet", "MobileNetV1", "MobileNetV2"
_MOST_BLOCKS = 100
_BLOCK = "encoder.blocks.#."
_EXPANDED = {
    "expansion.expand_conv": "conv_pw",
    "expansion.expand_bn": "bn1",
    "depthwise_conv.depthwise_conv": "conv_dw",
    "depthwise_conv.depthwise_norm": "bn2",
    "projection.project_conv": "conv_pwl",
    "projection.project_bn": "bn3",
    "squeeze_excite.reduce": "se.conv_reduce",
    "squeeze_excite.expand": "se.conv_expand",
}
_PLAIN = _EXPANDED | {
    "depthwise_conv.depthwise_norm": "bn1",
    "projection.project_conv": "conv_pw",
    "projection.project_bn": "bn2",
}
_AROUND: dict[str, Make] = {
    "embeddings.convolution": "conv_stem".format,
    "embeddings.batchnorm": "bn1".format,
    "encoder.top_conv": "conv_head".format,
    "encoder.top_bn": "bn2".format,
}


def family(tensors: Mapping[str, Loadable]) -> tuple[str, Naming] | None:
    """Which of them the names are of, and what they are in timm."""
    if "encoder.blocks.0.depthwise_conv.depthwise_conv.weight" in tensors:
        return EFFICIENTNET, _efficientnet(tensors)
    if "conv_stem.first_conv.convolution.weight" in tensors:
        return MOBILENET_V2, _MOBILENET
    return (MOBILENET_V1, _MOBILENET) if "conv_stem.convolution.weight" in tensors else None


def _efficientnet(tensors: Mapping[str, Loadable]) -> Naming:
    """In timm the blocks of each stage are counted anew; a stage begins where the number of channels changes."""
    places: list[tuple[int, int]] = []
    channels = 0
    for number in range(_MOST_BLOCKS):
        projection = tensors.get(f"encoder.blocks.{number}.projection.project_conv.weight")
        if projection is None or not projection.shape:
            break
        stage, block = places[-1] if places else (-1, 0)
        places.append((stage, block + 1) if projection.shape[0] == channels else (stage + 1, 0))
        channels = projection.shape[0]

    def inside(rest: str) -> Make:
        def make(number: int) -> str:
            if number >= len(places):
                return f"encoder.blocks.{number}.{rest}"
            expanded = f"encoder.blocks.{number}.expansion.expand_conv.weight" in tensors
            stage, block = places[number]
            return f"blocks.{stage}.{block}.{(_EXPANDED if expanded else _PLAIN)[rest]}"

        return make

    return Naming(_AROUND | {_BLOCK + rest: inside(rest) for rest in _EXPANDED}, head=("classifier", "classifier"))


def _same(pattern: str) -> Make:
    return pattern.replace("#", "{}").format


_MOBILENET = Naming(
    {
        f"{place}{kind}": _same(f"{place}{kind}")
        for place in (
            *("conv_stem.", "conv_stem.first_conv.", "conv_stem.conv_#x#.", "conv_stem.reduce_#x#.", "conv_#x#."),
            *("layer.#.", "layer.#.expand_#x#.", "layer.#.conv_#x#.", "layer.#.reduce_#x#."),
        )
        for kind in ("convolution", "normalization")
    },
    head=("classifier", "classifier"),
)
ALL = (_efficientnet({}), _MOBILENET)
