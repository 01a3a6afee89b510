"""Two operations that PyTorch computes slowly on the CPU, in another way that gives the same.

*Max pooling* is several times faster with the channels last in memory. It picks numbers, so the result is the same bit
for bit.

*The gradient at the input of a convolution* with few input channels and a stride, as the first one of most networks is:
PyTorch runs it at a fifth of the speed of other convolutions, or less. The input's positions are taken apart by their
place within a stride. At each such place the gradient is a convolution of what comes back, with stride one and every
stride-th weight of the kernel; all of them together are one convolution with more output channels, whose result is
woven together. It is the same sum in another order, and no further from float64 than PyTorch's own. An infinite slope
makes more numbers around it no numbers than in PyTorch's own way, for it meets the zeros that complete the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from gradviz_core.tracing.stopping import give_way
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode

FEW = 4
"""Input channels up to which the gradient there is computed here: with more, PyTorch's own way is as fast."""
_POOLING = torch.ops.aten.max_pool2d_with_indices.default
_GRADIENTS = torch.ops.aten.convolution_backward.default
Pair = Sequence[int]
"""Of the rows and of the columns."""


class QuickKernels(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with QuickKernels():`` around passes and their way back. Work gives way before each operation, for the way back
    of several images takes up to a second.

    Raises:
        Stopped: as ``give_way`` does.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        give_way()
        if not kwargs:
            if func is _POOLING and _is_plain(args[0]) and args[0].is_contiguous():
                return tuple(one.contiguous() for one in func(_channels_last(args[0]), *args[1:]))
            if func is _GRADIENTS and _is_strided_and_alone(*args):
                given, weight, stride, padding = args[1], args[2], args[4], args[5]
                return input_gradient(args[0], given.shape, weight, stride, padding), None, None
        return func(*args, **(kwargs or {}))


def input_gradient(
    slope: Float[Tensor, "n out down across"],
    shape: Sequence[int],
    weight: Float[Tensor, "out few height width"],
    stride: Pair,
    padding: Pair,
) -> Float[Tensor, "n few rows columns"]:
    """∂s/∂x, with this ``shape``, of a score s = Σ slope · conv2d(x, weight), in units of the score per unit of x.

    ∂s/∂x[c, i] = Σ_{o, k} slope[o, j] · weight[o, c, k] over all k for which j = (i + padding - k) / stride is whole.
    With k = r + stride · t such a sum has the same r for all i at one place within a stride, and is a convolution
    over t.
    """
    (out, few, height, width), (rows, columns) = weight.shape, shape[-2:]
    down, across = stride
    tall, wide = -(-height // down), -(-width // across)
    parts = pad(weight, (0, wide * across - width, 0, tall * down - height)).reshape(out, few, tall, down, wide, across)
    kernels = parts.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(few * down * across, out, tall, wide)
    found = conv2d(slope, kernels, padding=(tall - 1, wide - 1))
    y, x = found.shape[-2:]
    woven = found.reshape(-1, few, down, across, y, x).permute(0, 1, 4, 2, 5, 3).reshape(-1, few, y * down, x * across)
    top, left = padding
    return pad(woven, (-left, columns + left - x * across, -top, rows + top - y * down))


def _is_strided_and_alone(
    slope: Tensor,
    given: Tensor,
    weight: Tensor,
    _bias: object,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    transposed: bool,
    _output_padding: Pair,
    groups: int,
    wanted: Sequence[bool],
) -> bool:
    """Whether nothing but the gradient at the input is wanted, of a convolution that ``input_gradient`` takes. With
    steps longer than the kernel it would compute much that is zero."""
    simple = not transposed and groups == 1 and set(dilation) == {1} and len(stride) == len(padding) == 2
    worth_it = simple and given.shape[1] <= FEW and max(stride) > 1
    covered = worth_it and all(step <= size for step, size in zip(stride, weight.shape[-2:], strict=True))
    return covered and list(wanted) == [True, False, False] and all(map(_is_plain, (slope, given, weight)))


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is an image or a kernel of the kind that nearly all networks have."""
    usual = tensor.device.type == "cpu" and tensor.dtype == torch.float32 and tensor.layout == torch.strided
    return usual and tensor.dim() == 4 and tensor.numel() > 0 and _lies_in_order(tensor)


def _lies_in_order(tensor: Tensor) -> bool:
    return tensor.is_contiguous() or tensor.is_contiguous(memory_format=torch.channels_last)


def _channels_last(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last)
