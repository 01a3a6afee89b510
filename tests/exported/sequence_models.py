"""Small models with recurrent layers, transforms, matrices and boxes, as people write them."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn


class Reads(nn.Module):
    """Reads the rows of the picture, one after the other, as a CRNN reads the columns of its features."""

    def __init__(self, layer: nn.Module, width: int, batch_first: bool = True) -> None:
        super().__init__()
        self.conv, self.rnn, self.head = nn.Conv2d(3, 2, 3, padding=1), layer, nn.Linear(width, 5)
        self.batch_first = batch_first

    def forward(self, x: Tensor) -> Tensor:
        rows = self.conv(x).permute(0, 2, 1, 3).flatten(2)
        out, _ = self.rnn(rows if self.batch_first else rows.transpose(0, 1))
        scores: Tensor = self.head(out.mean(1 if self.batch_first else 0))
        return scores


class LastState(Reads):
    """Takes the last states instead of the outputs, and begins with its own."""

    def forward(self, x: Tensor) -> Tensor:
        rows = self.conv(x).permute(0, 2, 1, 3).flatten(2)
        first = torch.ones(1, 1, 5)
        _, (state, cell) = self.rnn(rows, (first, first / 2))
        scores: Tensor = self.head((state - cell)[0])
        return scores


class Cells(nn.Module):
    """Single steps of three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.long, self.gated, self.plain = nn.LSTMCell(24, 5), nn.GRUCell(24, 5), nn.RNNCell(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        states = None
        gated = plain = torch.zeros(1, 5)
        for row in x.transpose(1, 2).flatten(2).unbind(1)[:3]:
            states = self.long(row, states)
            gated, plain = self.gated(row, gated), self.plain(row, plain)
        assert states is not None
        total: Tensor = states[0] + gated * plain
        return total


class Spectral(nn.Module):
    """Filters in the plane of frequencies, as a global filter network does, and looks at phases."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.head = nn.Parameter(torch.randn(3, 8, 5, 2)), nn.Linear(3, 5)
        self.turn = nn.Parameter(torch.randn(3, 8, 8, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        seen = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.weight)
        x = torch.fft.irfft2(seen, s=(8, 8), norm="ortho")
        turned = torch.fft.fftshift(torch.fft.fft2(x)) * self.turn * 1j
        features = turned.abs() + turned.conj().real.tanh() + torch.fft.ifft(turned).imag
        scores: Tensor = self.head(features.mean((2, 3)))
        return scores


class Deformed(nn.Module):
    """A convolution whose places another one finds, with a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.mask, self.head = (
            nn.Conv2d(3, 18, 3, padding=1),
            nn.Conv2d(3, 9, 3, padding=1),
            nn.Linear(4, 5),
        )
        self.conv = torchvision.ops.DeformConv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.conv(x, self.places(x), self.mask(x).sigmoid()).tanh().mean((2, 3)))
        return scores


class Regions(nn.Module):
    """Looks at boxes, of which those that overlap too much are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 5)
        self.register_buffer("boxes", torch.tensor([[1.0, 1, 6, 6], [1, 1, 6, 5], [3, 0, 8, 7]]))

    def forward(self, x: Tensor) -> Tensor:
        x, boxes = self.conv(x), self.boxes
        assert isinstance(boxes, Tensor)
        kept = torchvision.ops.nms(boxes, x.mean() * torch.tensor([3.0, 2.0, 1.0]) + 9, 0.5)
        mean = torchvision.ops.roi_align(x, [boxes[kept]], 2).mean((0, 2, 3))
        largest = torchvision.ops.roi_pool(x, [boxes], 2).mean((0, 2, 3))
        own = torchvision.ops.ps_roi_align(x, [boxes], 2).sum() + torchvision.ops.ps_roi_pool(x, [boxes], 2).sum()
        scores: Tensor = self.head((mean + largest * own)[None])
        return scores


class Parametrised(nn.Module):
    """Weights that are made anew from others in every pass."""

    def __init__(self, way: str) -> None:
        super().__init__()
        kinds = nn.utils.parametrizations
        self.first = kinds.orthogonal(nn.Linear(8, 8), orthogonal_map=way)
        self.second = kinds.orthogonal(nn.Linear(8, 6), orthogonal_map=way)
        self.conv, self.head = kinds.weight_norm(nn.Conv2d(3, 3, 3)), kinds.spectral_norm(nn.Linear(3, 5))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.conv(self.second(self.first(x)).mT).tanh().mean((2, 3)))
        return scores


class Solves(nn.Module):
    """Equations, inverses and determinants of matrices that depend on the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        square = x @ x.mH + 9 * torch.eye(8)
        root = torch.linalg.cholesky(square)
        found = torch.linalg.solve(square, x) + torch.linalg.solve_triangular(root, x, upper=False)
        found = found + torch.linalg.inv(square) + torch.linalg.matrix_exp(x / 9) + torch.linalg.qr(square)[1]
        scores: Tensor = self.head(found.mean((2, 3)) + torch.linalg.slogdet(square)[1] + torch.logdet(square))
        return scores


class Empty(nn.Module):
    """Starts from tensors without values, one of no size."""

    def forward(self, x: Tensor) -> Tensor:
        filled = torch.empty(1, 3).fill_(2.0)
        return torch.cat([torch.empty(1, 0), filled * x.mean((2, 3)), torch.empty_like(filled).zero_()], 1)


class Losses(nn.Module):
    """Distances to a target, and how many numbers lie in each of four bins."""

    def __init__(self) -> None:
        super().__init__()
        self.target = nn.Buffer(torch.rand(1, 3, 8, 8))

    def forward(self, x: Tensor) -> Tensor:
        kinds = (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss)
        near = torch.stack([kind(x, self.target) for kind in kinds])
        return (near + F.mse_loss(x, self.target, reduction="none").amax() + torch.histc(x, 4, -1, 1) / 192)[None]


RECURRENT: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: Reads(nn.LSTM(16, 6, batch_first=True), 6),
    "lstm of two layers both ways": lambda: Reads(
        nn.LSTM(16, 6, 2, bidirectional=True, dropout=0.5, batch_first=True), 12
    ),
    "lstm with the batch second": lambda: Reads(nn.LSTM(16, 6), 6, False),
    "lstm with projections": lambda: Reads(nn.LSTM(16, 6, proj_size=4, batch_first=True), 4),
    "lstm without biases": lambda: Reads(nn.LSTM(16, 6, bias=False, batch_first=True), 6),
    "last states": lambda: LastState(nn.LSTM(16, 5, batch_first=True), 5),
    "gru": lambda: Reads(nn.GRU(16, 6, 2, bidirectional=True, batch_first=True), 12),
    "gru with the batch second": lambda: Reads(nn.GRU(16, 6, bias=False), 6, False),
    "rnn": lambda: Reads(nn.RNN(16, 6, 2, bidirectional=True, batch_first=True), 12),
    "rnn with relu": lambda: Reads(nn.RNN(16, 6, nonlinearity="relu", batch_first=True), 6),
}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "cells": Cells,
    "spectral": Spectral,
    "deformed": Deformed,
    "regions": Regions,
    **{f"orthogonal by {way}": lambda way=way: Parametrised(way) for way in ("matrix_exp", "cayley", "householder")},  # type: ignore[misc]
    "solves": Solves,
    "empty": Empty,
    "losses": Losses,
}


def built(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval().requires_grad_(False)
