"""Members of the zoo with a norm whose backward kernel for one image PyTorch gets wrong, in some order of memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatchNorm(nn.Module):
    """Batch norm between the patches and the tokens: so begin LeViT, EfficientFormer and XCiT. The gradient reaches it
    with the order of memory that ``flatten(2).transpose(1, 2)`` leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.BatchNorm2d(8)
        self.mix = nn.LayerNorm(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.patches(x)).flatten(2).transpose(1, 2)
        return self.head((torch.sigmoid(self.mix(tokens)) * tokens).mean(1))  # type: ignore[no-any-return]


class ChannelsLast(nn.Module):
    """Instance norm of one image, followed by layers that want the channels last, and so does their gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.InstanceNorm2d(5, affine=True)
        self.mix = nn.LayerNorm(5)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        places = self.norm(self.conv(x)).permute(0, 2, 3, 1)
        return self.head((torch.tanh(self.mix(places)) * places).mean((1, 2)))  # type: ignore[no-any-return]


class Scale(nn.Module):
    """A number for each channel, as at the end of a branch of ConvNeXt or XCiT."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.linspace(0.5, 1.5, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma.view(-1, 1, 1)


class NormThenScale(nn.Module):
    """Tokens that become a map for a convolution with batch norm and become tokens again, and a branch round it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 2, stride=2)
        self.local = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.GELU(), nn.BatchNorm2d(6), Scale(6))
        self.mlp = nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 9), nn.Hardswish(), nn.Linear(9, 6))
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        maps = tokens.transpose(1, 2).reshape(x.shape[0], 6, 4, 4)
        tokens = tokens + self.local(maps).flatten(2).transpose(1, 2)
        tokens = tokens + self.mlp(tokens)
        return self.head(tokens.mean(1))  # type: ignore[no-any-return]
