"""The rest of the finer points: values that are not finite, dead and flat units, and what only looks broken."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.doctor.broken import Images, Rows

# ----------------------------------------------------------------------------------------------------------- not finite


class InfinityTimesZero(Rows):
    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = h * float("inf")  # <- not_finite
        return self.third(self.second(h + 1))


class ZeroByZero(Rows):
    """The infinities are the author's; the NaN is not."""

    level = "broken"

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        h = h.clamp(-float("inf"), float("inf")) / h  # <- not_finite
        h = torch.where(h > 1e9, float("inf"), h)
        return self.third(self.second(h))


class MaskedRow(nn.Module):
    """A row of the mask is all minus infinity: the mask is right, and its softmax is 0/0."""

    level = "broken"
    x = staticmethod(lambda: torch.randn((1, 5, 6), generator=torch.Generator().manual_seed(3)))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.all, self.out = nn.Linear(6, 18), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> object:
        query, key, value = self.all(x).chunk(3, dim=-1)
        mask = torch.zeros(5, 5)
        mask[2] = -float("inf")
        scores = query @ key.transpose(1, 2) + mask
        weights = scores.softmax(-1)  # <- not_finite
        return self.out((weights.nan_to_num() @ value).mean(1))


# ----------------------------------------------------------------------------------------------------- dead, saturated


class DeadChannels(nn.Module):
    """31 of 32 channels along an axis; ``read`` says how the maps lie."""

    x = staticmethod(lambda: torch.randn((4, 4, 20), generator=torch.Generator().manual_seed(7)))
    level = "partial"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.out = self.built(), nn.Linear(32, 2)
        with torch.no_grad():
            self.layer.bias[1:] = -100  # type: ignore[operator]

    def built(self) -> nn.Module:
        """The layer whose channels die."""
        return nn.Conv1d(4, 32, 3)

    def forward(self, x: Tensor) -> object:
        return self.out(torch.relu(self.layer(x)).mean(2))  # <- dead


class DeadUnbatched(DeadChannels):
    x = staticmethod(lambda: torch.randn((4, 9, 9), generator=torch.Generator().manual_seed(7)))

    def built(self) -> nn.Module:
        """Maps without a batch."""
        return nn.Conv2d(4, 32, 3)

    def forward(self, x: Tensor) -> object:
        return self.out(torch.relu(self.layer(x)).mean((1, 2)))  # <- dead


class DeadLast(DeadChannels):
    x = staticmethod(lambda: torch.randn((2, 6, 6, 4), generator=torch.Generator().manual_seed(7)))

    def built(self) -> nn.Module:
        """Features along the last axis."""
        return nn.Linear(4, 32)

    def forward(self, x: Tensor) -> object:
        return self.out(torch.relu(self.layer(x)))  # <- dead


class DeadClamp(DeadLast):
    def forward(self, x: Tensor) -> object:
        return self.out(self.layer(x).clamp(min=0))  # <- dead


class DeadMaximum(DeadLast):
    def forward(self, x: Tensor) -> object:
        return self.out(torch.maximum(self.layer(x), torch.zeros(())))  # <- dead


class DeadAtSix(DeadLast):
    """At its ceiling a ReLU6 is as flat as at zero."""

    def forward(self, x: Tensor) -> object:
        return self.out(F.relu6(-self.layer(x)))  # <- dead


class FlatHardtanh(DeadLast):
    def forward(self, x: Tensor) -> object:
        return self.out(F.hardtanh(self.layer(x)))  # <- saturated


class FlatHardsigmoid(DeadLast):
    def forward(self, x: Tensor) -> object:
        return self.out(F.hardsigmoid(self.layer(x)))  # <- saturated


class SparseDetector(Rows):
    """Every score is near zero, as it should be where there is nothing; a gradient comes all the same."""

    level = "partial"

    def __init__(self) -> None:
        super().__init__()
        nn.init.constant_(self.third.bias, -12.0)

    def forward(self, x: Tensor) -> object:
        return torch.sigmoid(self.third(self.second(self.first(x))))  # <- saturated


class LinearProbe(Rows):
    """A frozen backbone under ``no_grad``: the input alone loses its gradient, and no one asked for it."""

    level = "note"

    def __init__(self) -> None:
        super().__init__()
        self.first.requires_grad_(False)  # <- frozen

    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            h = torch.tanh(self.first(x))  # <- no_grad
        return self.third(self.second(h))


FINER_VALUES: tuple[type[nn.Module], ...] = (
    *(InfinityTimesZero, ZeroByZero, MaskedRow),
    *(
        DeadChannels,
        DeadUnbatched,
        DeadLast,
        DeadClamp,
        DeadMaximum,
        DeadAtSix,
        FlatHardtanh,
        FlatHardsigmoid,
        SparseDetector,
    ),
)

# --------------------------------------------------------------------------------------------------------------- sound


def swish(x: Tensor) -> Tensor:
    """An activation function."""
    return x * torch.sigmoid(x)


with warnings.catch_warnings(action="ignore", category=FutureWarning):
    compiled: Callable[[Tensor], Tensor] = torch.jit.script(swish)
    """The same, and nobody sees what it does."""


class Scripted(Rows):
    def forward(self, x: Tensor) -> object:
        return self.third(compiled(self.second(compiled(self.first(x)))))


class Spectral(Rows):
    """Complex weights in the frequency domain, and a conjugate."""

    def __init__(self) -> None:
        super().__init__()
        self.modes = nn.Parameter(torch.randn(8, 5, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> object:
        modes = torch.fft.rfft(self.first(x)) @ self.modes.T
        power = (modes * modes.conj()).real
        return self.third(self.second(power))


class HalfPrecision(nn.Module):
    """The sum of all that it returns is too large for float16, and no one takes it there."""

    x = staticmethod(lambda: torch.full((1, 3, 64, 64), 8.0, dtype=torch.float16))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, 16, 1).half()
        nn.init.constant_(self.layer.bias, 9.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        return F.softplus(self.layer(x))


class EmptyLayer(Rows):
    """A parameter without numbers has a gradient without numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(0, 8))

    def forward(self, x: Tensor) -> object:
        return torch.cat([self.third(torch.tanh(self.second(self.first(x)))).mean(0), (self.none @ torch.ones(8))])


class MaskInput(Images):
    """A ReLU whose result is only looked at."""

    def forward(self, x: Tensor) -> object:
        h = self.body(torch.tanh(self.stem(x)))
        beside = torch.relu(-h.abs()).detach()
        return self.read(h + beside)


class Boxes(Rows):
    """Overlaps of boxes: most are clamped to zero, and no unit is dead."""

    def __init__(self) -> None:
        super().__init__()
        self.third = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> object:
        centre, size = self.third(torch.tanh(self.second(self.first(x)))).chunk(2, 1)
        low, high = centre - size.exp(), centre + size.exp()
        overlap = (high[:, None].minimum(high[None]) - low[:, None].maximum(low[None])).clamp(min=0)
        return overlap.prod(-1) + centre.sum(1)


FINER_SOUND: tuple[type[nn.Module], ...] = (Scripted, Spectral, HalfPrecision, EmptyLayer, MaskInput, Boxes)
