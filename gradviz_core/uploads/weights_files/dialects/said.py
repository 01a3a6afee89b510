"""What a file of weights cannot say, by whether its names are Hugging Face's, and by the family of its network."""

from __future__ import annotations

_CONFIG = "is written in config.json, which is not in this file"
_TF = (
    "Networks whose names begin with tf_ in timm have tensors of the same names and shapes, but pad unevenly and have "
    "batch norm with eps 1e-3. The file does not say which it is; even padding and eps 1e-5 were taken. If yours is "
    "one with tf_, choose it under Architecture where it is offered, or export it instead (torch.export.save)."
)
_ELSE = "If yours is another, export the model instead (torch.export.save)."

UNSURE: dict[tuple[bool, str], str] = {
    (True, "ViT"): f"The eps of layer norm {_CONFIG}; 1e-12 was taken, as is usual there, and GELU. {_ELSE}",
    (True, "ConvNeXt"): f"The eps of the last layer norm {_CONFIG}; 1e-12 was taken, as is usual there. {_ELSE}",
    (True, "DINOv2"): f"The eps of layer norm {_CONFIG}; 1e-6 was taken, as is usual there, and GELU. {_ELSE}",
    (True, "EfficientNet"): f"The eps of batch norm {_CONFIG}; 1e-3 was taken, as is usual there. {_ELSE}",
    (True, "Swin"): f"The eps of layer norm {_CONFIG}; 1e-5 was taken, as is usual there. {_ELSE}",
    (False, "EfficientNet"): _TF,
    (False, "MobileNetV3"): _TF,
}

NOT_BUILT: dict[str, str] = {
    "EfficientNet": "It pads unevenly, as TensorFlow does; torchvision's does not.",
    "MobileNetV1": "It pads unevenly, as TensorFlow does; torchvision has no MobileNetV1, and timm's pads evenly.",
    "MobileNetV2": "It pads unevenly, as TensorFlow does; those of torchvision and timm do not.",
    "DINOv2": "Its head takes the mean of all patches beside the class token, which timm's does not.",
}
"""Why a network of Hugging Face is not one that torchvision or timm has; of DINOv2 where it has a head."""
