"""Models with a gradient that is missing, zero or not finite. Written before the doctor was.

The line that breaks each model ends in ``# <- cause``. What the doctor must
find is read off these marks, so that code and expectation cannot part.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE = (1, 3, 8, 8)
ROW = (4, 6)


def images() -> Tensor:
    """A batch of one small image."""
    return torch.randn(IMAGE, generator=torch.Generator().manual_seed(1))


def rows() -> Tensor:
    """Four rows of six numbers."""
    return torch.randn(ROW, generator=torch.Generator().manual_seed(2))


class Rows(nn.Module):
    """Three linear layers; the subclasses break what is between them."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)


class Images(nn.Module):
    """Two convolutions and a head; the subclasses break what is between them."""

    x = staticmethod(images)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.body, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 3)

    def read(self, maps: Tensor) -> Tensor:
        """Class scores from feature maps."""
        scores: Tensor = self.head(maps.mean((2, 3)))
        return scores


# -------------------------------------------------------------------------------------------------------------- detach


class DetachedInput(Rows):
    """The first layer still learns: it is the input that gets nothing."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x.detach())  # <- detach
        return self.third(torch.relu(self.second(torch.relu(h))))


class DetachedEarly(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = h.detach()  # <- detach
        return self.third(torch.relu(self.second(h)))


class DetachedLate(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.second(torch.relu(self.first(x))))
        return self.third(h.detach())  # <- detach


class DetachedOutput(Images):
    def forward(self, x: Tensor) -> object:
        scores = self.read(F.relu(self.body(F.relu(self.stem(x)))))
        return scores.detach()  # <- detach


class DetachedInPlace(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h.detach_()  # <- detach
        return self.third(self.second(h))


class Data(Rows):
    """``.data`` is a detach that nobody sees."""

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x)).data  # <- detach
        return self.third(torch.tanh(self.second(h)))


class Cut(nn.Module):
    """A module whose only deed is to detach."""

    def forward(self, x: Tensor) -> object:
        return x.detach()  # <- detach


class DetachedByModule(Images):
    def __init__(self) -> None:
        super().__init__()
        self.cut = Cut()

    def forward(self, x: Tensor) -> object:
        return self.read(F.relu(self.body(self.cut(F.relu(self.stem(x))))))


class DetachedSequence(nn.Sequential):
    """The same inside a plain sequence."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Linear(6, 8), nn.ReLU(), Cut(), nn.Linear(8, 3))


# ------------------------------------------------------------------------------------------ one path of several is cut


class ResidualBranchCut(Images):
    """The skip carries on; what the branch has learnt is thrown away."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        h = h + self.body(h).detach()  # <- detach
        return self.read(h)


class ResidualSkipCut(Images):
    """The branch carries on; the stem hears only of what went through it."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        h = h.detach() + self.body(h)  # <- detach
        return self.read(h)


class ResidualInputCut(Images):
    """The branch learns, and says nothing to what came before it."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        branch = self.body(h.detach())  # <- detach
        return self.read(h + branch)


class ResidualNoGrad(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        with torch.no_grad():
            branch = self.body(h)  # <- no_grad
        return self.read(h + branch)


class ConcatenationCut(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.third = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        left = self.second(h)
        right = torch.from_numpy(self.second(h).detach().numpy())  # <- detach
        return self.third(torch.cat([left, right], 1))


# ------------------------------------------------------------------------------------------------------------- no_grad


class NoGradEarly(Rows):
    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            h = self.first(x)  # <- no_grad
        return self.third(torch.relu(self.second(torch.relu(h))))


class NoGradLate(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.body(F.relu(self.stem(x))))
        with torch.no_grad():
            pooled = h.mean((2, 3))  # <- no_grad
        return self.head(pooled)


class NoGradWhole(Rows):
    @torch.no_grad()
    def forward(self, x: Tensor) -> object:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))  # <- no_grad


class SwitchedOff(Rows):
    def forward(self, x: Tensor) -> object:
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        h = self.first(x)  # <- no_grad
        torch.set_grad_enabled(before)
        return self.third(torch.relu(self.second(h)))


class Encoder(nn.Module):
    """A part that never records."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 8)

    @torch.no_grad()
    def forward(self, x: Tensor) -> object:
        return torch.tanh(self.layer(x))  # <- no_grad


class NoGradModule(nn.Module):
    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = Encoder(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> object:
        return self.decoder(self.encoder(x))


# ---------------------------------------------------------------------------------------------------- integer, discrete


class IntegerCast(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        steps = (h * 10).long()  # <- integer
        return self.third(self.second(steps.float()))


class IntegerInput(Images):
    def forward(self, x: Tensor) -> object:
        x = (x * 255).to(torch.uint8)  # <- integer
        return self.read(F.relu(self.body(F.relu(self.stem(x / 255)))))


class IntCast(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.sigmoid(self.second(torch.relu(self.first(x))))
        return self.third((10 * h).int().to(h.dtype))  # <- integer


class ArgMax(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        chosen = F.one_hot(h.argmax(1), 8).float()  # <- non_differentiable
        return self.third(chosen)


class ArgMaxOutput(Images):
    def forward(self, x: Tensor) -> object:
        scores = self.read(F.relu(self.body(F.relu(self.stem(x)))))
        return scores.argmax(1).float()  # <- non_differentiable


class Comparison(Rows):
    def forward(self, x: Tensor) -> object:
        gate = (self.first(x) > 0).float()  # <- non_differentiable
        return self.third(self.second(gate))


class TopIndices(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.third = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        places = h.topk(3, dim=1).indices  # <- non_differentiable
        return self.third(places.float())


class Rounded(Rows):
    """Rounding has a derivative, and it is zero."""

    def forward(self, x: Tensor) -> object:
        h = torch.round(self.first(x) * 4) / 4  # <- zero_derivative
        return self.third(torch.tanh(self.second(h)))


class Sign(Images):
    def forward(self, x: Tensor) -> object:
        h = torch.sign(self.stem(x))  # <- zero_derivative
        return self.read(F.relu(self.body(h)))


# ---------------------------------------------------------------------------------------------------- data wrapped anew


class NewTensor(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = torch.tensor(h.tolist())  # <- rewrapped
        return self.third(self.second(h))


class ThroughNumpy(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = torch.from_numpy(h.detach().numpy().copy())  # <- detach
        return self.third(self.second(h))


class Item(Rows):
    def forward(self, x: Tensor) -> object:
        scale = self.first(x).pow(2).mean().item()  # <- rewrapped
        return self.third(self.second(torch.full((4, 8), scale)))


class NewParameter(Rows):
    """A parameter made in the forward pass is a leaf of its own."""

    def forward(self, x: Tensor) -> object:
        h = nn.Parameter(torch.relu(self.first(x)))  # <- rewrapped
        return self.third(self.second(h))


class FloatOfEach(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.second(torch.relu(self.first(x))))
        means = torch.tensor([row.mean().item() for row in h])  # <- rewrapped
        return self.third(means[:, None].expand(4, 8))


BROKEN: tuple[type[nn.Module], ...] = (
    *(DetachedInput, DetachedEarly, DetachedLate, DetachedOutput, DetachedInPlace, Data, DetachedByModule),
    *(DetachedSequence, ResidualBranchCut, ResidualSkipCut, ResidualInputCut, ResidualNoGrad, ConcatenationCut),
    *(NoGradEarly, NoGradLate, NoGradWhole, SwitchedOff, NoGradModule),
    *(IntegerCast, IntegerInput, IntCast, ArgMax, ArgMaxOutput, Comparison, TopIndices, Rounded, Sign),
    *(NewTensor, ThroughNumpy, Item, NewParameter, FloatOfEach),
)
