"""More of both kinds, written beside the doctor: numbers that leave for numpy, helpers, deep networks."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests.doctor.broken import Images, Rows, rows
from tests.doctor.finer import FINER_BROKEN
from tests.doctor.finer_values import FINER_SOUND, FINER_VALUES

# ------------------------------------------------------------------------------------------------------------- broken


class ThroughPython(Rows):
    """Arithmetic on Python's own numbers, two lines further."""

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        largest = float(h.max())  # <- rewrapped
        root = math.sqrt(largest + 1) * 2
        return self.third(self.second(x.new_full((4, 8), root)))


class NumberAsFactor(Rows):
    """The number is a factor, no tensor; the rest of the path is open."""

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        scale = h.norm().item()  # <- rewrapped
        return self.third(self.second(h / scale))


class ThroughNumpyArithmetic(Images):
    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        array = h.detach().numpy()  # <- detach
        array = np.sqrt(array + 1)
        return self.read(self.body(torch.from_numpy(array)))


class CopiedTensor(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        gain = torch.as_tensor([row.tolist() for row in h])  # <- rewrapped
        return self.third(gain * 2)


class ParameterLater(Rows):
    """Two lines lie between the value and the parameter made of it."""

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))

        fresh = nn.Parameter(h)  # <- rewrapped
        return self.third(self.second(fresh))


class InferenceMode(Rows):
    def forward(self, x: Tensor) -> object:
        with torch.inference_mode():
            h = torch.relu(self.first(x))  # <- no_grad
        return self.third(self.second(h.clone()))


class TwoStretches(Rows):
    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            h = torch.relu(self.first(x))  # <- no_grad
            h = h * 2
        with torch.no_grad():
            h = torch.relu(self.second(h))  # <- no_grad
        return self.third(h)


def squashed(h: Tensor) -> Tensor:
    """A helper that the model calls."""
    h = h - h.mean()
    return torch.tanh(h.detach())  # <- detach


class InAHelper(Rows):
    def forward(self, x: Tensor) -> object:
        return self.third(squashed(self.second(torch.relu(self.first(x)))))


class ViewOfALeaf(Rows):
    def forward(self, x: Tensor) -> object:
        x[0].mul_(2)  # <- in_place_leaf
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


class ClampedLeaf(Images):
    def forward(self, x: Tensor) -> object:
        x.clamp_(-1, 1)  # <- in_place_leaf
        return self.read(F.relu(self.body(F.relu(self.stem(x)))))


class WrittenBehind(Rows):
    """Through ``.data``: no error, and a wrong gradient."""

    def forward(self, x: Tensor) -> object:
        h = torch.exp(self.first(x) / 4)
        y = self.second(h)
        h.data.zero_()  # <- in_place_needed
        return self.third(y)


class NeededByNorm(Images):
    """Far from where it was kept."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        squares = h * h
        maps = self.body(squares)
        h[:, 0] = 0  # <- in_place_needed
        return self.read(maps + h)


class FloorDivision(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        return self.third(h // 0.1)  # <- zero_derivative


class ClampedAway(Rows):
    """All of it lies outside the limits."""

    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        return self.third(torch.clamp(h, 50, 60))  # <- zero_derivative


class HardGate(Images):
    """The gate lets a gradient through to what it gates, and none to what decides."""

    def forward(self, x: Tensor) -> object:
        h = F.relu(self.stem(x))
        gate = (self.body(x.mean(1, keepdim=True).expand(-1, 4, -1, -1)) > 0).float()  # <- non_differentiable
        return self.read(h * gate)


class Bins(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.second(torch.relu(self.first(x)))
        return self.third(torch.bucketize(h, torch.linspace(-1, 1, 9)).float())  # <- non_differentiable


class Sampled(Rows):
    """``sample`` records nothing; ``rsample`` would."""

    def forward(self, x: Tensor) -> object:
        mean = self.second(torch.relu(self.first(x)))
        noisy = torch.distributions.Normal(mean, 1.0, validate_args=False).sample()  # type: ignore[no-untyped-call] # <- no_grad
        return self.third(noisy)


class NormOfZeros(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        gap = torch.linalg.vector_norm(h - h.clone(), dim=1, keepdim=True)
        angle = torch.acos(torch.ones_like(gap) - gap)  # <- not_finite
        return self.third(self.second(h) * angle)


class Overflow(Rows):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        h = torch.exp(h * 1000)  # <- not_finite
        return self.third(self.second(h))


class DeepSigmoids(nn.Module):
    """Twelve sigmoids, one after the other."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(6, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(12))

    def forward(self, x: Tensor) -> object:
        h = self.first(x)  # <- vanishing
        for layer in self.layers:
            h = layer(torch.sigmoid(h))
        return h


class DeepLarge(nn.Module):
    """Weights ten times too large, twelve times over."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(6, 8)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(12))
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=3.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        h = self.first(x)  # <- exploding
        for layer in self.layers:
            h = F.leaky_relu(layer(h))
        return h


MORE_BROKEN: tuple[type[nn.Module], ...] = (
    *(ThroughPython, NumberAsFactor, ThroughNumpyArithmetic, CopiedTensor, ParameterLater, InferenceMode, TwoStretches),
    *(InAHelper, ViewOfALeaf, ClampedLeaf, WrittenBehind, NeededByNorm, FloorDivision, ClampedAway, HardGate, Bins),
    *(Sampled, NormOfZeros, Overflow, DeepSigmoids, DeepLarge),
    *FINER_BROKEN,
    *FINER_VALUES,
)

# -------------------------------------------------------------------------------------------------------------- sound


class StableSoftmax(Rows):
    """The largest score is detached, and has no influence: a softmax does not change when all scores move."""

    def forward(self, x: Tensor) -> object:
        scores = self.third(torch.relu(self.second(torch.relu(self.first(x)))))
        weights = (scores - scores.amax(1, keepdim=True).detach()).exp()
        return weights / weights.sum(1, keepdim=True)


class Reversal(torch.autograd.Function):
    """Gives what it gets, and turns the gradient round."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(ctx: object, slope: Tensor) -> Tensor:
        return -slope


class Cube(torch.autograd.Function):
    """A function with a backward pass of its own, which takes the detour over numpy."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 3)

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, slope: Tensor) -> Tensor:
        x: Tensor = ctx.saved_tensors[0]  # type: ignore[attr-defined]
        return slope * 3 * x**2


class OwnFunctions(Rows):
    def forward(self, x: Tensor) -> object:
        h = Cube.apply(self.first(x))
        return self.third(self.second(Reversal.apply(h)))


class Checkpointed(Rows):
    def forward(self, x: Tensor) -> object:
        def middle(h: Tensor) -> object:
            return torch.tanh(self.second(h))

        return self.third(checkpoint(middle, torch.relu(self.first(x)), use_reentrant=False))


class Training(Images):
    """Dropout and batch norm at work."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm2d(4), nn.Dropout(0.2)

    def forward(self, x: Tensor) -> object:
        return self.read(self.dropout(F.relu(self.norm(self.body(F.relu(self.stem(x)))))))


class SpectralNorm(Rows):
    """Its power iteration runs under ``no_grad``, by design."""

    def __init__(self) -> None:
        super().__init__()
        nn.utils.parametrizations.spectral_norm(self.second)

    def forward(self, x: Tensor) -> object:
        return self.third(torch.tanh(self.second(torch.relu(self.first(x)))))


class Encoded(nn.Module):
    """A layer of a transformer, in training mode."""

    x = staticmethod(lambda: torch.randn((2, 5, 8), generator=torch.Generator().manual_seed(5)))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> object:
        return self.head(self.layer(x).mean(1))


class Several(Rows):
    """Scores, and beside them the class, which nobody differentiates."""

    def forward(self, x: Tensor) -> object:
        scores = self.third(torch.relu(self.second(torch.relu(self.first(x)))))
        return {"scores": scores, "class": scores.argmax(1), "sure": scores.detach().softmax(1).amax(1) > 0.9}


class Routed(Rows):
    """The best two of eight experts: the choice has no gradient, the weights of the chosen do."""

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        best, places = self.second(h).softmax(1).topk(2, dim=1)
        gates = torch.zeros_like(h).scatter(1, places, best)
        return self.third(h * gates)


class DeepResidual(nn.Module):
    """Sixteen blocks with skips."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.blocks = nn.ModuleList(nn.Linear(8, 8) for _ in range(16))

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        for block in self.blocks:
            h = h + torch.tanh(block(h))
        return self.last(h)


class LongMemory(nn.Module):
    """An LSTM, whose gates are written to in place inside torch."""

    x = staticmethod(lambda: torch.randn((1, 4, 6), generator=torch.Generator().manual_seed(6)))

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell, self.out = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> object:
        states, _ = self.cell(x)
        return self.out(states.mean(1))


MORE_SOUND: tuple[type[nn.Module], ...] = (
    *(StableSoftmax, OwnFunctions, Checkpointed, Training, SpectralNorm, Encoded, Several, Routed, DeepResidual),
    LongMemory,
    *FINER_SOUND,
)
