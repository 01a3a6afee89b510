"""Which units let no gradient through."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradviz_core.doctor import units

SPARSE = torch.tensor([[[[-1.0] * 9 + [2.0]], [[-3.0] * 9 + [0.5]]]])
"""Two channels of ten values, nine of which are below zero."""


@pytest.mark.parametrize(
    ("name", "args"), [("relu6", (SPARSE,)), ("hardtanh", (SPARSE, 0.0, 6.0)), ("relu", (SPARSE,))]
)
def test_a_relu_with_a_ceiling_is_a_relu(name: str, args: tuple[Tensor | float, ...]) -> None:
    """``nn.ReLU6`` calls ``hardtanh``. That most values are zero is usual for it; each channel passes a gradient."""
    found = units.measure(name, args, {}, SPARSE.clamp(0, 6), "conv2d")
    assert found is not None
    assert (found.cause, found.units, found.share) == ("dead", 2, 0.0)


@pytest.mark.parametrize("name", ["relu6", "hardtanh"])
@pytest.mark.parametrize("value", [0.0, 6.0])
def test_it_is_dead_at_zero_and_at_its_ceiling(name: str, value: float) -> None:
    flat = torch.full((1, 2, 1, 10), value)
    found = units.measure(name, (flat, 0.0, 6.0), {}, flat, "conv2d")
    assert found is not None
    assert (found.cause, found.share, found.too_much) == ("dead", 1.0, True)


def test_a_hardtanh_from_minus_one_saturates_on_both_sides() -> None:
    found = units.measure("hardtanh", (SPARSE,), {}, SPARSE.clamp(-1, 1), "conv2d")
    assert found is not None
    assert (found.cause, found.units, round(found.share, 6)) == ("saturated", 20, 0.95)
