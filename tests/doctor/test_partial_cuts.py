"""One way of several is cut: found however the value comes back, and only where the loss depends on that way."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from tests.doctor.broken import Rows, rows
from tests.doctor.marks import Named, expected, named


class Halves(Rows):
    """A tuple comes back."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        with torch.no_grad():
            left, right = h.chunk(2, 1)  # <- no_grad
        return self.third(h + torch.cat([right, left], 1))


class Largest(Rows):
    """A tuple with names comes back, whole numbers in it."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        with torch.no_grad():
            top = h.max(1, keepdim=True)  # <- no_grad
        return self.third(h * top.values)


class InAStatement(Rows):
    """What ``detach_`` returns is not used: it changes the value itself."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        z = torch.tanh(h)
        z.detach_()  # <- detach
        return self.third(h + z)


class WrittenUnrecorded(Rows):
    """The value lives on; what was multiplied into it does not."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        mean, h = h.mean(), h + 0
        with torch.no_grad():
            h.mul_(mean)  # <- no_grad
        return self.third(h)


class DataSet(Rows):
    """``data`` is set, and nothing comes back."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        z = torch.zeros(4, 8)
        z.data = h  # <- detach
        return self.third(h + z)


class Spectrum(Rows):
    """Complex numbers come back."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        f = torch.fft.fft(h).detach()  # <- detach
        return self.third(h * f.abs())


PARTIAL = (Halves, Largest, InAStatement, WrittenUnrecorded, DataSet, Spectrum)


def _soft(module: Rows) -> set[Named]:
    """What is found, but for layers that these models do not use."""
    return {found for found in named(gv.diagnose(module, rows())) if found[0] != "unused"}


@pytest.mark.parametrize("kind", PARTIAL, ids=lambda kind: kind.__name__)
def test_the_cut_is_found_however_the_value_comes_back(kind: type[Rows]) -> None:
    assert _soft(kind()) == expected(kind)


class TwoOutputs(nn.Module):
    """The loss looks at one of two outputs, and the other is much larger."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.a, self.boxes, self.score, self.factor = nn.Linear(8, 8), nn.Linear(8, 3), nn.Linear(8, 1), factor

    def forward(self, x: Tensor) -> object:
        h = self.a(x)
        return {"boxes": self.boxes(h) * self.factor, "score": self.score(h * torch.sigmoid(h).detach())}


@pytest.mark.parametrize("factor", [1.0, 100.0, 1e4])
def test_an_output_that_the_loss_leaves_out_sets_no_scale(factor: float) -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        module, x = TwoOutputs(factor), torch.randn(4, 8)
        found = gv.diagnose(module, x, lambda out: F.softplus(out["score"]).mean())
        assert "detach" in {finding.cause for finding in found.findings}


def test_a_loss_that_nearly_cancels_is_held_against_its_own_rounding() -> None:
    class Shifted(Rows):
        """What is added is taken away again."""

        def forward(self, x: Tensor) -> object:
            h = self.first(x)
            shift = h.detach().mean()
            return self.third(torch.tanh((h + shift) - shift))

    for seed in range(10):
        torch.manual_seed(seed)
        module, x = Shifted(), 10 * torch.randn(4, 6)
        found = gv.diagnose(module, x, lambda out: (out - out.mean()).sum() + 1e-7 * out.sum())
        assert "detach" not in {finding.cause for finding in found.findings}


class Noisy(Rows):
    """Noise that nobody can hold still, and a detached value without effect."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        shift = h.detach().amax(1, keepdim=True)
        noise = random.SystemRandom().gauss(0, 0.1)
        return self.third(torch.softmax(h - shift, 1)) + noise


class NoisyAndCut(Noisy):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        kept = 100 * h.detach()  # <- detach
        noise = random.SystemRandom().gauss(0, 1e-4)
        return self.third(h + kept) + noise


def test_noise_is_no_effect() -> None:
    for _ in range(20):
        assert _soft(Noisy()) == set()


def test_an_effect_larger_than_the_noise_is_seen() -> None:
    assert _soft(NoisyAndCut()) == expected(NoisyAndCut)
