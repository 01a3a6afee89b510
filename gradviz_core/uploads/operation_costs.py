"""What one operator takes, in operations of a matrix product: as many as a product makes in the same time.

A product makes some ninety operations in a nanosecond, where an exponential makes one number, and sorting a million of
them takes eighty nanoseconds for each. So each operator has a number of operations for each element of the largest
tensor that it reads or makes, measured with its way back: a third of both, since a product takes as long again for each
of its two factors. ``make bench ARGS=costs`` measures all of them anew beside what stands here. What the formulas of
``torch.utils.flop_counter`` count as arithmetic is counted so, and the numbers that are moved for it come to that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import flop_registry

from gradviz_core.tracing.torch_private.dispatch import OpOverload, arguments, is_mutable, packet

PER_OPERATOR = 4_000_000
"""Operations for any operator at all, be it a view: some 40 microseconds, watched and back again."""
USUAL = 100
"""Operations for each element where the table names no other number."""
PER_COMPARISON = 400
"""Operations for each element and each doubling of how many are sorted."""
PER_TRANSFORMED = {"_fft_r2c": 100, "_fft_c2c": 100, "_fft_c2r": 200}
"""Operations for each element and each doubling of how many are transformed, of one Fourier transform."""
PER_POINT = 400
"""Operations for each number that is read from between pixels for a box."""
PER_POINT_OF_A_FILTER = 4_000
"""Operations for each number that a deformable convolution reads, each with a place of its own."""
PER_STEP = 3_000_000
"""Operations for each step of a recurrent layer, of a dozen operators that torch calls itself."""
PER_WINDOW = 200
"""Operations for each number in each window of a pooling."""
PER_NARROWED = 60
"""Operations for each element of a tensor of which a view shows a part: on the way back all of them are written."""
PER_MATRIX = 60_000
"""Operations for each matrix that is multiplied in a loop."""
SLOW_TYPES = {torch.float16: 40, torch.bfloat16: 40, torch.float32: 1}
"""How many times as long products of these types take as those of float32, on processors that have no fast ones; the
others are some three times as slow."""
OTHER_TYPES = 3
IN_SPACE = 6
"""How many times as long as in the plane a convolution takes in three dimensions."""

_PER_ELEMENT: dict[str, int] = {
    name: operations
    for operations, names in {
        30: """
        absolute add alias_copy ceil clone copy deg2rad diag diag_embed diagonal_scatter dot empty_like expand_copy
        eye fill flip full full_like hardtanh leaky_relu lift_fresh_copy mean mul neg new_full new_ones new_zeros ones
        ones_like rad2deg relu repeat round rsub select_scatter sgn sigmoid sign silu slice_copy softshrink
        split_with_sizes_copy sub sum t_copy trace tril_indices triu_indices unbind_copy unsqueeze_copy vdot view_copy
        zero zeros zeros_like
        """,
        360: """
        _adaptive_avg_pool2d _adaptive_avg_pool3d _upsample_nearest_exact2d _safe_softmax acos arange asin atan atan2
        atanh cat clamp clamp_max clamp_min cos cummax cummin cumprod embedding erfc erfinv fmod hardswish index_copy
        index_fill index_select isfinite linalg_cross linalg_vector_norm logsumexp mish mse_loss nan_to_num
        native_batch_norm norm normal normal_functional rand rand_like randn randn_like remainder special_xlogy stack
        tan tanh uniform upsample_bilinear2d upsample_linear1d upsample_nearest2d where xlogy
        """,
        1_100: """
        adaptive_max_pool2d adaptive_max_pool3d bernoulli blackman_window cosh fmax fmin histc index_add kthvalue
        logspace masked_fill masked_scatter maximum median minimum nanmedian pow scatter scatter_add sinc sinh std_mean
        take var_mean upsample_bicubic2d upsample_trilinear3d
        """,
        3_600: """
        _unsafe_index _unsafe_index_put _index_put_impl acosh asinh exponential gather index index_put kaiser_window
        logcumsumexp scatter_reduce
        """,
        9_000: "grid_sampler grid_sampler_2d grid_sampler_3d",
    }.items()
    for name in names.split()
}
_SORTING = frozenset("sort argsort msort topk mode unique_consecutive".split())
_BOXES = frozenset({"roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool"})
_SEARCHING = {"bucketize": 1, "searchsorted": 0}
"""Place of the sorted numbers among the arguments."""
_PAIRED = frozenset("mse_loss smooth_l1_loss huber_loss".split())


def operations(func: OpOverload[..., Any], args: Sequence[Any], given: list[Tensor], made: list[Tensor]) -> int:
    """Of an operator that writes numbers and is no product; ``given`` are the tensors that it reads, ``made`` those
    that it makes."""
    name = _name(func)
    read, written = max(_numbers(given), inside(func, given) // 4), _numbers(made)
    named = {argument.name: value for argument, value in zip(arguments(func), args, strict=False)}
    if name in _SORTING:
        return PER_COMPARISON * given[0].numel() * _doublings(_sorted_length(given[0], named))
    if name in _SEARCHING and isinstance(args[_SEARCHING[name]], Tensor):
        return PER_COMPARISON * made[0].numel() * _doublings(args[_SEARCHING[name]].shape[-1])
    if name == "deform_conv2d":
        return PER_POINT_OF_A_FILTER * _deformed(*given[:3])
    if name in _BOXES:
        return PER_POINT * _points(given[0], given[1], named)
    if name in PER_TRANSFORMED and made:
        return PER_TRANSFORMED[name] * max(read, written) * _doublings(max(read, written))
    if "pool" in name and "kernel_size" in named and made:
        return max(USUAL * read, PER_WINDOW * made[0].numel() * _window(name, given[0], named))
    if is_mutable(func) and given:
        read = max(read, given[0].untyped_storage().nbytes() // 4)  # the way back copies all of it
    return _PER_ELEMENT.get(name, USUAL) * max(read, written)


def product(
    func: OpOverload[..., Any], args: Sequence[Any], named: Mapping[str, Any], output: object, moved: list[Tensor]
) -> tuple[int, int] | None:
    """The arithmetic of a product, and all that it takes; None for other operators. ``moved`` is read or made."""
    own, known = _PRODUCTS.get(packet(func)), flop_registry.get(packet(func))
    if own is not None:
        arithmetic = own(*args)
    elif known is not None:
        arithmetic = int(known(*args, **named, out_val=output))
    else:
        return None
    kinds = [tensor.dtype for tensor in moved if tensor.dtype.is_floating_point or tensor.dim() > 1]
    slow = max((SLOW_TYPES.get(kind, OTHER_TYPES) for kind in kinds), default=1)
    if _name(func) == "convolution" and args[0].dim() == 5:
        slow *= IN_SPACE
    steps = slow * arithmetic * _STEP.get(packet(func), 1)
    return arithmetic, steps + USUAL * _numbers(moved) + _loops(func, args)


def narrowed(func: OpOverload[..., Any], given: list[Tensor], made: list[Tensor]) -> Tensor | None:
    """The tensor of which a view shows a part only: its gradient is made whole from that part; and a view whose windows
    overlap, all of which are added up. None for other views."""
    if _name(func) == "unfold" and made:
        return made[0]
    if given and made and sum(tensor.numel() for tensor in made) < given[0].numel():
        return given[0]
    return None


def inside(func: OpOverload[..., Any], given: list[Tensor]) -> int:
    """Bytes of the largest tensor that an operator may make for itself, here or on the way back: one as large as what
    it reads, also where that is repeated without memory of its own. A loss has the differences of all pairs, and their
    gradients."""
    if _name(func) in _PAIRED:
        return 2 * math.prod(_broadcast(*(tensor.shape for tensor in given))) * given[0].itemsize
    return max((tensor.numel() * tensor.itemsize for tensor in given), default=0)


def _name(func: OpOverload[..., Any]) -> str:
    """The operator's name; one that writes in place has that of the one that does not."""
    name: str = packet(func).__name__
    return name if name.startswith("__") else name.removesuffix("_")


def _doublings(length: int) -> int:
    return max(1, math.ceil(math.log2(length))) if length > 1 else 1


def _sorted_length(tensor: Tensor, named: Mapping[str, Any]) -> int:
    axis = named.get("dim", -1)
    if not tensor.dim() or not isinstance(axis, int) or not -tensor.dim() <= axis < tensor.dim():
        return tensor.numel()
    return tensor.shape[axis]


def _of_each_axis(kernel: int | Sequence[int], axes: int) -> Sequence[int]:
    """The sides of a window; one number stands for all of them."""
    sides = [kernel] if isinstance(kernel, int) else kernel
    return [*sides] * axes if len(sides) == 1 else sides


def _window(name: str, x: Tensor, named: Mapping[str, Any]) -> int:
    """Numbers that a pooling reads for each result: those of the kernel. A mean reads them only where the kernel meets
    the picture and its padding; the largest in one dimension is looked for step by step, wherever they lie."""
    axes = next(int(letter) for letter in name if letter.isdigit())
    kernel, padding = _of_each_axis(named["kernel_size"], axes), _of_each_axis(named.get("padding", 0), axes)
    if "avg" in name:
        kernel = [min(side, size + 2 * p) for side, size, p in zip(kernel, x.shape[-axes:], padding, strict=True)]
    return math.prod(kernel)


def _deformed(x: Tensor, weight: Tensor, offset: Tensor) -> int:
    """Numbers that all filters read: those of each place of the result, for each channel; and a product with the
    filters, which takes a thousandth for each."""
    read = len(x) * x.shape[1] * math.prod(weight.shape[2:]) * math.prod(offset.shape[2:])
    return read + read * len(weight) // 1000


def _points(x: Tensor, boxes: Tensor, named: Mapping[str, Any]) -> int:
    """Those that the parts of all boxes are made of; where the file does not say how many, a box may be twice as large
    as the picture."""
    parts, each = (named["pooled_height"], named["pooled_width"]), named.get("sampling_ratio", 0)
    sides = [side * each if each > 0 else 2 * whole + side for side, whole in zip(parts, x.shape[2:], strict=True)]
    return int(len(boxes) * x.shape[1] * math.prod(sides))


def _numbers(tensors: list[Tensor]) -> int:
    """Elements of the largest, one of eight bytes counting as two of four."""
    return max((tensor.numel() * max(4, tensor.itemsize) // 4 for tensor in tensors), default=0)


# --------------------------------------------------------------------------------------- what torch has no formula for


def _broadcast(*shapes: Sequence[int]) -> Sequence[int]:
    common: Sequence[int] = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    return common


def _batched_sum(_self: Tensor, left: Tensor, right: Tensor, *_: object) -> int:
    """``addbmm``: a product for each pair of matrices."""
    return 2 * left.numel() * right.shape[-1]


def _distances(left: Tensor, right: Tensor, *_: object) -> int:
    """``cdist``: a difference, a power and an addition for each number of each pair."""
    pairs = math.prod(_broadcast(left.shape[:-2], right.shape[:-2])) * left.shape[-2] * right.shape[-2]
    return 3 * pairs * left.shape[-1]


def _three_products(
    first: Tensor, second: Tensor, third: Tensor, once: list[int], twice: list[int], thrice: list[int], *_: object
) -> int:
    """``bilinear``: two products and an addition for each number of the three tensors' common shape."""
    shapes = []
    for tensor, axes in ((first, once), (second, twice), (third, thrice)):
        shape = list(tensor.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        shapes.append(shape)
    return 3 * math.prod(_broadcast(*shapes))


def _recurrent(x: Tensor, weight: Tensor, hidden_weight: Tensor, *_: object) -> int:
    """A product with the input and one with the hidden state for each step of a recurrent layer."""
    return 2 * (x.numel() // x.shape[-1]) * (weight.numel() + hidden_weight.numel())


def _of_matrices(matrix: Tensor, other: object = None, *_: object) -> int:
    """As many products as there are matrices; ``other`` may have more columns."""
    rows, columns = matrix.shape[-2:]
    widest = other.shape[-1] if isinstance(other, Tensor) and other.dim() > 1 else 0
    return 2 * (matrix.numel() // max(1, rows * columns)) * rows * columns * max(rows, columns, widest)


_MATRICES = frozenset(
    getattr(torch.ops.aten, name)
    for name in """
    linalg_matrix_exp _linalg_solve_ex linalg_solve_triangular linalg_inv_ex _linalg_det _linalg_slogdet
    linalg_cholesky_ex linalg_householder_product linalg_qr
    """.split()
)
_PRODUCTS: dict[object, Callable[..., int]] = {
    **dict.fromkeys(_MATRICES, _of_matrices),
    torch.ops.aten.mkldnn_rnn_layer: _recurrent,
    torch.ops.aten.addbmm: _batched_sum,
    torch.ops.aten._cdist_forward: _distances,
    torch.ops.aten._trilinear: _three_products,
}
_STEP: dict[object, int] = {
    **dict.fromkeys(_MATRICES, 40),
    torch.ops.aten.linalg_matrix_exp: 160,
    torch.ops.aten.mkldnn_rnn_layer: 4,
    torch.ops.aten._cdist_forward: 200,
    torch.ops.aten._trilinear: 50,
}
"""Operations of a product for each one of these, which are made one after the other."""


def _loops(func: OpOverload[..., Any], args: Sequence[Any]) -> int:
    """What is done one by one: the matrices of ``addbmm``, and the steps of a recurrent layer."""
    called = packet(func)
    if called is torch.ops.aten.mkldnn_rnn_layer:
        return PER_STEP * int(args[0].shape[args[14]])
    if called in _MATRICES:
        return PER_MATRIX * int(args[0].numel() // max(1, math.prod(args[0].shape[-2:])))
    return PER_MATRIX * int(args[1].shape[0]) if called is torch.ops.aten.addbmm else 0
