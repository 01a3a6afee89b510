"""Each operator that an uploaded graph may name, called in a usual way on about ``n`` numbers."""

# ruff: noqa: B008 - each row of a table binds what it is about as a default
# mypy: disable-error-code="misc"

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.operator_inputs import SHAPES, numbers, picture, small_matrices, square
from benchmarks.operators_of_layers import MADE
from gradviz_core.uploads.exported import operators
from gradviz_core.uploads.exported.checked import CHECKED
from gradviz_core.uploads.exported.torchvision_operators import TORCHVISION

aten = torch.ops.aten
VIEWS = frozenset(
    """
    view view_as reshape reshape_as _unsafe_view flatten unflatten squeeze squeeze_ unsqueeze unsqueeze_ transpose
    transpose_ t t_ numpy_T permute movedim moveaxis swapaxes swapdims expand expand_as broadcast_to broadcast_tensors
    slice select narrow split split_with_sizes tensor_split chunk unbind unsafe_chunk unsafe_split
    unsafe_split_with_sizes hsplit vsplit dsplit atleast_1d atleast_2d atleast_3d ravel diagonal alias lift_fresh detach
    detach_ meshgrid sym_size sym_numel sym_stride sym_storage_offset _assert_async _assert_scalar
    mT mH adjoint matrix_H real imag view_as_real view_as_complex conj _conj resolve_conj resolve_neg linalg_diagonal
    _assert_tensor_metadata sym_constrain_range sym_constrain_range_for_size scalar_tensor to contiguous equal
    """.split()
)
"""What takes the same time however many numbers there are, or may, or cannot be run dry."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function of some tensors."""

    function: Callable[..., Any]
    inputs: list[Tensor]

    def __call__(self) -> Tensor:
        """Its first result."""
        return _first(self.function(*self.inputs))


Make = Callable[[int], Call]
Inputs = Callable[[int], list[Tensor]]


def names() -> tuple[str, ...]:
    """Every operator of the list that computes something, without overloads; torchvision's last."""
    return (*sorted(name for name in operators._ATEN - VIEWS if hasattr(aten, name)), *TORCHVISION)


def call(name: str, n: int) -> Call:
    """The operator at work. Raises ``LookupError`` where no call is known that works."""
    if name in MADE:
        return Call(*MADE[name](n))
    for made in [SPECIAL[name](n)] if name in SPECIAL else _guesses(name, n):
        try:
            made()
        except (RuntimeError, TypeError, NotImplementedError, IndexError):
            continue
        return made
    raise LookupError(f"No call of {name} is known that works; add it to SPECIAL.")


def _guesses(name: str, n: int) -> Iterator[Call]:
    """With one tensor, with two and three of the same shape, with a number or two behind."""
    packet = getattr(aten, name)
    for overload in ("default", "Tensor", "dim", "Scalar", "self", "int"):
        if overload in packet.overloads():
            function = getattr(packet, overload)
            for count, more in ((1, ()), (2, ()), (3, ()), (1, (0.5,)), (1, (0.3, 0.6)), (1, (1,))):
                yield Call(_on_a_copy(name, function, more), [numbers(n) for _ in range(count)])


def _on_a_copy(name: str, function: Callable[..., Any], more: tuple[object, ...] = ()) -> Callable[..., Any]:
    in_place = name.endswith("_") and not name.startswith("__")
    return lambda first, *rest: function(first.clone() if in_place else first, *rest, *more)


def _first(result: Any) -> Tensor:
    return result if isinstance(result, Tensor) else _first(result[0])


def _over(inputs: Inputs, function: Callable[..., Any]) -> Make:
    return lambda n: Call(function, inputs(n))


def _shuffled(n: int) -> list[Tensor]:
    return [numbers(n), torch.randperm(n)]


def _two_shuffled(n: int) -> list[Tensor]:
    return [numbers(n), numbers(n), torch.randperm(n)]


def _whole_numbers(n: int) -> list[Tensor]:
    return [torch.randint(0, 8, (n,)), torch.randint(0, 8, (n,))]


def _unpooling(n: int) -> Call:
    x = picture(n)
    pooled, places = F.max_pool2d(x, 2, return_indices=True)
    return Call(lambda p, i: aten.max_unpool2d.default(p, i, list(x.shape[2:])), [pooled, places])


def _filters(n: int, axes: int) -> list[Tensor]:
    x = SHAPES[axes](n)
    return [x, torch.rand(16, x.shape[1], *[3] * axes)]


def _filters_back(n: int, axes: int) -> list[Tensor]:
    x = SHAPES[axes](n)
    return [x, torch.rand(x.shape[1], 16, *[3] * axes)]


def _one(make: Callable[[int], Tensor], function: Callable[..., Any]) -> Make:
    return lambda n: Call(function, [make(n)])


def _two(make: Callable[[int], Tensor], function: Callable[..., Any]) -> Make:
    return lambda n: Call(function, [make(n), make(n)])


def _none(function: Callable[[int], Any]) -> Make:
    return lambda n: Call(lambda: function(n), [])


def _of(name: str, overload: str = "default") -> Callable[..., Any]:
    function: Callable[..., Any] = _on_a_copy(name, getattr(getattr(aten, name), overload))
    return function


def _with(name: str, *more: Any, overload: str = "default") -> Callable[..., Any]:
    return _on_a_copy(name, getattr(getattr(aten, name), overload), more)


def _sized(name: str, change: Callable[[int], int], *more: Any) -> Callable[..., Any]:
    """An operator that takes the size of what it makes."""
    function = getattr(aten, name).default
    return lambda x: function(x, [change(side) for side in x.shape[2:]], *more)


SPECIAL: dict[str, Make] = {
    **{n: _one(square, _with(n, 1, overload="dim")) for n in ("median", "nanmedian")},
    "mode": _one(square, _with("mode", 1)),
    "kthvalue": _one(square, _with("kthvalue", 3, 1)),
    "topk": lambda n: Call(lambda x: aten.topk.default(x, n // 2), [numbers(n)]),
    **{n: _one(numbers, _with(n, 0)) for n in ("cumsum", "cumprod", "logcumsumexp", "cummax", "cummin")},
    **{n: _over(_shuffled, lambda x, i, f=getattr(aten, n).Tensor: f(x, [i])) for n in ("index", "_unsafe_index")},
    **{n: _over(_shuffled, lambda x, i, f=getattr(aten, n).default: f(x, 0, i)) for n in ("index_select", "gather")},
    "take": _over(_shuffled, _of("take")),
    **{n: _over(_two_shuffled, lambda x, y, i, f=_of(n, "src"): f(x, 0, i, y)) for n in ("scatter", "scatter_")},
    **{
        n: _over(_two_shuffled, lambda x, y, i, f=_of(n): f(x, 0, i, y))
        for n in ("scatter_add", "scatter_add_", "index_add", "index_copy")
    },
    "scatter_reduce": _over(_two_shuffled, lambda x, y, i: aten.scatter_reduce.two(x, 0, i, y, "prod")),
    "index_fill": _over(_shuffled, lambda x, i: aten.index_fill.int_Scalar(x, 0, i, 1.0)),
    **{
        n: _over(_two_shuffled, lambda x, y, i, f=getattr(aten, n).default: f(x.clone(), [i], y, True))
        for n in ("index_put", "index_put_", "_unsafe_index_put")
    },
    "masked_scatter": _over(_two_shuffled, lambda x, y, i: aten.masked_scatter.default(x, i % 2 > 0, y)),
    **{
        n: _over(_shuffled, lambda x, i, f=_of(n, "Scalar"): f(x, i % 2 > 0, 1.0))
        for n in ("masked_fill", "masked_fill_")
    },
    "where": _over(_two_shuffled, lambda x, y, i: aten.where.self(i % 2 > 0, x, y)),
    **{n: _two(numbers, _of(n)) for n in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")},
    "histc": _one(numbers, lambda x: CHECKED["histc.default"](x, 100, 0, 1)),
    "bucketize": _one(numbers, lambda x: aten.bucketize.Tensor(x, torch.linspace(0, 1, 1000))),
    "searchsorted": _one(numbers, lambda x: aten.searchsorted.Tensor(torch.linspace(0, 1, 1000), x)),
    "embedding": _over(
        lambda n: [numbers(n // 64 * 64).reshape(-1, 64), torch.randint(0, n // 64, (n // 64,))], _of("embedding")
    ),
    "one_hot": _over(lambda n: [torch.randint(0, 64, (n // 64,))], _with("one_hot", 64)),
    "repeat_interleave": _one(numbers, _with("repeat_interleave", 4, overload="self_int")),
    **{
        n: _none(lambda n, f=getattr(aten, n).default: f(math.isqrt(n), math.isqrt(n)))
        for n in ("tril_indices", "triu_indices")
    },
    **{
        f"{kind}_pool{k}d{more}": _one(SHAPES[k], _with(f"{kind}_pool{k}d{more}", [3] * k, [1] * k))
        for k in SHAPES
        for kind, more in (("max", ""), ("avg", ""), ("max", "_with_indices"))
    },
    **{
        n: _one(SHAPES[int(n[-2])], _sized(n, lambda side: max(1, side // 2)))
        for n in (
            *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "_adaptive_avg_pool2d"),
            *("_adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
        )
    },
    "max_unpool2d": _unpooling,
    **{
        n: _one(lambda n, k=int(n[-2]): SHAPES[k](n // 2**k), _sized(n, lambda side: 2 * side))
        for n in (
            *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"),
            *("_upsample_nearest_exact1d", "_upsample_nearest_exact2d"),
        )
    },
    **{
        n: _one(lambda n, k=int(n[-2]): SHAPES[k](n // 2**k), _sized(n, lambda side: 2 * side, False))
        for n in ("upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d")
    },
    **{
        n: _over(
            lambda n: [picture(n), torch.rand(1, *picture(n).shape[2:], 2) * 2 - 1],
            lambda x, grid, f=getattr(aten, n).default: f(x, grid, 2, 0, False),
        )
        for n in ("grid_sampler", "grid_sampler_2d")
    },
    "affine_grid_generator": lambda n: Call(
        lambda t: aten.affine_grid_generator.default(t, [1, 3, math.isqrt(n // 2), math.isqrt(n // 2)], False),
        [torch.rand(1, 2, 3)],
    ),
    "im2col": _one(lambda n: picture(n // 9), _with("im2col", [3, 3], [1, 1], [1, 1], [1, 1])),
    "col2im": lambda n: Call(
        lambda x: aten.col2im.default(x, [math.isqrt(n // 144)] * 2, [3, 3], [1, 1], [1, 1], [1, 1]),
        [numbers(144 * math.isqrt(n // 144) ** 2).reshape(1, 144, -1)],
    ),
    "unfold": _one(numbers, lambda x: aten.unfold.default(x, 0, 9, 1).exp()),
    "constant_pad_nd": _one(picture, _with("constant_pad_nd", [2, 2, 2, 2], 0.0)),
    "pad": _one(picture, _with("pad", [2, 2, 2, 2], "reflect")),
    "_pad_enum": _one(picture, _with("_pad_enum", [2, 2, 2, 2], 1)),
    "_pad_circular": _one(picture, _with("_pad_circular", [2, 2, 2, 2])),
    **{
        f"{kind}_pad{k}d": _one(SHAPES[k], _with(f"{kind}_pad{k}d", [1, 1] * k))
        for k in SHAPES
        for kind in ("reflection", "replication")
    },
    **{f"conv{k}d": _over(lambda n, k=k: _filters(n, k), _of(f"conv{k}d")) for k in SHAPES},
    **{
        f"conv_transpose{k}d": _over(
            lambda n, k=k: _filters_back(n, k), _of(f"conv_transpose{k}d", "default" if k == 1 else "input")
        )
        for k in SHAPES
    },
    "convolution": _over(
        lambda n: [picture(n), torch.rand(16, 1, 3, 3)],
        lambda x, w: aten.convolution.default(x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 16),
    ),
    "_convolution": _over(
        lambda n: _filters(n, 2),
        lambda x, w: aten._convolution.default(
            x, w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, False, False, True, True
        ),
    ),
    **{n: _two(square, _of(n)) for n in ("linear", "mm", "matmul", "inner", "cosine_similarity", "pairwise_distance")},
    "addmm": _two(square, lambda x, y: aten.addmm.default(x, x, y)),
    "bmm": _two(small_matrices, _of("bmm")),
    "baddbmm": _two(small_matrices, lambda x, y: aten.baddbmm.default(x, x, y)),
    "addbmm": _two(small_matrices, lambda x, y: aten.addbmm.default(x[0], x, y)),
    "mv": _over(lambda n: [square(n), numbers(math.isqrt(n))], _of("mv")),
    "addmv": _over(lambda n: [square(n), numbers(math.isqrt(n))], lambda x, y: aten.addmv.default(y, x, y)),
    "outer": _two(lambda n: numbers(math.isqrt(n)), _of("outer")),
    "einsum": _two(square, lambda x, y: aten.einsum.default("ij,jk->ik", [x, y])),
    "tensordot": _two(square, _with("tensordot", [1], [0])),
    "bilinear": _over(
        lambda n: [square(256), numbers(n // 256 * 256).reshape(-1, 16, 16)],
        lambda x, w: aten.bilinear.default(x, x, w),
    ),
    "kron": _over(lambda n: [square(64), square(n // 64)], _of("kron")),
    "cross": _two(lambda n: numbers(n // 3 * 3).reshape(-1, 3), _with("cross", 1)),
    "cdist": _two(lambda n: numbers(math.isqrt(n) * 16).reshape(-1, 16), _with("cdist", 1.5)),
    "scaled_dot_product_attention": _one(
        lambda n: numbers(65_536 * max(1, n // 65_536)).reshape(-1, 4, 256, 64),
        lambda q: aten.scaled_dot_product_attention.default(q, q, q),
    ),
    "batch_norm": _one(
        picture,
        lambda x: aten.batch_norm.default(x, None, None, torch.zeros(16), torch.ones(16), False, 0.1, 1e-5, False),
    ),
    "_native_batch_norm_legit_no_training": _one(
        picture,
        lambda x: aten._native_batch_norm_legit_no_training.default(
            x, None, None, torch.zeros(16), torch.ones(16), 0.1, 1e-5
        ),
    ),
    "instance_norm": _one(
        picture, lambda x: aten.instance_norm.default(x, None, None, None, None, True, 0.1, 1e-5, False)
    ),
    "layer_norm": _one(square, lambda x: aten.layer_norm.default(x, [x.shape[1]])),
    "native_layer_norm": _one(square, lambda x: aten.native_layer_norm.default(x, [x.shape[1]], None, None, 1e-5)),
    "rms_norm": _one(square, lambda x: aten.rms_norm.default(x, [x.shape[1]])),
    "group_norm": _one(picture, _with("group_norm", 4)),
    "native_group_norm": _one(
        picture,
        lambda x: aten.native_group_norm.default(x, None, None, 1, 16, x.shape[2] * x.shape[3], 4, 1e-5),
    ),
    "_weight_norm": _over(lambda n: [square(n), numbers(math.isqrt(n))[:, None]], _with("_weight_norm", 0)),
    "norm_except_dim": _one(square, _with("norm_except_dim", 2, 0)),
    "pixel_shuffle": _one(picture, _with("pixel_shuffle", 2)),
    "pixel_unshuffle": _one(
        lambda n: picture(n)[:, :, : picture(n).shape[2] // 2 * 2, : picture(n).shape[3] // 2 * 2],
        _with("pixel_unshuffle", 2),
    ),
    "channel_shuffle": _one(picture, _with("channel_shuffle", 4)),
    "prelu": _over(lambda n: [picture(n), numbers(16)], _of("prelu")),
    "_prelu_kernel": _over(lambda n: [numbers(n), numbers(1)], _of("_prelu_kernel")),
    **{n: _one(square, _with(n, 1, overload="int")) for n in ("softmax", "log_softmax")},
    **{n: _one(square, _with(n, 1, False)) for n in ("_softmax", "_log_softmax")},
    "_safe_softmax": _one(square, _with("_safe_softmax", 1)),
    "logsumexp": _one(square, _with("logsumexp", [1])),
    "glu": _one(lambda n: numbers(n // 2 * 2).reshape(-1, 2), _with("glu", 1)),
    **{n: _one(numbers, _with(n, 0.5, 0.0)) for n in ("threshold", "threshold_")},
    **{
        n: _one(picture, _with(n, 0.5, False))
        for n in (
            *("dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_"),
            *("feature_alpha_dropout", "native_dropout"),
        )
    },
    "linalg_vector_norm": _one(numbers, _with("linalg_vector_norm", 3.0)),
    "norm": _one(numbers, _with("norm", 3, overload="Scalar")),
    "frobenius_norm": _one(square, _with("frobenius_norm", [0, 1], overload="dim")),
    "roll": _one(square, _with("roll", [3, 2], [0, 1])),
    "flip": _one(square, _with("flip", [0, 1])),
    **{n: _one(square, _of(n)) for n in ("rot90", "fliplr", "trace", "tril", "tril_", "triu", "triu_")},
    **{n: _one(numbers, _with(n, [4])) for n in ("repeat", "tile")},
    **{
        n: _one(lambda n: numbers(n // 2).reshape(-1, 1), lambda x, f=getattr(aten, n).default: f([x, x], 1))
        for n in ("cat", "concat", "concatenate")
    },
    "stack": _one(numbers, lambda x: aten.stack.default([x, x], 1)),
    **{
        n: _one(numbers, lambda x, f=getattr(aten, n).default: f([x, x]))
        for n in ("hstack", "vstack", "dstack", "column_stack")
    },
    "cartesian_prod": _one(lambda n: numbers(math.isqrt(n // 2)), lambda x: aten.cartesian_prod.default([x, x])),
    "block_diag": _one(lambda n: square(n // 4), lambda x: aten.block_diag.default([x, x])),
    **{n: _one(lambda n: numbers(math.isqrt(n)), _of(n)) for n in ("diag", "diag_embed", "diagflat")},
    "select_scatter": _over(
        lambda n: [square(n), numbers(math.isqrt(n))], lambda x, y: aten.select_scatter.default(x, y, 0, 1)
    ),
    "slice_scatter": _two(square, lambda x, y: aten.slice_scatter.default(x, y, 0, 0, None, 1)),
    "diagonal_scatter": _over(lambda n: [square(n), numbers(math.isqrt(n))], _of("diagonal_scatter")),
    **{n: _none(lambda n, f=getattr(aten, n).default: f([n])) for n in ("zeros", "ones", "rand", "randn")},
    "full": _none(lambda n: aten.full.default([n], 1.0)),
    "eye": _none(lambda n: aten.eye.default(math.isqrt(n))),
    "arange": _none(lambda n: aten.arange.default(n)),
    "linspace": _none(lambda n: aten.linspace.default(0.0, 1.0, n)),
    "logspace": _none(lambda n: aten.logspace.default(0.0, 1.0, n)),
    "full_like": _one(numbers, _with("full_like", 1.0)),
    **{
        n: lambda n, f=getattr(aten, n).default: Call(lambda x: f(x, [n]), [numbers(1)])
        for n in ("new_zeros", "new_ones", "new_empty")
    },
    "new_full": lambda n: Call(lambda x: aten.new_full.default(x, [n], 1.0), [numbers(1)]),
    **{n: _one(numbers, _with(n, 1.0, overload="Scalar")) for n in ("fill", "fill_")},
    "_to_copy": _one(numbers, lambda x: aten._to_copy.default(x, dtype=torch.float64)),
    "type_as": _one(numbers, lambda x: aten.type_as.default(x, torch.zeros(1, dtype=torch.float64))),
    "normal": _one(numbers, _with("normal", 1.0, overload="Tensor_float")),
    **{
        n: _one(numbers, lambda x, f=getattr(aten, n).default: f(x.detach().clone()))
        for n in ("normal_", "uniform_", "exponential_", "bernoulli")
    },
    "bernoulli_": _one(numbers, lambda x: aten.bernoulli_.float(x.detach().clone(), 0.5)),
    "pow": _two(numbers, _of("pow", "Tensor_Tensor")),
    "pow_": _two(numbers, _of("pow_", "Tensor")),
    "float_power": _two(numbers, _of("float_power", "Tensor_Tensor")),
    "prod": _one(square, _with("prod", 1, overload="dim_int")),
    "acosh": _one(lambda n: numbers(n) + 1.1, _of("acosh")),
    **{
        n: _over(_whole_numbers, _of(n, "Tensor"))
        for n in (
            *("bitwise_and", "bitwise_or", "bitwise_xor", "__and__", "__or__", "__xor__", "__lshift__", "__rshift__"),
            *("bitwise_left_shift", "bitwise_right_shift"),
        )
    },
    "bitwise_not": _over(lambda n: _whole_numbers(n)[:1], _of("bitwise_not")),
    "view_copy": _one(square, _with("view_copy", [-1])),
    "permute_copy": _one(square, _with("permute_copy", [1, 0])),
    "transpose_copy": _one(square, _with("transpose_copy", 0, 1, overload="int")),
    "expand_copy": lambda n: Call(lambda x: aten.expand_copy.default(x, [4, n // 4]), [numbers(n // 4)]),
    "select_copy": _one(lambda n: numbers(n)[None], _with("select_copy", 0, 0, overload="int")),
    "unsqueeze_copy": _one(numbers, _with("unsqueeze_copy", 0)),
    "unbind_copy": _one(lambda n: numbers(n)[None], _with("unbind_copy", overload="int")),
    "split_copy": lambda n: Call(lambda x: aten.split_copy.Tensor(x, n), [numbers(n)]),
    "split_with_sizes_copy": lambda n: Call(lambda x: aten.split_with_sizes_copy.default(x, [n]), [numbers(n)]),
}
"""Those that no guess suits, or whose usual call is another one."""
