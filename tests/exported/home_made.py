"""Small models that people write themselves."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FunctionalRelu(nn.Module):
    """No module computes the ReLU, and one of them overwrites what a layer gave."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x), inplace=True)
        x = self.second(x)
        x += 1
        scores: Tensor = self.head(F.relu(x).mean((2, 3)))
        return scores


class Reused(nn.Module):
    """One convolution and one in-place ReLU, three times over."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=True), nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(3):
            x = self.relu(self.conv(x)) + x
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class DictionaryOutput(nn.Module):
    """Scores by name, and features in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> dict[str, object]:
        features = self.conv(x)
        return OrderedDict(scores=self.head(features.relu().mean((2, 3))), features=[features, (features.sigmoid(),)])


class AnySize(nn.Module):
    """Computes with the sizes of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        tokens = x.reshape(x.shape[0], 4, x.shape[2] * x.shape[3]).transpose(1, 2)
        place = torch.arange(tokens.shape[1], dtype=x.dtype, device=x.device) / tokens.shape[1]
        scores: Tensor = self.head((tokens.sin() * place[:, None]).mean(1))
        return scores


class Drawn(nn.Module):
    """Looks at its features through noise."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        scores: Tensor = self.head((x + torch.randn_like(x)).relu().mean((2, 3)))
        return scores


class WithoutGradient(nn.Module):
    """A part of it is computed under ``torch.no_grad()``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        with torch.no_grad():
            scale = x.amax((2, 3), keepdim=True)
        scores: Tensor = self.head(self.drop((x / scale).tanh().mean((2, 3))))
        return scores


class Normed(nn.Module):
    """A batch norm whose small number is not small, so that it counts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.5, momentum=0.01), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.norm(self.conv(x)).tanh().mean((2, 3)))
        return scores


class Attentive(nn.Module):
    """Tokens, attention both ways of writing it, and a table of places."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.place = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, 4, 8))
        self.attention, self.qkv = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 24)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.place
        x = x + self.attention(*[self.norm(x)] * 3, need_weights=False)[0]
        q, k, v = self.qkv(x).reshape(x.shape[0], -1, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        mask = torch.full((4, 4), float("-inf")).triu(1)
        x = x + F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        scores: Tensor = self.head(torch.einsum("btf,t->bf", F.gelu(x), torch.ones(4) / 4))
        return scores


ALL = (FunctionalRelu, Reused, DictionaryOutput, AnySize, WithoutGradient, Attentive)


def built(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return kind().eval().requires_grad_(False)


def image() -> Tensor:
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
