"""What an examination leaves behind: nothing in memory, nothing on the model, the loss, or what they reach."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from tests.doctor import broken

# ------------------------------------------------------------------------------------------------------------- memory


class PartlyCut(nn.Module):
    """A partial cut makes the doctor run it again, and the graph of that run never goes backward."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> object:
        h = torch.sigmoid(self.a(x))
        kept = h.detach() * 0.5
        return (torch.exp(self.b(h)) + kept).tanh()


def _live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


def test_no_tensor_lives_on_after_an_examination() -> None:
    module, x = PartlyCut(), broken.rows()
    gv.diagnose(module, x)
    once = _live_tensors()
    for _ in range(5):
        gv.diagnose(module, x)
    assert _live_tensors() == once


def test_no_tensor_lives_on_after_a_refusal() -> None:
    module, x = PartlyCut(), broken.rows()

    def refused() -> None:
        with pytest.raises(QuestionError, match="32 numbers"):
            gv.diagnose(module, x, lambda out: out)

    refused()
    once = _live_tensors()
    for _ in range(5):
        refused()
    assert _live_tensors() == once


def test_the_graph_of_a_pass_ends_with_the_examination() -> None:
    returned: list[weakref.ref[Tensor]] = []

    def loss(out: Tensor) -> Tensor:
        returned.append(weakref.ref(out))
        return out.sum()

    gv.diagnose(PartlyCut(), broken.rows(), loss)
    gc.collect()
    assert returned
    assert [tensor() for tensor in returned] == [None] * len(returned)
