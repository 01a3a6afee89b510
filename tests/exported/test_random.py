"""Exported models that draw random numbers: the draw of the eager model from the same seed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore
from gradviz_core.uploads import exported
from gradviz_core.uploads.cost import check
from tests.exported.files import exported_bytes
from tests.exported.home_made import built, image


class Variational(nn.Module):
    """A code that is drawn, as in a variational autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread, self.head = nn.Linear(192, 6), nn.Linear(192, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.mean(x.flatten(1)), self.spread(x.flatten(1))
        scores: Tensor = self.head(mean + torch.exp(spread / 2) * torch.randn_like(spread))
        return scores


class Gumbel(nn.Module):
    """A soft choice that is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.choice, self.head = nn.Linear(192, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(F.gumbel_softmax(self.choice(x.flatten(1)), tau=0.7))
        return scores


class Slots(nn.Module):
    """Slots that begin at random, and look for their share of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.head = nn.Conv2d(3, 6, 1), nn.Linear(6, 5)
        self.middle, self.spread = nn.Parameter(torch.zeros(1, 1, 6)), nn.Parameter(torch.ones(1, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        keys = self.keys(x).flatten(2).transpose(1, 2)
        slots = self.middle + self.spread * torch.randn(1, 4, 6) * torch.bernoulli(torch.full((1, 4, 1), 0.8))
        for _ in range(2):
            share = (keys @ slots.transpose(1, 2)).softmax(-1)
            slots = slots + share.transpose(1, 2) @ keys / 64
        scores: Tensor = self.head(slots.mean(1))
        return scores


@pytest.mark.parametrize("kind", [Variational, Gumbel, Slots])
def test_the_draw_of_a_seed_is_the_eager_models(kind: type[nn.Module]) -> None:
    module, x = built(kind), image()
    found = exported.read(exported_bytes(module, x)).module
    check(found, tuple(x.shape))
    trace.survey(found, x)
    draws = []
    for seed in (0, 7):
        mine, true = (trace.gradients(one, x, target=ClassScore(2), seed=seed) for one in (found, module))
        assert mine.score == true.score
        assert torch.equal(mine.gradients[INPUT], true.gradients[INPUT])
        assert f"random seed {seed};" in mine.notes[0]
        leaf = x.clone().requires_grad_()
        torch.manual_seed(seed)
        assert torch.equal(true.gradients[INPUT], torch.autograd.grad(module(leaf)[0, 2], leaf)[0])
        draws.append(mine.score)
    assert draws[0] != draws[1]


class Unwritten(nn.Module):
    """Hands on memory that nothing was written to."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) + torch.empty_like(x).mean((2, 3)) + x.new_empty(1, 3)


def test_memory_that_nothing_was_written_to_is_zero() -> None:
    found = exported.read(exported_bytes(Unwritten(), image())).module
    assert torch.equal(found(image()), image().mean((2, 3)))


class WholeNumbers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)) + torch.randint(5, (1, 3))


def test_whole_numbers_are_not_drawn() -> None:
    with pytest.raises(BadModel, match="randint"):
        exported.read(exported_bytes(WholeNumbers(), image()))
