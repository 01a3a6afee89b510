"""The networks of the presets, as plain torch modules without trained weights. The one for photos has its own file.

Every activation function is a module, so that its output is a site. Two of the networks are difficult on purpose, as
real ones are: ``ShapesResNet`` works in place and runs one ReLU twice, ``ShapesViT`` has an attention module whose
output is a tuple.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gradviz_core.models.efficientnet_lite0 import EfficientNetLite0

SHAPES = 10
"""Number of classes of the scenes."""
DIGITS = 10


class ShapesCNN(nn.Module):
    """Six blocks of convolution, batch norm and ReLU, then the mean over all positions and one linear layer.

    (N, 3, 96, 96) -> (N, 10) logits.
    """

    def __init__(self, classes: int = SHAPES) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(3, 24, stride=2),
            *_block(24, 32, stride=2),
            *_block(32, 48),
            *_block(48, 64, stride=2),
            *_block(64, 88),
            *_block(88, 120),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(120, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.pool(self.features(x))))
        return logits


def _block(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut. Its one ReLU runs twice and writes in place, and so does the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        activated: Tensor = self.relu(out)
        return activated


class ShapesResNet(nn.Module):
    """A small residual network, named like its big relatives. (N, 3, 96, 96) -> (N, 10) logits."""

    def __init__(self, classes: int = SHAPES) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(ResidualBlock(24, 32, stride=2), ResidualBlock(32, 32))
        self.layer2 = nn.Sequential(ResidualBlock(32, 64, stride=2), ResidualBlock(64, 64))
        self.layer3 = nn.Sequential(ResidualBlock(64, 96))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(96, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits


class EncoderLayer(nn.Module):
    """Attention, then a small network on each token, each added to what came in. (N, T, F) -> (N, T, F)."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features)
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(features)
        self.mlp = nn.Sequential(nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        # Training has no use for the weights of attention, and is faster without them; people want to look at them.
        mixed, _ = self.attention(y, y, y, need_weights=not self.training, average_attn_weights=False)
        x = x + mixed
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ShapesViT(nn.Module):
    """A small vision transformer: 64 tokens of 96 features behind a class token. (N, 3, 96, 96) -> (N, 10) logits."""

    def __init__(self, classes: int = SHAPES) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_block(3, 32, stride=2), *_block(32, 64, stride=2))
        self.patches = nn.Conv2d(64, 96, 3, stride=3)
        self.class_token = nn.Parameter(torch.zeros(1, 1, 96))
        self.positions = nn.Parameter(torch.randn(1, 65, 96) * 0.02)
        self.layers = nn.Sequential(*(EncoderLayer(96, 4) for _ in range(4)))
        self.norm = nn.LayerNorm(96)
        self.head = nn.Linear(96, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(self.stem(x)).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1) + self.positions
        logits: Tensor = self.head(self.norm(self.layers(tokens))[:, 0])
        return logits


class DigitsMLP(nn.Module):
    """784 - 128 - 64 - 10, all linear and ReLU. (N, 1, 28, 28) -> (N, 10) logits."""

    def __init__(self, classes: int = DIGITS) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(28 * 28, 128)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(128, 64)
        self.relu2 = nn.ReLU()
        self.fc3 = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.fc1(self.flatten(x)))
        logits: Tensor = self.fc3(self.relu2(self.fc2(x)))
        return logits


class DigitsCNN(nn.Module):
    """Two convolutions without padding, then one linear layer. (N, 3, 28, 28) -> (N, 10) logits.

    Its features keep the spatial layout of the image: (N, 64, 24, 24).
    """

    def __init__(self, classes: int = DIGITS) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU())
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(64 * 24 * 24, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.features(x)))
        return logits


ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "shapes-cnn": ShapesCNN,
    "shapes-resnet": ShapesResNet,
    "shapes-vit": ShapesViT,
    "shapes-shortcut": ShapesCNN,
    "digits-mlp": DigitsMLP,
    "digits-cnn": DigitsCNN,
    "efficientnet-lite0": EfficientNetLite0,
}
PRESET_NAMES = tuple(ARCHITECTURES)


def build(name: str, classes: int | None = None) -> nn.Module:
    """The untrained network of a preset, with whatever random weights torch draws, in training mode.

    ``classes`` is None for as many as the preset has. Raises ``KeyError`` for a name that is not in ``PRESET_NAMES``.
    """
    architecture = ARCHITECTURES[name]
    return architecture() if classes is None else architecture(classes)
