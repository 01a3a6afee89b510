"""Models in which nothing is wrong, many of which do what looks wrong: the doctor must find nothing in them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.broken import Images, Rows


class Plain(Rows):
    def forward(self, x: Tensor) -> object:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class Convolutions(Images):
    def forward(self, x: Tensor) -> object:
        return self.read(F.relu(self.body(F.relu(self.stem(x)))))


class InPlaceReLU(Images):
    """In place, on values that nobody needs any more."""

    def forward(self, x: Tensor) -> object:
        return self.read(F.relu_(self.body(F.relu_(self.stem(x)))))


class InPlaceSum(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        out = self.body(h)
        out += h
        return self.read(F.relu_(out))


class Residual(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        return self.read(h + F.relu(self.body(h)))


class Reused(Rows):
    """One layer three times."""

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        for _ in range(3):
            h = torch.tanh(self.second(h))
        return self.third(h)


class Logged(Rows):
    """Numbers for a log are taken out and go nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[float] = []

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        self.log.append(h.mean().item())
        self.log.append(float(h.detach().abs().max()))
        return self.third(torch.relu(self.second(h)))


class Watched(Rows):
    """A running mean under ``no_grad``, beside the path."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        with torch.no_grad():
            self.mean = 0.9 * self.mean + 0.1 * h.mean(0)
        return self.third(self.second(h))


class Masked(Rows):
    """A comparison makes a mask; the gradient goes through what is masked."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        return self.third(self.second(h * (h > 0)))


class ShapesUnderNoGrad(Rows):
    """A mask of constants, made where nothing is recorded."""

    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            mask = torch.ones(x.shape[0], 8).tril()
        return self.third(torch.relu(self.second(torch.relu(self.first(x)) * mask)))


class Gathered(Rows):
    """Indices from ``topk``; the values carry the gradient."""

    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        order = h.detach().argsort(1)
        return self.third(h.gather(1, order))


class TopValues(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.best = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> object:
        h = torch.cat([self.second(torch.relu(self.first(x))), self.third(torch.relu(self.first(x)))], 1)
        return self.best(h.topk(3, dim=1).values)


class Dropped(Rows):
    """Dropout at rest."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.eval()

    def forward(self, x: Tensor) -> object:
        return self.third(self.dropout(torch.relu(self.second(torch.relu(self.first(x))))))


class Normalised(Images):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(4)
        self.eval()

    def forward(self, x: Tensor) -> object:
        return self.read(F.relu(self.norm(self.body(F.relu(self.stem(x))))))


class Words(nn.Module):
    """Whole numbers choose rows of a table: the table learns, and whole numbers have no gradient to miss."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.out = nn.Embedding(10, 6), nn.Linear(6, 3)

    @staticmethod
    def x() -> Tensor:
        """Five words."""
        return torch.tensor([[1, 4, 7, 1, 0]])

    def forward(self, x: Tensor) -> object:
        return self.out(torch.tanh(self.table(x)).mean(1))


class Attention(nn.Module):
    """Queries, keys and values from one layer, and a mask of the future."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.all, self.out = nn.Linear(6, 18), nn.Linear(6, 3)

    @staticmethod
    def x() -> Tensor:
        """Five tokens of six numbers."""
        return torch.randn((1, 5, 6), generator=torch.Generator().manual_seed(3))

    def forward(self, x: Tensor) -> object:
        query, key, value = self.all(x).chunk(3, dim=-1)
        scores = query @ key.transpose(1, 2) / 6**0.5
        scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), float("-inf"))
        return self.out((scores.softmax(-1) @ value).mean(1))


class Clamped(Rows):
    """Clamped where it hardly matters."""

    def forward(self, x: Tensor) -> object:
        return self.third(torch.clamp(self.second(torch.relu(self.first(x))), -50, 50))


class Written(Rows):
    """Written into a fresh tensor, row by row: copies carry gradients."""

    def forward(self, x: Tensor) -> object:
        out = torch.zeros(x.shape[0], 8)
        for i in range(x.shape[0]):
            out[i] = torch.relu(self.first(x[i]))
        return self.third(self.second(out))


class SafeDivision(Images):
    """The right way round ``where``: the divisor is made safe first."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        safe = torch.where(h > 0.01, h, torch.ones_like(h))
        return self.read(self.body(torch.where(h > 0.01, 1 / safe, h)))


class Branches(Rows):
    """Which way is taken depends on a number; both ways carry gradients."""

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = torch.tanh(h) if h.mean().item() > 0 else torch.sigmoid(h)
        return self.third(self.second(h))


class Cloned(Rows):
    def forward(self, x: Tensor) -> object:
        x = x.clone()
        x[:] = x * 2
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class Recurrent(nn.Module):
    """Two steps of a GRU."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.out = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 3)

    @staticmethod
    def x() -> Tensor:
        """Two steps of six numbers."""
        return torch.randn((1, 2, 6), generator=torch.Generator().manual_seed(4))

    def forward(self, x: Tensor) -> object:
        states, _ = self.cell(x)
        return self.out(states[:, -1])


SOUND: tuple[type[nn.Module], ...] = (
    *(Plain, Convolutions, InPlaceReLU, InPlaceSum, Residual, Reused, Logged, Watched, Masked, ShapesUnderNoGrad),
    *(Gathered, TopValues, Dropped, Normalised, Words, Attention, Clamped, Written, SafeDivision, Branches, Cloned),
    Recurrent,
)
