"""The quicker ways give what PyTorch's own give: max pooling bit for bit, gradients to rounding."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d
from torch.utils._python_dispatch import TorchDispatchMode

from gradviz_core.errors import Stopped
from gradviz_core.tracing.quick_kernels import QuickKernels
from gradviz_core.tracing.stopping import SELDOM_S, listening

TO_ROUNDING = 1e-6
"""Of the largest number of the gradient in float64."""


class Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """What PyTorch itself is asked for: names of operations, and whether the first tensor has its channels last."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[tuple[str, bool]] = []

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        last = args and isinstance(args[0], Tensor) and args[0].dim() == 4 and not args[0].is_contiguous()
        self.operations.append((func.__name__.partition(".")[0], bool(last)))
        return func(*args, **(kwargs or {}))


def gradient(x: Tensor, weight: Tensor, **how: Any) -> Tensor:
    """Of a weighted sum of the convolution, at its input."""
    x, weight = x.detach().requires_grad_(), weight.detach()
    result = conv2d(x, weight, **how)
    slope = torch.randn(result.shape, generator=torch.Generator().manual_seed(1)).to(result)
    return torch.autograd.grad(result, x, slope)[0]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [(2, 2), (1, 3), (3, 2)])
def test_the_gradient_of_a_strided_convolution_of_few_channels(kernel: int, stride: tuple[int, int]) -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 3, kernel, max(1, kernel - 1))
    covered = stride[0] <= kernel and stride[1] <= weight.shape[3]
    for padding, size in product(((0, 0), (1, 2), (4, 4)), ((8, 8), (11, 7))):
        x = torch.randn(2, 3, *size)
        true = gradient(x.double(), weight.double(), stride=stride, padding=padding)
        with Seen() as seen, QuickKernels():
            found = gradient(x, weight, stride=stride, padding=padding)
        assert ("convolution_backward" in dict(seen.operations)) is not covered
        assert found.shape == x.shape
        assert (found - true).abs().max() <= TO_ROUNDING * true.abs().max(), (padding, size)


@pytest.mark.parametrize(
    ("channels", "how"),
    [
        (3, {"stride": 1, "padding": 1}),
        (3, {"stride": 4}),
        (3, {"stride": (2, 4)}),
        (3, {"stride": 2, "dilation": 2}),
        (4, {"stride": 2, "groups": 2}),
        (8, {"stride": 2}),
    ],
)
def test_other_convolutions_are_left_to_pytorch(channels: int, how: dict[str, int]) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, channels, 9, 9), torch.randn(4, channels // how.get("groups", 1), 3, 3)
    with Seen() as seen, QuickKernels():
        found = gradient(x, weight, **how)
    assert "convolution_backward" in dict(seen.operations)
    assert torch.equal(found, gradient(x, weight, **how))


def test_gradients_of_weights_and_of_float64_are_left_to_pytorch() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 9, 9, requires_grad=True), torch.randn(4, 3, 3, 3, requires_grad=True)
    with Seen() as seen, QuickKernels():
        both = torch.autograd.grad(conv2d(x, weight, stride=2).square().sum(), (x, weight))
        double = gradient(x.double(), weight.double(), stride=2)
    assert [name for name, _ in seen.operations].count("convolution_backward") == 2
    for found, true in zip(
        both, torch.autograd.grad(conv2d(x, weight, stride=2).square().sum(), (x, weight)), strict=True
    ):
        assert torch.equal(found, true)
    assert torch.equal(double, gradient(x.double(), weight.double(), stride=2))


@pytest.mark.parametrize(
    "how",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": (2, 1), "dilation": 2},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    ],
)
def test_max_pooling_is_the_same_bit_for_bit(how: dict[str, Any]) -> None:
    """Ties, infinities and what is no number included."""
    torch.manual_seed(0)
    x = torch.randint(-2, 3, (2, 6, 11, 12)).float()
    x[0, 0, :5, :5], x[1, 1, 4, 4], x[1, 2, 3, 3] = -torch.inf, torch.nan, torch.inf
    quick, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    true, where = max_pool2d(plain, **how, return_indices=True)
    slope = torch.randn_like(true)
    with Seen() as seen, QuickKernels():
        found, found_where = max_pool2d(quick, **how, return_indices=True)
        (at_input,) = torch.autograd.grad(found, quick, slope)
    assert ("max_pool2d_with_indices", True) in seen.operations
    assert found.is_contiguous()
    assert torch.equal(found.nan_to_num(7), true.nan_to_num(7))
    assert torch.equal(found_where, where)
    assert torch.equal(at_input, torch.autograd.grad(true, plain, slope)[0])


def test_work_is_stopped_in_the_middle_of_the_way_back() -> None:
    x, told = torch.randn(1, 3, 8, 8, requires_grad=True), []
    score = (x.sin().cos() * 2).sum()

    def later(_slope: Tensor) -> None:
        told.append(True)
        time.sleep(2 * SELDOM_S)

    score.register_hook(later)  # type: ignore[no-untyped-call]
    with QuickKernels(), listening(lambda: bool(told)), pytest.raises(Stopped):
        torch.autograd.grad(score, x)
