"""Finer points: gradients that are zero, gone, or huge for reasons that look like others, and what only looks broken.

Each class has ``level``, the level of its findings. Lines are marked as in ``broken.py``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.broken import Rows, rows

# ------------------------------------------------------------------------------------------------ too small, too large


class Deeper(nn.Module):
    """So many sigmoids that float32 has no numbers small enough for the first gradients."""

    x, level, depth = staticmethod(rows), "broken", 80

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(self.depth))

    def forward(self, x: Tensor) -> object:
        for layer in self.layers:
            x = torch.sigmoid(layer(x))  # <- vanishing
        return x


class HardlyAnything(nn.Module):
    """Thirty sigmoids: the first gradients are there, and their squares are not."""

    x, level = staticmethod(rows), "partial"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.layers = nn.Linear(6, 6), nn.ModuleList(nn.Linear(6, 6) for _ in range(29))

    def forward(self, x: Tensor) -> object:
        h = self.first(x)  # <- vanishing
        for layer in self.layers:
            h = layer(torch.sigmoid(h))
        return h


class HardlyAnythingBesideZero(HardlyAnything):
    """A branch that starts at zero does not hide it."""

    level = ""  # one is partial, the other a note

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.gate = nn.Linear(6, 6), nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> object:
        h = self.first(x)  # <- vanishing
        for layer in self.layers:
            h = layer(torch.sigmoid(h))
        return h + self.gate * torch.tanh(self.inner(h))  # <- zero_factor


class Overflowing(nn.Module):
    """Weights a hundred times too large: squares of the gradients leave float32, and then the gradients do."""

    x, level = staticmethod(rows), "broken"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.layers = nn.Linear(6, 6), nn.ModuleList(nn.Linear(6, 6) for _ in range(29))
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=100.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        h = self.first(x)  # <- exploding
        for layer in self.layers:
            h = layer(torch.sin(h))
        return h


class OneLayerOften(nn.Module):
    """A recurrent network: one weight, forty times."""

    x, level = staticmethod(rows), "partial"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(6, 6)
        nn.init.normal_(self.layer.weight, std=1.5)

    def forward(self, x: Tensor) -> object:
        for _ in range(40):
            x = torch.sin(self.layer(x))  # <- exploding
        return x


# ---------------------------------------------------------------------------------------------------------------- zero


class ResidualGate(Rows):
    level = "note"

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        return self.third(h + self.gate * torch.tanh(self.second(h)))  # <- zero_factor


class ZeroHead(Rows):
    level = "note"

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.third.weight)
        nn.init.zeros_(self.third.bias)

    def forward(self, x: Tensor) -> object:
        h = F.gelu(self.second(F.gelu(self.first(x))))
        return self.third(h)  # <- zero_factor


class LowRank(Rows):
    """An adapter beside a layer: its second matrix starts at zero."""

    level = "note"

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        low = self.down(h)
        return self.third(self.second(h) + self.up(low))  # <- zero_factor


class BothZero(LowRank):
    """Both of its matrices do, and neither will ever learn."""

    level = "broken"

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        low = self.down(h)
        return self.third(self.second(h) + self.up(low))  # <- zero_factor


class ZeroBeforeTanh(Rows):
    """One slot of a product after the other: the weight before the tanh, and the weight after it."""

    level = "note"

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        h = torch.tanh(self.second(h))  # <- zero_factor
        return self.third(h)  # <- zero_factor


class DroppedPath(Rows):
    level = "note"

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        keep = torch.zeros(4, 1)
        return self.third(h + self.second(h) * keep)  # <- zero_factor


class WeightOfZero(Rows):
    """A term of the loss whose weight is zero."""

    level = "note"

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        extra = self.second(h).pow(2).mean() * 0  # <- zero_factor
        return self.third(h).mean() + extra


class PerfectFit(Rows):
    level = ""  # one is partial, the other a note

    def forward(self, x: Tensor) -> object:
        scores = self.third(torch.tanh(self.second(torch.tanh(self.first(x)))))
        target = scores.detach()  # <- detach
        return F.mse_loss(scores, target)  # <- flat_loss


class SharedBias(Rows):
    """What two sides share has no effect on their difference."""

    level = "note"

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.second(torch.tanh(self.first(x))))
        return (self.third(h[:2]) - self.third(h[2:])).pow(2)  # <- cancels


class SharedByOneCall(Rows):
    """The same, in one call for both; that the bias starts at zero has no part in it."""

    level = "note"

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.third.bias)

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.second(torch.tanh(self.first(x))))
        scores = self.third(h)  # <- cancels
        return (scores[:2] - scores[2:]).sum()


class FilledOver(Rows):
    """A mask that leaves nothing."""

    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        h = h.masked_fill(torch.ones(4, 8, dtype=torch.bool), 2.0)  # <- zero_derivative
        return self.third(self.second(h))


class SureSoftmax(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = self.second(torch.tanh(self.first(x)))
        return self.third(torch.softmax(h * 1e5, 1))  # <- zero_derivative


# --------------------------------------------------------------------------------------------------------------- hooks


class HookToZero(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        h.register_hook(lambda slope: slope * 0)  # type: ignore[no-untyped-call] # <- hook
        return self.third(self.second(h))


class HookToNaN(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        h.register_hook(lambda slope: slope * float("nan"))  # type: ignore[no-untyped-call] # <- hook
        return self.third(self.second(h))


# ------------------------------------------------------------------------------------------- a way that ends somewhere


class GivesNone(torch.autograd.Function):
    """Its backward pass forgets to return something."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2  # <- no_way_back

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> None:
        return None


class NoneBack(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        return self.third(self.second(GivesNone.apply(self.first(x))))


class Marks(torch.autograd.Function):
    """Says of its result that it cannot be differentiated."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        twice = x * 2  # <- no_way_back
        ctx.mark_non_differentiable(twice)
        return twice

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> Tensor:
        return slope


class Marked(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        return self.third(self.second(Marks.apply(self.first(x))))


class SlopeOnce(Rows):
    """A force as the derivative of an energy, which itself cannot be differentiated."""

    level = "broken"

    def forward(self, x: Tensor) -> object:
        energy = self.third(torch.tanh(self.second(torch.tanh(self.first(x))))).sum()
        (force,) = torch.autograd.grad(energy, x)  # <- no_create_graph
        return force


class SlopeTwice(Rows):
    """The last bias is not in the derivative."""

    level = "note"

    def forward(self, x: Tensor) -> object:
        energy = self.third(torch.tanh(self.second(torch.tanh(self.first(x))))).sum()
        (force,) = torch.autograd.grad(energy, x, create_graph=True)  # <- no_way_back
        return force


class CopiedBehind(Rows):
    """Through ``.data``: the values of one layer stand where another's gradient goes."""

    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        h.data.copy_(torch.tanh(self.first(x) * 2) + self.second(torch.zeros(4, 8)))  # <- detach
        return self.third(h)


FINER_BROKEN: tuple[type[nn.Module], ...] = (
    *(Deeper, HardlyAnything, HardlyAnythingBesideZero, Overflowing, OneLayerOften),
    *(ResidualGate, ZeroHead, LowRank, BothZero, ZeroBeforeTanh, DroppedPath, WeightOfZero, PerfectFit, SharedBias),
    *(
        SharedByOneCall,
        FilledOver,
        SureSoftmax,
        HookToZero,
        HookToNaN,
        NoneBack,
        Marked,
        SlopeOnce,
        SlopeTwice,
        CopiedBehind,
    ),
)
