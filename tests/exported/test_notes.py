"""What is said of a file whose gradients may not be those that its author has in mind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes, saved
from tests.exported.home_made import FunctionalRelu, WithoutGradient, built, image


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head((x * x.detach()).mean((2, 3)))
        return scores


def slope(module: nn.Module) -> Tensor:
    return trace.gradients(module, image(), target=ClassScore(1)).gradients[INPUT]


@pytest.mark.parametrize("kind", [Detached, FunctionalRelu])
def test_a_file_that_went_through_decompositions_says_so(kind: type[nn.Module]) -> None:
    program = torch.export.export(built(kind), (image(),))
    (note,) = exported.read(saved(program.run_decompositions())).notes
    assert note == (
        "This file was decomposed with run_decompositions(), which removes detach() and no_grad(): gradients flow "
        "through them."
    )
    assert exported.read(saved(program)).notes == ()


def test_what_that_note_says_is_so() -> None:
    module = built(Detached)
    program = torch.export.export(module, (image(),))
    assert torch.equal(slope(exported.read(saved(program)).module), slope(module))
    assert torch.allclose(slope(exported.read(saved(program.run_decompositions())).module), 2 * slope(module))


class _Doubled(torch.autograd.Function):
    @staticmethod
    def forward(_context: object, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(_context: object, slope: Tensor) -> Tensor:
        return 100 * slope


class OwnDerivative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = _Doubled.apply(x)
        return doubled.mean((2, 3))


class Hooked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = 2 * x
        if x.requires_grad:
            x.register_hook(lambda slope: 50 * slope)  # type: ignore[no-untyped-call]
        return x.mean((2, 3))


def test_a_derivative_of_ones_own_is_not_in_the_file_as_the_document_says() -> None:
    module = OwnDerivative()
    assert torch.allclose(slope(module), 50 * slope(exported.read(exported_bytes(module, image())).module))


def test_a_hook_on_a_value_changes_neither_the_module_nor_the_file_as_the_document_says() -> None:
    x = image().requires_grad_()
    (hooked,) = torch.autograd.grad(Hooked()(x)[0, 1], x)
    true = torch.zeros(1, 3, 8, 8)
    true[0, 1] = 2 / 64
    assert torch.allclose(hooked, 50 * true), "PyTorch by itself runs it"
    for module in (Hooked(), exported.read(exported_bytes(Hooked(), image())).module):
        assert torch.allclose(slope(module), true)


def test_regions_without_gradient_are_lost_where_the_whole_is_exported_without_as_the_document_says() -> None:
    module = built(WithoutGradient)
    with torch.no_grad():
        file = exported_bytes(module, image())
    assert not torch.equal(slope(exported.read(file).module), slope(module))


@pytest.mark.parametrize("decomposed", [False, True])
def test_operations_that_were_exported_in_training_mode_are_counted(decomposed: bool) -> None:
    class Trains(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.drop = nn.Linear(3, 5), nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.drop(self.head(self.drop(x.mean((2, 3)))))
            return scores

    program = torch.export.export(Trains().train(), (image(),))
    found = exported.read(saved(program.run_decompositions() if decomposed else program))
    name = "native_dropout" if decomposed else "dropout"
    assert found.notes[-1] == (
        f"2 operations were exported in training mode and run in evaluation mode here: {name}. Call model.eval() "
        "before exporting."
    )


def test_every_kind_of_operation_in_training_mode_is_named() -> None:
    program = torch.export.export(built(WithoutGradient).train(), (image(),))
    (note,) = exported.read(saved(program)).notes
    assert note.startswith(
        "2 operations were exported in training mode and run in evaluation mode here: batch_norm, dr"
    )
