"""MONAI: its networks in two dimensions, for one channel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.networks import nets
from monai.networks.nets import restormer
from torch import nn

from benchmarks.sweep.cases import Model, image

_LEVELS: dict[str, Any] = {"channels": (8, 16, 32), "strides": (2, 2)}
_SIZES: dict[str, Any] = {"kernel_size": (3, 3, 3), "strides": (1, 2, 2), "upsample_kernel_size": (2, 2)}

_MADE: dict[str, Callable[[], nn.Module]] = {
    "UNet": lambda: nets.UNet(2, 1, 2, **_LEVELS, num_res_units=2),
    "BasicUNet": lambda: nets.BasicUNet(2, 1, 2, features=(8, 8, 16, 16, 32, 8)),
    "BasicUNetPlusPlus": lambda: nets.BasicUNetPlusPlus(2, 1, 2, features=(8, 8, 16, 16, 32, 8)),
    "AttentionUnet": lambda: nets.AttentionUnet(2, 1, 2, **_LEVELS),
    "DynUNet": lambda: nets.DynUNet(2, 1, 2, **_SIZES, res_block=True),
    "DynUNet, deep supervision": lambda: nets.DynUNet(2, 1, 2, **_SIZES, deep_supervision=True, deep_supr_num=1),
    "FlexibleUNet": lambda: nets.FlexibleUNet(3, 2, "efficientnet-b0", spatial_dims=2),
    "SegResNet": lambda: nets.SegResNet(2, init_filters=8, in_channels=1, out_channels=2),
    "SegResNet, nontrainable": lambda: nets.SegResNet(2, 8, 1, 2, upsample_mode="nontrainable"),
    "SegResNetVAE": lambda: nets.SegResNetVAE((64, 64), spatial_dims=2, init_filters=8, in_channels=1, out_channels=2),
    "SegResNetDS": lambda: nets.SegResNetDS(2, init_filters=8, in_channels=1, out_channels=2),
    "UNETR": lambda: nets.UNETR(1, 2, (64, 64), 8, 48, 96, 3, spatial_dims=2),
    "SwinUNETR": lambda: nets.SwinUNETR(1, 2, feature_size=12, spatial_dims=2),
    "SwinUNETR, version 2": lambda: nets.SwinUNETR(1, 2, feature_size=12, spatial_dims=2, use_v2=True),
    "VNet": lambda: nets.VNet(2, 1, 2, dropout_dim=2),
    "HighResNet": lambda: nets.HighResNet(2, 1, 2),
    "RegUNet": lambda: nets.RegUNet(2, 1, 8, 2),
    "AHNet": lambda: nets.AHNet(spatial_dims=2, in_channels=3, out_channels=2, psp_block_num=0),
    "DenseNet121": lambda: nets.DenseNet121(2, 1, 4),
    "SEResNet50": lambda: nets.SEResNet50(spatial_dims=2, in_channels=1, num_classes=4),
    "resnet18": lambda: nets.resnet18(spatial_dims=2, n_input_channels=1, num_classes=4),
    "EfficientNetBN": lambda: nets.EfficientNetBN(
        "efficientnet-b0", False, spatial_dims=2, in_channels=1, num_classes=4
    ),
    "ViT": lambda: nets.ViT(1, (64, 64), (16, 16), 48, 96, 2, 3, classification=True, num_classes=4, spatial_dims=2),
    "ViTAutoEnc": lambda: nets.ViTAutoEnc(
        1, (64, 64), (16, 16), hidden_size=48, mlp_dim=96, num_layers=2, num_heads=3, spatial_dims=2
    ),
    "AutoEncoder": lambda: nets.AutoEncoder(2, 1, 1, (8, 16, 32), (2, 2, 1)),
    "AutoencoderKL": lambda: nets.AutoencoderKL(2, 1, 1, (1, 1), (8, 8), (False, True), norm_num_groups=4),
    "VQVAE": lambda: nets.VQVAE(
        2,
        1,
        1,
        channels=(8, 8),
        num_res_layers=1,
        num_res_channels=(8, 8),
        num_embeddings=16,
        embedding_dim=8,
        downsample_parameters=((2, 4, 1, 1),) * 2,
        upsample_parameters=((2, 4, 1, 1, 0),) * 2,
    ),
    "Generator": lambda: nets.Generator((1, 64, 64), (8, 8, 8), (8, 16, 1), (2, 2, 2)),
    "Discriminator": lambda: nets.Discriminator((1, 64, 64), (8, 16), (2, 2)),
    "Classifier": lambda: nets.Classifier((1, 64, 64), 4, (8, 16), (2, 2)),
    "PatchDiscriminator": lambda: nets.PatchDiscriminator(2, 8, 1),
    "Quicknat": lambda: nets.Quicknat(num_classes=2, num_channels=1, num_filters=8),
    "HoVerNet": lambda: nets.HoVerNet("fast", 3, 5),
    "MedNeXt": lambda: nets.MedNeXt(2, 8, 1, 2),
    "Restormer": lambda: restormer.Restormer(2, 1, 1, 16, (1, 1, 1, 1), (1, 1, 2, 2), num_refinement_blocks=1),
    "FullyConnectedNet": lambda: nn.Sequential(nn.Flatten(), nets.FullyConnectedNet(4096, 4, (16,))),
}
_COLOURS = frozenset({"FlexibleUNet", "AHNet", "HoVerNet"})
_SIDES = {"HoVerNet": 256}


def _made(name: str) -> Model:
    return _MADE[name](), (image(_SIDES.get(name, 64), 3 if name in _COLOURS else 1),)


def _maker(name: str) -> Callable[[], Model]:
    return lambda: _made(name)


MODELS: dict[str, Callable[[], Model]] = {name: _maker(name) for name in _MADE}
