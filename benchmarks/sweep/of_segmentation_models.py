"""segmentation-models-pytorch: each decoder, and encoders of several families."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import segmentation_models_pytorch as smp

from benchmarks.sweep.cases import Model, image

_DECODERS = "Unet UnetPlusPlus MAnet Linknet FPN PSPNet PAN DeepLabV3 DeepLabV3Plus UPerNet Segformer".split()
_ENCODERS = "mobilenet_v2 efficientnet-b0 densenet121 mit_b0 vgg11 dpn68 tu-convnext_atto".split()


def _made(decoder: str, encoder: str) -> Model:
    return smp.create_model(decoder, encoder, encoder_weights=None, classes=3), (
        image(128 if decoder == "PAN" else 64),
    )


def _attending() -> Model:
    return smp.Unet("resnet18", encoder_weights=None, decoder_attention_type="scse", classes=3), (image(),)


def _two_heads() -> Model:
    return smp.Unet("resnet18", encoder_weights=None, aux_params={"classes": 4, "dropout": 0.5}), (image(),)


def _dense_prediction() -> Model:
    return smp.DPT("tu-vit_tiny_patch16_224", encoder_weights=None, classes=3, dynamic_img_size=False), (image(224),)


MODELS: dict[str, Callable[[], Model]] = {
    **{f"{decoder}, resnet18": partial(_made, decoder, "resnet18") for decoder in _DECODERS},
    **{f"Unet, {encoder}": partial(_made, "Unet", encoder) for encoder in _ENCODERS},
    "Unet, scse attention": _attending,
    "Unet, two heads": _two_heads,
    "DPT, vit_tiny": _dense_prediction,
}
