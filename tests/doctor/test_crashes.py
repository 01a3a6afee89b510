"""Models that run, and that the doctor must get through; and what it says where it, or the model, cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from tests.doctor import broken, sound

# ------------------------------------------------------------------------------------------------- models that run


class Repeated(broken.Rows):
    """One layer forty times: far fewer weights than layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.third = nn.Linear(6, 6), nn.Linear(6, 3)
        del self.second
        with torch.no_grad():
            self.first.weight.copy_(3 * torch.eye(6))

    def forward(self, x: Tensor) -> object:
        for _ in range(40):
            x = self.first(x)
        return self.third(x)


class RepeatedAndFrozen(Repeated):
    """Only the input is left to get a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(False)


class Power(broken.Rows):
    """f times its conjugate, which is a view that still has to be conjugated."""

    def forward(self, x: Tensor) -> object:
        f = torch.fft.fft(self.first(x))
        return self.third((f * f.conj()).real)


class Negated(broken.Rows):
    """The imaginary part of a conjugate is a view that still has to be negated."""

    def forward(self, x: Tensor) -> object:
        return self.third(torch.fft.fft(self.first(x)).conj().imag)


class ComplexTanh(broken.Rows):
    def forward(self, x: Tensor) -> object:
        return self.third(torch.tanh(torch.fft.fft(self.first(x))).abs())


class ComplexOutput(broken.Rows):
    def forward(self, x: Tensor) -> object:
        return torch.fft.rfft(self.first(x))


class SparseRows(nn.Sequential):
    """The gradient of the table is a sparse tensor."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Embedding(50, 8, sparse=True), *(nn.Linear(8, 8) for _ in range(8)), nn.Linear(8, 3))


class Mapped(broken.Rows):
    """``vmap`` hands out tensors that lie nowhere."""

    def forward(self, x: Tensor) -> object:
        h = torch.vmap(lambda row: torch.tanh(self.second(self.first(row))))(x)
        return self.third(h)


class SlopeWithin(broken.Rows):
    """A gradient of its own, as a physicist's model has it."""

    def forward(self, x: Tensor) -> object:
        energy: Callable[[Tensor], Tensor] = lambda row: self.third(torch.tanh(self.second(self.first(row)))).sum()  # noqa: E731
        return torch.func.grad(energy)(x)


@pytest.mark.parametrize("kind", [Power, Negated, ComplexTanh, ComplexOutput, Mapped, SlopeWithin])
def test_a_sound_model_is_sound_and_its_first_layer_gets_a_gradient(kind: type[broken.Rows]) -> None:
    found = gv.diagnose(kind(), broken.rows())
    states = {leaf.name: leaf.gradient for leaf in found.leaves}
    assert {finding.cause for finding in found.findings} <= {"unused"}
    assert {states["the input"], states["first.weight"]} == {"finite"}


def test_a_cut_before_a_mapped_function_is_found() -> None:
    class Cut(Mapped):
        def forward(self, x: Tensor) -> object:
            h = self.first(x).detach()
            return self.third(torch.vmap(lambda row: torch.tanh(self.second(row)))(h))

    (finding,) = gv.diagnose(Cut(), broken.rows()).findings
    assert (finding.cause, finding.lost) == ("detach", ("the input", "first.weight", "first.bias"))


def test_a_loss_that_comes_out_of_a_mapped_function_is_looked_at() -> None:
    found = gv.diagnose(broken.DetachedLate(), broken.rows(), lambda out: torch.vmap(torch.sum)(out.reshape(1, 12)))
    assert [finding.cause for finding in found.findings] == ["detach"]
    assert "first.weight" in found.findings[0].lost


def test_few_weights_and_many_layers() -> None:
    (finding,) = gv.diagnose(Repeated(), broken.rows()).findings
    assert (finding.cause, finding.weakened) == ("exploding", ("first.weight",))


def test_an_explosion_where_no_weight_gets_a_gradient() -> None:
    causes = [finding.cause for finding in gv.diagnose(RepeatedAndFrozen(), broken.rows()).findings]
    assert sorted(causes) == ["exploding", "frozen"]


def test_sparse_gradients() -> None:
    found = gv.diagnose(SparseRows(), torch.randint(0, 50, (4, 6)))
    assert found.findings == ()
    module = SparseRows()
    places = torch.arange(6)[None]
    report = {leaf.name: leaf for leaf in gv.diagnose(module, places, lambda out: out.sum()).leaves}["0.weight"]
    module(places).sum().backward()
    assert report.gradient == "finite"
    assert report.norm == pytest.approx(module[0].weight.grad.to_dense().norm().item(), rel=1e-5)  # type: ignore[union-attr, operator]


# --------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ((), r"empty.*at least one tensor"),
        ([broken.rows()], r"must be Tensor, not list"),
        (None, r"of type NoneType"),
    ],
)
def test_what_is_no_input_is_said_with_the_next_step(x: Any, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        gv.diagnose(sound.Plain(), x)


def test_a_complex_loss_is_said() -> None:
    with pytest.raises(QuestionError, match=r"The loss is complex.*\.abs\(\)"):
        gv.diagnose(sound.Plain(), broken.rows(), lambda out: torch.fft.fft(out).sum())


class GoesBack(broken.Rows):
    """Its own backward pass frees the graph that the loss needs."""

    def forward(self, x: Tensor) -> object:
        h = torch.tanh(self.first(x))
        torch.autograd.backward(h.sum())
        return self.third(torch.tanh(self.second(h)))


def test_a_model_that_frees_its_own_graph_is_said() -> None:
    with pytest.raises(QuestionError, match=r"backward pass of this model fails.*second time.*retain_graph=True"):
        gv.diagnose(GoesBack(), broken.rows())


def _watches() -> bool:
    return bool(torch.overrides._get_current_function_mode_stack())  # type: ignore[no-untyped-call]


class Shy(broken.Rows):
    """Runs, but not when it is watched."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        if _watches():
            raise RuntimeError("not while somebody looks")
        return self.third(self.second(h))


class ShyOnTheWayBack(broken.Rows):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        watched = _watches()

        def hook(slope: Tensor) -> None:
            if watched:
                raise RuntimeError("not while somebody looks")

        h.register_hook(hook)
        return self.third(self.second(h))


@pytest.mark.parametrize("kind", [Shy, ShyOnTheWayBack])
def test_what_fails_only_under_the_doctor_is_no_fault_of_the_model(kind: type[nn.Module]) -> None:
    kind()(broken.rows())
    with pytest.raises(QuestionError, match=r"The doctor cannot examine.*not while somebody looks.*model itself runs"):
        gv.diagnose(kind(), broken.rows())


def test_an_error_of_a_class_of_its_own_is_the_models_too() -> None:
    class OutOfOrder(Exception):
        """No usual error."""

    def model(x: Tensor) -> Tensor:
        raise OutOfOrder("closed on Mondays")

    with pytest.raises(QuestionError, match=r"The model fails at test_crashes.py:\d+  .*closed on Mondays"):
        gv.diagnose(model, broken.rows())


def test_a_lazy_module_in_a_function_is_said() -> None:
    layer = nn.LazyLinear(3)
    with pytest.raises(QuestionError, match=r"lazy parameters.*Run the model once"):
        gv.diagnose(lambda x: layer(x), broken.rows())


def test_a_step_of_training_within_a_function_is_no_mistake() -> None:
    layer = nn.Linear(6, 3)
    before = layer.weight.detach().clone()

    def model(x: Tensor) -> Any:
        slopes = torch.autograd.grad(layer(x).pow(2).sum(), list(layer.parameters()))
        with torch.no_grad():
            for parameter, slope in zip(layer.parameters(), slopes, strict=True):
                parameter.sub_(0.1 * slope)
        return layer(x)

    assert "in_place_needed" not in {finding.cause for finding in gv.diagnose(model, broken.rows()).findings}
    assert torch.equal(layer.weight, before)


def test_what_fails_by_itself_is_the_models_own_fault_with_its_line() -> None:
    def model(x: Tensor) -> Tensor:
        return x @ x

    with pytest.raises(QuestionError, match=r"The model fails at test_crashes.py:\d+  return x @ x.*mat1 and mat2"):
        gv.diagnose(model, broken.rows())


def test_a_model_that_fails_only_when_a_number_is_nudged_is_looked_at_all_the_same() -> None:
    class Particular(broken.Rows):
        def forward(self, x: Tensor) -> object:
            h = torch.softmax(self.first(x), 1)
            kept = h.detach()
            assert torch.allclose(kept.sum(1), torch.ones(len(x)))
            return self.third(self.second(h) + kept)

    (finding,) = gv.diagnose(Particular(), broken.rows()).findings
    assert (finding.cause, finding.level) == ("detach", "partial")
