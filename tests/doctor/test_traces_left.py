"""What an examination leaves behind: nothing in memory, nothing on the model, the loss, or what they reach."""

from __future__ import annotations

import functools
import gc
import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
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
    while gc.collect():  # what one round frees may have held what the next one frees
        pass
    return sum(issubclass(type(thing), Tensor) for thing in gc.get_objects())


@pytest.mark.slow
def test_no_tensor_lives_on_after_an_examination() -> None:
    module, x = PartlyCut(), broken.rows()
    gv.diagnose(module, x)
    once = _live_tensors()
    for _ in range(5):
        gv.diagnose(module, x)
    assert _live_tensors() == once


@pytest.mark.slow
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


# --------------------------------------------------------------------------------------------- what is run is put back


class Normed(nn.Module):
    """Running statistics change whenever it runs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.layer = nn.BatchNorm1d(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layer(self.norm(x))
        return scores


class Criterion(nn.Module):
    """A loss that learns, keeps statistics, and draws random numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("mean", torch.zeros(3))
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, out: Tensor) -> Tensor:
        with torch.no_grad():
            self.mean.mul_(0.9).add_(out.mean(0))  # type: ignore[operator]
        noise = torch.rand(3, generator=self.generator)
        loss: Tensor = ((self.norm(out) + noise) * self.gain).pow(2).mean()
        return loss


class Trainer:
    """A plain object with a network in it."""

    def __init__(self, net: nn.Module) -> None:
        self.nets = {"net": net}

    def step(self, x: Tensor) -> Any:
        return self.nets["net"](x)

    def __call__(self, x: Tensor) -> Any:
        return self.step(x)


ONE = Normed()


def _in_a_comprehension(x: Tensor) -> Any:
    return torch.stack([ONE(x) for _ in range(2)])


def _by_default(x: Tensor, net: Normed = ONE) -> Any:
    return net(x)


def _with_flags(x: Tensor) -> Any:
    for parameter in ONE.norm.parameters():
        parameter.requires_grad_(False)
    ONE.eval()
    return ONE(x).pow(2)


def _with_a_backward_pass(x: Tensor) -> Any:
    ONE(x.detach()).sum().backward()
    return ONE(x)


def _with_data(x: Tensor) -> Any:
    ONE.layer.weight.data = ONE.layer.weight.data * 2
    return ONE(x)


def _with_new_buffers(x: Tensor) -> Any:
    ONE.norm.running_mean = torch.ones(6)
    ONE.extra = x
    return ONE(x)


class UsesAGlobal(nn.Module):
    """The network is no part of it."""

    def forward(self, x: Tensor) -> Any:
        return self._further(x)

    def _further(self, x: Tensor) -> Any:
        return ONE(x)


def _state(net: nn.Module) -> dict[str, object]:
    """All that PyTorch keeps of a module, as values."""
    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    return {
        "values": {name: tensor.tolist() for name, tensor in named.items()},
        "identities": {name: (id(tensor), tensor.data_ptr()) for name, tensor in named.items()},
        "flags": {name: tensor.requires_grad for name, tensor in named.items()},
        "slopes": {name: None if tensor.grad is None else tensor.grad.tolist() for name, tensor in named.items()},
        "versions": {name: tensor._version for name, tensor in named.items()},
        "modes": {name: part.training for name, part in net.named_modules()},
        "attributes": {name: sorted(vars(part)) for name, part in net.named_modules()},
    }


@pytest.mark.parametrize(
    "model",
    [
        lambda x: ONE(x),
        ONE.forward,
        Trainer(ONE).step,
        Trainer(ONE),
        functools.partial(lambda trainer, x: trainer.step(x), Trainer(ONE)),
        _in_a_comprehension,
        _by_default,
        _with_flags,
        _with_a_backward_pass,
        _with_data,
        _with_new_buffers,
        UsesAGlobal(),
    ],
    ids=lambda model: getattr(model, "__qualname__", type(model).__name__),
)
def test_what_is_reached_stays_as_it_is_and_gets_its_gradients(model: Callable[..., Any]) -> None:
    ONE.layer.weight.grad = torch.ones(3, 6)
    before = _state(ONE)
    found = gv.diagnose(model, broken.rows(), lambda out: out.pow(2).sum())
    assert _state(ONE) == before
    assert {leaf.gradient for leaf in found.leaves if leaf.name.endswith("layer.weight")} == {"finite"}


def test_what_was_frozen_while_it_ran_is_said() -> None:
    (finding,) = gv.diagnose(_with_flags, broken.rows()).findings
    assert (finding.cause, finding.lost) == ("frozen", ("ONE.norm.weight", "ONE.norm.bias"))


def test_a_module_whose_forward_was_wrapped_stays_as_it_is_and_is_examined() -> None:
    module = Normed()
    inner = module.forward
    module.forward = lambda x: inner(x).detach()  # type: ignore[method-assign]
    before = _state(module)
    (finding,) = gv.diagnose(module, broken.rows()).findings
    assert (finding.cause, set(finding.lost)) == ("detach", {"the input", *dict(module.named_parameters())})
    assert _state(module) == before


@pytest.mark.parametrize("wrap", [lambda loss: loss, lambda loss: loss.forward, lambda loss: lambda out: loss(out)])
def test_the_loss_stays_as_it_is_and_its_parameters_are_looked_at(wrap: Callable[[Any], Any]) -> None:
    loss = Criterion()
    before, drawn = _state(loss), loss.generator.get_state()
    found = gv.diagnose(Normed(), broken.rows(), wrap(loss))
    assert _state(loss) == before
    assert torch.equal(loss.generator.get_state(), drawn)
    assert {leaf.gradient for leaf in found.leaves if leaf.name.endswith("gain")} == {"finite"}


def test_a_loss_that_uses_a_part_of_the_model() -> None:
    class Features(broken.Rows):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.kept = nn.BatchNorm1d(8), list[Tensor]()

        def forward(self, x: Tensor) -> object:
            self.kept.append(x)
            return torch.tanh(self.second(self.norm(self.first(x))))

    module = Features()
    before = _state(module)
    found = gv.diagnose(module, broken.rows(), lambda h: F.cross_entropy(module.third(h), torch.tensor([0, 1, 2, 0])))
    assert found.findings == ()
    assert {leaf.name for leaf in found.leaves} == {"the input", *dict(module.named_parameters())}
    assert _state(module) == before
    assert module.kept == []


def test_a_penalty_on_the_weights_counts() -> None:
    module = broken.DetachedLate()
    found = gv.diagnose(
        module, broken.rows(), lambda out: out.mean() + sum(p.pow(2).sum() for p in module.parameters())
    )
    assert {leaf.gradient for leaf in found.leaves if leaf.name != "the input"} == {"finite"}


def test_generators_that_are_reached_go_on_as_if_nothing_had_drawn() -> None:
    generator, numpy, legacy = torch.Generator().manual_seed(0), np.random.default_rng(0), np.random.RandomState(0)
    python = random.Random(0)

    def states() -> list[str]:
        return [
            str(generator.get_state().tolist()),
            str(numpy.bit_generator.state),
            str(legacy.get_state()),
            str(python.getstate()),
        ]

    def model(x: Tensor) -> Any:
        noise = float(numpy.normal()) + float(legacy.rand()) + python.random()
        return ONE(x + torch.randn(x.shape, generator=generator) + noise)

    before = states()
    assert gv.diagnose(model, broken.rows()).findings == ()
    assert states() == before


def test_the_random_numbers_of_every_gpu_are_kept_wherever_the_input_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[list[torch.device]] = []

    @contextmanager
    def fork(devices: list[torch.device]) -> Iterator[None]:
        kept.append(devices)
        yield

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.random, "fork_rng", fork)
    gv.diagnose(Normed(), broken.rows())
    assert kept
    assert all(devices == [torch.device("cuda", 0), torch.device("cuda", 1)] for devices in kept)


def test_a_graph_of_the_caller_can_still_go_backward() -> None:
    net = Normed()
    with_statistics = net(broken.rows()).sum()
    pending = torch.tanh(torch.ones(3, requires_grad=True) * 2)

    gv.diagnose(lambda x: net(x) + pending, broken.rows())
    pending.sum().backward()  # type: ignore[no-untyped-call]
    with_statistics.backward()


def test_what_is_written_and_put_back_is_differentiated_as_it_was_when_it_ran() -> None:
    weight = torch.ones(6, requires_grad=True)

    def model(x: Tensor) -> Tensor:
        with torch.no_grad():
            weight.mul_(3)
        return x * weight

    slope = next(
        leaf for leaf in gv.diagnose(model, broken.rows(), lambda out: out.sum()).leaves if leaf.name == "the input"
    )
    assert slope.norm == pytest.approx(3 * 24**0.5)
    assert weight.tolist() == [1.0] * 6


def test_lists_and_dictionaries_of_weights_are_looked_at() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = [torch.ones(6, requires_grad=True)]
            self.named = {"bias": torch.zeros(6, requires_grad=True)}
            self.layers = [nn.Linear(6, 6)]

        def forward(self, x: Tensor) -> object:
            return self.layers[0](x.detach() * self.weights[0] + self.named["bias"]).detach()

    module = Listed()
    found = gv.diagnose(module, broken.rows())
    names = {"weights[0]", "named['bias']", "layers[0].weight", "layers[0].bias"}
    assert {leaf.name for leaf in found.leaves} == {"the input", *names}
    assert {name for finding in found.findings for name in finding.lost} == {"the input", *names}
    assert module.weights[0].grad is None
