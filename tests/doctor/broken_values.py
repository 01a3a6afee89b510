"""The rest of the broken models: in place, frozen, dead, saturated, not finite, and several at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.broken import Images, Rows

# ------------------------------------------------------------------------------------------------------------- in place


class LeafOverwritten(Rows):
    """The input is a leaf that requires gradients: PyTorch refuses."""

    def forward(self, x: Tensor) -> object:
        x[:] = x * 2  # <- in_place_leaf
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class ParameterOverwritten(Rows):
    def forward(self, x: Tensor) -> object:
        self.first.weight.mul_(0.5)  # <- in_place_leaf
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class NeededLater(Rows):
    """The backward pass of ``exp`` needs its result, which is gone."""

    def forward(self, x: Tensor) -> object:
        h = torch.exp(self.first(x) / 4)
        h += 1  # <- in_place_needed
        return self.third(self.second(h))


class NeededByProduct(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        gate = torch.sigmoid(self.body(h))
        out = h * gate
        gate.mul_(2)  # <- in_place_needed
        return self.read(out)


class NeededActivation(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        y = self.second(h)
        h.zero_()  # <- in_place_needed
        return self.third(y)


# --------------------------------------------------------------------------------- frozen, unused, dead, saturated, NaN


class Frozen(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.first.weight.requires_grad_(False)  # <- frozen

    def forward(self, x: Tensor) -> object:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class Unused(Rows):
    """A layer that was built and is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten = nn.Linear(8, 8)  # <- unused

    def forward(self, x: Tensor) -> object:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class DeadReLU(Rows):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.second.bias, -100.0)

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = torch.relu(self.second(h))  # <- dead
        return self.third(h)


class DeadReLUModule(Images):
    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        nn.init.constant_(self.stem.bias, -100.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        h = self.relu(self.stem(x))  # <- dead
        return self.read(self.body(h))


class SaturatedSigmoid(Rows):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.first.bias, 200.0)

    def forward(self, x: Tensor) -> object:
        h = torch.sigmoid(self.first(x))  # <- saturated
        return self.third(self.second(h))


class SaturatedTanh(Images):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.body.bias, -300.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.body(F.relu(self.stem(x))))  # <- saturated
        return self.read(h)


class RootOfZero(Rows):
    """Distances of rows, each to itself among them: the value is fine, the slope of the root at zero is not."""

    def __init__(self) -> None:
        super().__init__()
        self.third = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        squares = ((h[:, None] - h[None]) ** 2).sum(-1)
        return self.third(torch.sqrt(squares))  # <- not_finite


class LogOfZero(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.softmax(self.first(x) * 1000, 1)
        h = torch.log(h)  # <- not_finite
        return self.third(torch.tanh(self.second(h)))


class HiddenDivision(Images):
    """``where`` picks the sound branch and multiplies the other one's infinite slope by zero, which is NaN."""

    def forward(self, x: Tensor) -> object:
        h = self.stem(x)
        h = h * (h > 0)
        h = torch.where(h > 0, 1 / h, torch.zeros_like(h))  # <- not_finite
        return self.read(self.body(h))


# ------------------------------------------------------------------------------------------------------ several at once


class TwoDetaches(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x)).detach()  # <- detach
        h = torch.relu(self.second(h)).detach()  # <- detach
        return self.third(h)


class DetachAndFrozen(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.third.weight.requires_grad_(False)  # <- frozen

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        return self.third(self.second(h.detach()))  # <- detach


class NoGradAndInteger(Images):
    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            h = F.relu(self.stem(x))  # <- no_grad
        h = F.relu(self.body(h))
        h = (h * 100).int().float()  # <- integer
        return self.read(h)


class DetachAndDead(Rows):
    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.third.bias, -100.0)
        self.last = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x).detach())  # <- detach
        h = torch.relu(self.third(self.second(h)))  # <- dead
        return self.last(h)


class ThreeWays(Images):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Conv2d(3, 4, 1)  # <- unused

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        side = self.body(h).detach()  # <- detach
        scale = h.mean().item()  # <- rewrapped
        return self.read(torch.full_like(h, scale) + side)


BROKEN_VALUES: tuple[type[nn.Module], ...] = (
    *(LeafOverwritten, ParameterOverwritten, NeededLater, NeededByProduct, NeededActivation),
    *(Frozen, Unused, DeadReLU, DeadReLUModule, SaturatedSigmoid, SaturatedTanh),
    *(RootOfZero, LogOfZero, HiddenDivision),
    *(TwoDetaches, DetachAndFrozen, NoGradAndInteger, DetachAndDead, ThreeWays),
)
