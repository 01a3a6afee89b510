"""Tiny models that attend, each in another way."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import VisionTransformer

SIDE = 24
CLASSES = 5


def spread(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in evaluation mode, with parameters large enough that attention is not the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.4, generator=generator)
    return module.eval()


def picture(rows: int = SIDE, columns: int = SIDE) -> Tensor:
    return torch.randn(1, 3, rows, columns, generator=torch.Generator().manual_seed(1))


def vision_transformer(layers: int = 3) -> nn.Module:
    """torchvision's: nine patches behind a class token, two heads, attention in a fused kernel."""
    sizes = {"patch_size": 8, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 12}
    return spread(VisionTransformer(SIDE, num_layers=layers, num_classes=CLASSES, **sizes))


class ByHand(nn.Module):
    """Attention of two heads as softmax and a product of matrices; ``how`` says which."""

    def __init__(self, how: str, features: int = 8) -> None:
        super().__init__()
        self.how = how
        self.qkv = nn.Linear(features, 3 * features)
        self.attn_drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        images, tokens, features = x.shape
        q, k, v = self.qkv(x).reshape(images, tokens, 3, 2, features // 2).permute(2, 0, 3, 1, 4)
        if self.how == "fused":
            mixed = functional.scaled_dot_product_attention(q, k, v)
        elif self.how == "einsum":
            weights = torch.einsum("b h i d, b h j d -> b h i j", q, k).softmax(dim=-1)
            mixed = torch.einsum("b h i j, b h j d -> b h i d", weights, v)
        elif self.how == "from the right":
            weights = functional.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
            mixed = (v.transpose(-2, -1) @ weights.transpose(-2, -1)).transpose(-2, -1)
        else:
            weights = self.attn_drop((q @ k.transpose(-2, -1) / 2).softmax(dim=-1))
            mixed = weights @ v
        return mixed.transpose(1, 2).reshape(images, tokens, features)


class Patches(nn.Module):
    """Patches in rows, attention that is given, and one number for each class from the mean of all tokens."""

    def __init__(self, attention: ByHand, features: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, features, 8, stride=8)
        self.attention = attention
        self.head = nn.Linear(features, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        logits: Tensor = self.head((tokens + self.attention(tokens)).mean(1))
        return logits


WAYS = ("fused", "product", "einsum", "from the right")


def by_hand(how: str) -> Patches:
    made = Patches(ByHand(how))
    spread(made)
    return made


class AllThrough(nn.Module):
    """Lets ``multi_head`` attend as it likes: one call, with whatever it takes."""

    def __init__(self, multi_head: nn.MultiheadAttention, **how: object) -> None:
        super().__init__()
        self.multi_head, self.how = multi_head, how

    def forward(self, *given: Tensor) -> object:
        return self.multi_head(*given, **self.how)


class Residual(nn.Module):
    """Attention with a path round it."""

    def __init__(self, attention: ByHand) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = x + self.attention(x)
        return summed
