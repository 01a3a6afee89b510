"""The backward pass where values are cut apart, added and multiplied between layers, and where terms cannot be told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.methods import backward_pass, local_factors
from gradviz_core.tracing.gates import gated
from gradviz_core.tracing.trace import forward, recording
from gradviz_core.types import Site
from gradviz_core.types.backward import BackwardStep


def _played(module: nn.Module, x: Tensor, dtype: torch.dtype = torch.float64) -> backward_pass.Pass:
    with recording():
        layers = gated(module.to(dtype))
        trace = forward(layers, x.to(dtype))
        assert isinstance(trace.output, Tensor)
        return backward_pass.differentiated(layers, trace, trace.output[0, 0])


def _shown(done: backward_pass.Pass) -> list[BackwardStep]:
    with recording():
        return [backward_pass.shown(done, number).step for number in range(len(done.steps))]


def _check_that_parts_add_up(done: backward_pass.Pass) -> None:
    for site in {source.site for link in done.steps for source in link.sources}:
        users = [(link, source) for link in done.steps for source in link.sources if source.site == site]
        parts = [part for link, one in users if (part := backward_pass.passed(done, link, one)) is not None]
        assert len(parts) == len(users)
        torch.testing.assert_close(torch.stack(parts).sum(0), done.gradients[site], rtol=1e-10, atol=1e-12)


X = torch.tensor([[0.3, -1.0, 2.0, 0.7]])


class Halves(nn.Module):
    """Returns both halves of what it gets."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the second."""
        first, second = x.chunk(2, dim=1)
        return first, second


class Cut(nn.Module):
    """Of the two halves of a value, one is multiplied by 3 and the other goes through a layer."""

    def __init__(self, halves: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.last, self.halves = nn.Linear(4, 4), nn.Linear(2, 2), nn.Linear(4, 2), halves

    def forward(self, x: Tensor) -> Tensor:
        """Two scores."""
        first, second = self.halves(self.a(x))
        return self.last(torch.cat([3 * first, self.b(second)], dim=1))  # type: ignore[no-any-return]


@pytest.mark.parametrize("halves", [lambda x: x.chunk(2, dim=1), Halves()], ids=["an operation", "a layer"])
def test_each_half_of_a_value_that_is_cut_has_a_gradient_of_its_own(halves: Callable[..., tuple[Tensor, ...]]) -> None:
    module = Cut(halves)
    done = _played(module, X)
    _check_that_parts_add_up(done)
    weight = module.last.weight.detach()[0]
    first, second = 3 * weight[:2], weight[2:] @ module.b.weight.detach()
    torch.testing.assert_close(done.gradients[Site("a")], torch.cat([first, second])[None])
    cut = [step for step in _shown(done) if step.into == Site("a") and step.kind in ("Split", "Halves")]
    assert cut[-1].norm == pytest.approx(float(second.norm()))
    assert cut[-1].detail is not None
    assert cut[-1].detail.index[0] in (2, 3)  # the largest that comes from the second half


class LastOfAll(nn.Module):
    """Only the last state of a recurrent layer is used."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.cells, self.last = nn.Linear(4, 3), nn.LSTM(3, 2, batch_first=True), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Two scores."""
        _, (hidden, _) = self.cells(self.a(x)[:, None])
        return self.last(hidden[-1])  # type: ignore[no-any-return]


def test_a_value_that_a_layer_returns_beside_its_first_is_a_step_where_it_is_used() -> None:
    done = _played(LastOfAll(), X)
    (step,) = [step for step in _shown(done) if step.kind == "LSTM"]
    assert step.shape == (1, 1, 2)  # the last state
    assert step.norm > 0
    assert step.norm_in > 0


class Between(nn.Module):
    """What is computed of the input and of a layer that gives zeros."""

    def __init__(self, between: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.between, self.a, self.last = between, nn.Linear(4, 4), nn.Linear(4, 2)
        nn.init.zeros_(self.a.weight)
        nn.init.zeros_(self.a.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Two scores."""
        return self.last(self.between(x, self.a(x)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "between",
    [lambda x, zero: torch.add(x, zero, alpha=2), lambda x, zero: (x * 2) * zero],
    ids=["a sum with alpha", "a product with a constant"],
)
def test_what_zeros_hide_is_told_by_the_operations(between: Callable[[Tensor, Tensor], Tensor]) -> None:
    done = _played(Between(between), X)
    link = next(link for link in done.steps if link.layer is None)
    assert link.how == "other"
    _check_that_parts_add_up(done)


def test_terms_that_miss_the_gradient_by_a_ten_thousandth_are_not_shown() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    right = _shown(_played(layer, X, torch.float32))
    layer.register_forward_pre_hook(lambda _, args: (args[0] * 1.0001,))
    wrong = _shown(_played(layer, X, torch.float32))
    assert right[0].detail is not None
    assert wrong[0].detail is None
    assert wrong[0].why.startswith("The terms that were worked out do not add up")


@pytest.mark.parametrize("said", ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", "GPU"])
def test_too_little_memory_is_not_called_an_operation_without_a_second_derivative(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = torch.OutOfMemoryError(said) if said == "GPU" else RuntimeError(said)

    def fails(*_: object) -> Callable[[Tensor], Tensor]:
        raise error

    done = _played(nn.Sequential(nn.GELU()), X)
    monkeypatch.setattr(local_factors, "differentiate_along", fails)
    with pytest.raises(RuntimeError, match=said[:10]):
        backward_pass.shown(done, 0)
