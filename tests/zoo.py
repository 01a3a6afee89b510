"""Awkward models, each in one way."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo_norms import ChannelsLast, NormThenScale, PatchNorm

Pair = namedtuple("Pair", ["scores", "features"])


class InPlace(nn.Module):
    """Every kind of writing: ``inplace=True``, ``+=``, ``mul_`` and a functional ``relu_``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(x))
        y += x
        y = self.relu(y)
        z = self.conv2(y)
        z.mul_(1.5)
        F.relu_(z)
        scores: Tensor = self.head(z.mean((2, 3)))
        return scores


class WritesInput(nn.Module):
    """Changes its own input, and a value that another branch reads afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x.mul_(2.0).add_(0.1)
        y = self.conv(x)
        z = self.act(y)
        return self.head((y + 0.5 * z).mean((2, 3)))  # type: ignore[no-any-return]


class Reused(nn.Module):
    """One linear layer three times, and one that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Flatten()
        self.first = nn.Linear(3 * 8 * 8, 7)
        self.again = nn.Linear(7, 7)
        self.never = nn.Linear(7, 7)
        self.softplus = nn.Softplus()
        self.head = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.flat(x))
        for _ in range(3):
            x = self.softplus(self.again(x))
        return self.head(x)  # type: ignore[no-any-return]


class FunctionalOnly(nn.Module):
    """Weights without modules: the input and the output are the only sites."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3) / 5)

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(F.conv2d(x, self.weight)).mean((2, 3))


class TupleOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = _Two()

    def forward(self, x: Tensor) -> Pair:
        scores, (features,) = self.body(x)
        return Pair(scores, features)


class _Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = torch.tanh(self.conv(x))
        return self.head(features.mean((2, 3))), [features]


class DictOut(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = _Two()

    def forward(self, x: Tensor) -> dict[str, Any]:
        scores, (features,) = self.body(x)
        return {"logits": scores, "features": features, "name": "dict"}


class TrainModeNorm(nn.Module):
    """Batch norm without running statistics: it uses the batch's own, also in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5, track_running_stats=False)
        self.act = nn.ELU()
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.norm(self.conv(x))).mean((2, 3)))  # type: ignore[no-any-return]


class Detached(nn.Module):
    """Two branches; one is cut by a detach."""

    def __init__(self) -> None:
        super().__init__()
        self.open = nn.Conv2d(3, 5, 3)
        self.cut = nn.Conv2d(3, 5, 3)
        self.after = nn.Conv2d(5, 5, 1)
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        blocked = self.after(self.cut(x).detach())
        return self.head((torch.tanh(self.open(x)) * torch.sigmoid(blocked)).mean((2, 3)))  # type: ignore[no-any-return]


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(6, 5)
        self.right = nn.Linear(3, 5)
        self.head = nn.Linear(5, 4)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.head(torch.tanh(self.left(a)) * self.right(b))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Patches, attention (a tuple, and a fast path in evaluation mode), layer norm, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        normed = self.norm(tokens)
        mixed, _ = self.attention(normed, normed, normed, need_weights=False)
        tokens = tokens + mixed
        tokens = tokens + self.mlp(tokens)
        return self.head(tokens.mean(1))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """torch's own encoder layer, which skips its submodules on a fast path when no gradient is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True), 2, enable_nested_tensor=False
        )
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1))  # type: ignore[no-any-return]


class Pools(nn.Module):
    """Every other kind of layer with a gradient of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1, groups=1, dilation=1)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4)
        self.silu = nn.SiLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.group = nn.GroupNorm(2, 4)
        self.up = nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1)
        self.avgpool = nn.AvgPool2d(2)
        self.adaptive = nn.AdaptiveAvgPool2d(2)
        self.dropout = nn.Dropout(0.5)
        self.flat = nn.Flatten()
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.silu(self.depthwise(self.conv(x)))
        x = self.up(self.group(self.maxpool(x)))
        return self.head(self.dropout(self.flat(self.adaptive(self.avgpool(x)))))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """Rows as a sequence; the last state of the memory cell leads nowhere, and attention's weights neither."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.rows = nn.LSTM(36, 5, batch_first=True)
        self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
        self.head = nn.Linear(5, 4)
        self.auxiliary = nn.Linear(5, 7)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        states, _ = self.rows(self.conv(x).transpose(1, 2).flatten(2))
        mixed, _ = self.attention(states, states, states)
        return self.head(mixed[:, -1]), {"auxiliary": self.auxiliary(states)}


class FromDictionary(nn.Module):
    """Takes its image, and how strongly it counts, in one dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(192, 4)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        return self.body(batch["image"].flatten(1)) * batch["more"]["weight"]  # type: ignore[no-any-return]


class ByKeyword(nn.Module):
    """Takes nothing by position."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(192, 4)

    def forward(self, *, pixel_values: Tensor, scale: float = 1.0) -> Tensor:
        return self.body(pixel_values.flatten(1)) * scale  # type: ignore[no-any-return]


class OfAList(nn.Module):
    """Takes any number of images in a list, as detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(192, 4)

    def forward(self, images: list[Tensor]) -> Tensor:
        return torch.stack([self.body(image.flatten()) for image in images]).mean(0, keepdim=True)


class Vae(nn.Module):
    """Draws its code at random, in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(192, 5), nn.Linear(192, 5)
        self.decoder = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.mean(x.flatten(1)), self.spread(x.flatten(1))
        code = mean + torch.exp(0.5 * spread) * torch.randn_like(mean)
        return self.decoder(torch.tanh(code))  # type: ignore[no-any-return]


class Adapts(nn.Module):
    """Meta-learning: one step down the slope of a loss of its own, and the answer with the weights after it."""

    rate = 0.3

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(192, 5), nn.Linear(5, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        features = torch.tanh(self.body(x.flatten(1)))
        loss = self.head(features).square().mean()
        weights = [weight for weight in self.head.parameters() if weight.requires_grad]
        (slope,) = torch.autograd.grad(loss, weights, create_graph=True)
        return F.linear(features, self.head.weight - self.rate * slope)

    def by_hand(self, x: Tensor) -> Tensor:
        """The same with the inner gradient written out: ∂ mean(z²)/∂W = 2 zᵀ f / K for z = f Wᵀ."""
        features = torch.tanh(self.body(x.flatten(1)))
        weight = self.head.weight
        scores = features @ weight.T
        slope = 2 * scores.T @ features / scores.numel()
        return features @ (weight - self.rate * slope).T


class Energy(nn.Module):
    """One step down the slope of an energy of the picture, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.energy, self.head = nn.Linear(192, 7), nn.Linear(192, 4)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            flat = x.flatten(1)
            energy = F.softplus(self.energy(flat)).sum()
            (slope,) = torch.autograd.grad(energy, flat, create_graph=True)
        return self.head(flat - slope)  # type: ignore[no-any-return]

    def by_hand(self, x: Tensor) -> Tensor:
        """The same with the inner gradient written out: Wᵀ σ(W x + b)."""
        flat = x.flatten(1)
        return self.head(flat - torch.sigmoid(self.energy(flat)) @ self.energy.weight)  # type: ignore[no-any-return]


IMAGE_MODELS: dict[str, type[nn.Module]] = {
    "in-place": InPlace,
    "writes-input": WritesInput,
    "reused": Reused,
    "functional": FunctionalOnly,
    "tuple": TupleOut,
    "dict": DictOut,
    "train-mode-norm": TrainModeNorm,
    "detached": Detached,
    "attention": Attention,
    "encoder": Encoder,
    "pools": Pools,
    "patch-norm": PatchNorm,
    "channels-last": ChannelsLast,
    "norm-then-scale": NormThenScale,
}
"""Each takes (1, 3, 8, 8) and scores four classes."""


MIXING = frozenset({"train-mode-norm"})
"""Those in which the images of a batch are no strangers to each other."""


OTHER_MODELS: dict[str, type[nn.Module]] = {
    "recurrent": Recurrent,
    "from-dictionary": FromDictionary,
    "by-keyword": ByKeyword,
    "of-a-list": OfAList,
    "vae": Vae,
    "adapts": Adapts,
    "energy": Energy,
}
"""Those that leave values unused, take something else, draw random numbers, or differentiate in their forward pass."""


def build(name: str) -> nn.Module:
    """A seeded model of the zoo, in evaluation mode and double precision; its batch norms hold odd statistics."""
    torch.manual_seed(sum(map(ord, name)))
    module = (IMAGE_MODELS | OTHER_MODELS)[name]().double().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.normal_(std=0.2)
            part.running_var.uniform_(0.5, 1.5)
    return module


def image() -> Tensor:
    return torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
