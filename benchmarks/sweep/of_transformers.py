"""Hugging Face's transformers: models of images from small configurations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import transformers
from torch import nn

from benchmarks.sweep.cases import Model, image, noise

_SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 96,
    "image_size": 64,
    "patch_size": 16,
    "num_labels": 10,
}
_STAGES = {"embedding_size": 16, "hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1], "num_labels": 10}
_WINDOWS = {
    "image_size": 64,
    "embed_dim": 24,
    "depths": [1, 2],
    "num_heads": [2, 4],
    "window_size": 4,
    "num_labels": 10,
}

_VITS = (
    "ViT ViTMSN DeiT Beit Data2VecVision Dinov2 Dinov2WithRegisters IJepa Siglip Siglip2 Clip MetaClip2 Hiera".split()
)
CONFIGURED: dict[str, tuple[str, dict[str, Any]]] = {
    "ViTForImageClassification": ("ViTConfig", _SMALL),
    "ViTModel": ("ViTConfig", _SMALL),
    "ViTMSNForImageClassification": ("ViTMSNConfig", _SMALL),
    "DeiTForImageClassification": ("DeiTConfig", _SMALL),
    "DeiTForImageClassificationWithTeacher": ("DeiTConfig", _SMALL),
    "BeitForImageClassification": ("BeitConfig", _SMALL),
    "BeitModel": ("BeitConfig", {**_SMALL, "use_relative_position_bias": True}),
    "Data2VecVisionForImageClassification": ("Data2VecVisionConfig", _SMALL),
    "Dinov2ForImageClassification": ("Dinov2Config", _SMALL),
    "Dinov2Model": ("Dinov2Config", {**_SMALL, "use_swiglu_ffn": True}),
    "Dinov2WithRegistersForImageClassification": ("Dinov2WithRegistersConfig", _SMALL),
    "DINOv3ViTModel": ("DINOv3ViTConfig", _SMALL),
    "DINOv3ConvNextModel": ("DINOv3ConvNextConfig", {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]}),
    "IJepaForImageClassification": ("IJepaConfig", _SMALL),
    "SiglipVisionModel": ("SiglipVisionConfig", _SMALL),
    "CLIPVisionModelWithProjection": ("CLIPVisionConfig", {**_SMALL, "projection_dim": 32}),
    "Aimv2VisionModel": ("Aimv2VisionConfig", _SMALL),
    "PixioModel": ("PixioConfig", _SMALL),
    "YolosForObjectDetection": ("YolosConfig", {**_SMALL, "image_size": [64, 64], "num_detection_tokens": 5}),
    "ViTMAEModel": ("ViTMAEConfig", _SMALL),
    "VitDetModel": ("VitDetConfig", {**_SMALL, "window_block_indices": [0], "window_size": 2}),
    "DPTForDepthEstimation": (
        "DPTConfig",
        {
            **_SMALL,
            "num_hidden_layers": 4,
            "backbone_out_indices": [0, 1, 2, 3],
            "neck_hidden_sizes": [16, 16, 32, 32],
            "fusion_hidden_size": 16,
        },
    ),
    "SwinForImageClassification": ("SwinConfig", _WINDOWS),
    "Swinv2ForImageClassification": ("Swinv2Config", _WINDOWS),
    "Swin2SRForImageSuperResolution": ("Swin2SRConfig", {**_WINDOWS, "upscale": 2}),
    "DonutSwinModel": ("DonutSwinConfig", _WINDOWS),
    "ConvNextForImageClassification": ("ConvNextConfig", _STAGES),
    "ConvNextV2ForImageClassification": ("ConvNextV2Config", _STAGES),
    "ResNetForImageClassification": ("ResNetConfig", _STAGES),
    "RegNetForImageClassification": ("RegNetConfig", {**_STAGES, "groups_width": 8}),
    "BitForImageClassification": ("BitConfig", {**_STAGES, "num_groups": 8}),
    "MobileNetV1ForImageClassification": ("MobileNetV1Config", {"num_labels": 10}),
    "MobileNetV2ForImageClassification": ("MobileNetV2Config", {"num_labels": 10}),
    "MobileViTForImageClassification": ("MobileViTConfig", {"image_size": 64, "num_labels": 10}),
    "MobileViTV2ForImageClassification": ("MobileViTV2Config", {"image_size": 64, "num_labels": 10}),
    "EfficientNetForImageClassification": (
        "EfficientNetConfig",
        {
            "image_size": 64,
            "width_coefficient": 1.0,
            "depth_coefficient": 1.0,
            "num_block_repeats": [1] * 7,
            "hidden_dim": 1280,
            "num_labels": 10,
        },
    ),
    "PoolFormerForImageClassification": ("PoolFormerConfig", {**_STAGES, "hidden_sizes": [16, 32, 48, 64]}),
    "PvtForImageClassification": ("PvtConfig", {"image_size": 64, "hidden_sizes": [16, 32, 40, 64], "num_labels": 10}),
    "PvtV2ForImageClassification": (
        "PvtV2Config",
        {"image_size": 64, "hidden_sizes": [16, 32, 40, 64], "num_labels": 10},
    ),
    "CvtForImageClassification": ("CvtConfig", {"embed_dim": [16, 48, 96], "depth": [1, 2, 3], "num_labels": 10}),
    "SegformerForSemanticSegmentation": (
        "SegformerConfig",
        {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 40, 64], "decoder_hidden_size": 32, "num_labels": 5},
    ),
    "LevitForImageClassification": ("LevitConfig", {"image_size": 64, "num_labels": 10}),
    "HieraForImageClassification": (
        "HieraConfig",
        {
            "embed_dim": 24,
            "image_size": [64, 64],
            "patch_stride": [4, 4],
            "depths": [1, 1, 2, 1],
            "num_heads": [1, 2, 4, 8],
            "num_labels": 10,
        },
    ),
    "FocalNetForImageClassification": (
        "FocalNetConfig",
        {"image_size": 64, "embed_dim": 24, "depths": [1, 1], "num_labels": 10},
    ),
    "SwiftFormerForImageClassification": ("SwiftFormerConfig", {"num_labels": 10}),
    "TextNetForImageClassification": ("TextNetConfig", {"num_labels": 10}),
    "HGNetV2ForImageClassification": ("HGNetV2Config", {"num_labels": 10}),
    "UperNetForSemanticSegmentation": (
        "UperNetConfig",
        {
            "backbone_config": {
                "model_type": "convnext",
                "hidden_sizes": [16, 32, 48, 64],
                "depths": [1, 1, 1, 1],
                "out_features": ["stage1", "stage2", "stage3", "stage4"],
            },
            "hidden_size": 32,
            "auxiliary_in_channels": 48,
            "num_labels": 5,
        },
    ),
    "DetrForObjectDetection": (
        "DetrConfig",
        {
            "d_model": 32,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "num_queries": 5,
            "use_timm_backbone": False,
            "backbone": None,
            "use_pretrained_backbone": False,
            "backbone_config": {
                "model_type": "resnet",
                "embedding_size": 16,
                "hidden_sizes": [16, 32, 48, 64],
                "depths": [1, 1, 1, 1],
                "out_features": ["stage4"],
            },
        },
    ),
    "GLPNForDepthEstimation": (
        "GLPNConfig",
        {"depths": [1, 1, 1, 1], "hidden_sizes": [16, 32, 40, 64], "decoder_hidden_size": 16},
    ),
    "SuperPointForKeypointDetection": ("SuperPointConfig", {}),
    "TimesformerForVideoClassification": ("TimesformerConfig", {**_SMALL, "num_frames": 4}),
    "VideoMAEForVideoClassification": ("VideoMAEConfig", {**_SMALL, "num_frames": 4}),
    "VivitForVideoClassification": ("VivitConfig", {**_SMALL, "num_frames": 4}),
}
"""Its configuration, and what of it is made small."""
_CHANNELS = {"SuperPointForKeypointDetection": 3}


def _made(name: str) -> Model:
    configuration, options = CONFIGURED[name]
    module: nn.Module = getattr(transformers, name)(getattr(transformers, configuration)(**options))
    x = noise(1, 4, 3, 64, 64) if "Video" in name else image()
    return module, (x,)


MODELS: dict[str, Callable[[], Model]] = {name: partial(_made, name) for name in CONFIGURED}
