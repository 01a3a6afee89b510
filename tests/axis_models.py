"""Small networks with one kind of block each, for what is said of their axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Mixer(nn.Module):
    """An MLP-Mixer: linear layers over the tokens, then over the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 10, 4, stride=4)
        self.first, self.second = nn.LayerNorm(10), nn.LayerNorm(10)
        self.tokens = nn.Sequential(nn.Linear(9, 14), nn.GELU(), nn.Linear(14, 9))
        self.channels = nn.Sequential(nn.Linear(10, 15), nn.GELU(), nn.Linear(15, 10))
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.first(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.second(x))
        return self.head(x.mean(1))  # type: ignore[no-any-return]


class ConvMixer(nn.Module):
    """The same, written with convolutions of width one over (1, tokens, channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(48, 10)
        self.norm = nn.LayerNorm(10)
        self.tokens = nn.Sequential(nn.Conv1d(9, 14, 1), nn.GELU(), nn.Conv1d(14, 9, 1))
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 4, 5, 1).reshape(1, 9, 48)
        x = self.embed(patches)
        return self.head((x + self.tokens(self.norm(x))).mean(1))  # type: ignore[no-any-return]


class PoolFormer(nn.Module):
    """Pooling in place of attention, group norm, and an MLP of 1x1 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.norm, self.pool = nn.GroupNorm(1, 8), nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.mlp = nn.Sequential(nn.Conv2d(8, 16, 1), nn.GELU(), nn.Conv2d(16, 8, 1))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x)
        normed = self.norm(x)
        x = x + self.pool(normed) - normed
        x = x + self.mlp(x)
        return self.head(x.mean((2, 3)))  # type: ignore[no-any-return]


class Detector(nn.Module):
    """Two heads over two scales: (1, 4 + classes, anchors), and (1, anchors, 4 + classes)."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, stride=2, padding=1)
        self.first, self.second = nn.Conv2d(6, 7, 1), nn.Conv2d(6, 3 * 7, 1)
        self.raw, self.boxes, self.joined = nn.Identity(), nn.Identity(), nn.Sigmoid()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.fine(x)
        maps = fine, self.coarse(fine)
        first = torch.cat([self.first(one).flatten(2) for one in maps], 2)
        second = [self.second(one).view(1, 3, 7, *one.shape[2:]).permute(0, 1, 3, 4, 2) for one in maps]
        boxes = self.boxes(torch.cat([one.reshape(1, -1, 7) for one in second], 1))
        return self.joined(self.raw(first)), boxes


class SingleShot(nn.Module):
    """Boxes of several scales, of which the last is a single place."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(3, 3 * 5, 1) for _ in range(3))
        self.boxes = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for head, size in zip(self.heads, (4, 2, 1), strict=True):
            y = head(F.adaptive_avg_pool2d(x, size))
            found.append(y.view(1, 3, 5, size, size).permute(0, 3, 4, 1, 2).reshape(1, -1, 5))
        return self.boxes(torch.cat(found, 1))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    """Rows of the picture, one after the other."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.rows = kind(36, 5, batch_first=True)
        self.dropout, self.head = nn.Dropout(0.1), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rows(x.permute(0, 2, 1, 3).flatten(2))
        return self.head(self.dropout(states)[:, -1])  # type: ignore[no-any-return]


class Sequences(nn.Module):
    """One dimension: everything that keeps the shape after a convolution keeps its meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.flat = nn.Conv2d(3, 6, 3, padding=1), nn.Flatten(2)
        self.body = nn.Sequential(nn.Conv1d(6, 9, 3, padding=1), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.2))
        self.pool, self.up = nn.MaxPool1d(2), nn.Upsample(scale_factor=3)
        self.drop, self.head = nn.Dropout1d(0.1), nn.Linear(9, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.up(self.pool(self.body(self.flat(self.conv(x)))))).mean(2))  # type: ignore[no-any-return]


class Volumes(nn.Module):
    """Three dimensions, made of the picture's rows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU()
        self.instance, self.pool = nn.InstanceNorm3d(4, affine=True), nn.AvgPool3d(2)
        self.last, self.head = nn.LayerNorm(4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.instance(self.act(self.norm(self.conv(x.reshape(1, 3, 4, 3, 12))))))
        return self.head(self.last(x.permute(0, 2, 3, 4, 1)).mean((1, 2, 3)))  # type: ignore[no-any-return]


class Heads(nn.Module):
    """Attention by hand: what each of two heads holds is an item of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.qkv, self.out = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, 24), nn.Linear(8, 8)
        self.queries, self.weights, self.mixed, self.head = (
            nn.Identity(),
            nn.Softmax(-1),
            nn.Identity(),
            nn.Linear(8, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).reshape(1, 9, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        weights = self.weights(self.queries(q) @ k.transpose(-2, -1))
        mixed = self.mixed((weights @ v).transpose(1, 2).reshape(1, 9, 8))
        return self.head((tokens + self.out(mixed)).mean(1))  # type: ignore[no-any-return]


class Nothing(nn.Module):
    """Operations that say nothing of channels, up to a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.flat, self.head = nn.Tanh(), nn.Flatten(), nn.Linear(432, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.flat(self.rows(x.flatten(2))))  # type: ignore[no-any-return]


class Transformed(nn.Module):
    """Maps whose rows are multiplied by fixed matrices, one for each channel; then the channels come last."""

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(3, 5, 1), nn.Identity()
        self.register_buffer("basis", torch.ones(5, 12, 12))

    def forward(self, x: Tensor) -> Tensor:
        return self.last((self.conv(x) @ self.basis).permute(0, 2, 3, 1))  # type: ignore[no-any-return]


class Memory(nn.Module):
    """Attention of two heads over tokens that were learned, and come out of a module of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.learned = nn.Conv2d(3, 8, 4, stride=4), _Learned()
        self.queries, self.keys, self.values = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.weights, self.mixed = nn.Softmax(-1), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        learned = self.learned(x)
        q = self.queries(tokens).reshape(1, 9, 2, 4).transpose(1, 2)
        k, v = (layer(learned).reshape(1, 5, 2, 4).transpose(1, 2) for layer in (self.keys, self.values))
        return self.mixed((self.weights(q @ k.transpose(-2, -1)) @ v).transpose(1, 2).reshape(1, 9, 8))  # type: ignore[no-any-return]


class _Learned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.ones(1, 5, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.tokens * 1
