"""Operations element by element, sums along axes, and what picks, joins and moves numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.kernels.draw import Case, Draw, Function, Operation


def each(function: Function, *, positive: bool = False, within: float = 0.0) -> Operation:
    """Of each number: any, a positive one, or one that is smaller than ``within``."""

    def build(d: Draw) -> Case:
        shape = d.any_shape()
        if within:
            return function, [d.uniform(*shape, low=-within, high=within)]
        return function, [d.positive(*shape) if positive else d.normal(*shape)]

    return build


def pairs(function: Function, *, positive: bool = False) -> Operation:
    """Of two tensors, one of which is repeated where it is shorter."""

    def build(d: Draw) -> Case:
        shape = d.any_shape()
        other = tuple(1 if d.coin() and d.coin() else size for size in shape)[d.one_of(0, 0, 1) :]
        draw = d.positive if positive else d.normal
        two = [draw(*shape), draw(*other)]
        d.random.shuffle(two)
        return function, two

    return build


def along(function: Callable[[Tensor, int], object], *, positive: bool = False) -> Operation:
    """Along one axis."""

    def build(d: Draw) -> Case:
        shape = d.any_shape()
        x = d.positive(*shape) if positive else d.normal(*shape)
        axis = d.axis(x)
        return lambda x: function(x, axis), [x]

    return build


def summed(function: Callable[..., object]) -> Operation:
    """Over some of the axes, which stay or go."""

    def build(d: Draw) -> Case:
        x = d.any_values()
        axes = d.random.sample(range(x.dim()), d.random.randint(1, x.dim()))
        stay = d.coin()
        return lambda x: function(x, dim=axes, keepdim=stay), [x]

    return build


def spread(function: Callable[..., object]) -> Operation:
    """Variance and deviation, of at least two numbers."""

    def build(d: Draw) -> Case:
        x = d.normal(*d.any_shape(), 3)
        axes = [x.dim() - 1, *d.random.sample(range(x.dim() - 1), d.random.randint(0, x.dim() - 1))]
        return lambda x: function(x, dim=axes), [x]

    return build


def normed(p: float) -> Operation:
    return summed(lambda x, dim, keepdim: torch.linalg.vector_norm(x, p, dim, keepdim))


def picked(function: Callable[[Tensor, int, Tensor], Tensor], *, flat: bool) -> Operation:
    """By whole numbers along one axis."""

    def build(d: Draw) -> Case:
        x = d.any_values()
        axis, count = d.axis(x), d.size()
        shape = (count,) if flat else tuple(count if i == axis else size for i, size in enumerate(x.shape))
        which = d.whole(x.shape[axis], *shape)
        return lambda x: function(x, axis, which), [x]

    return build


def scattered(d: Draw) -> Case:
    x = d.any_values()
    axis = d.axis(x)
    source = d.normal(*x.shape)
    order = torch.argsort(d.uniform(*x.shape), axis)
    return lambda x, s: torch.scatter(x, axis, order, s), [x, source]


def scattered_and_added(d: Draw) -> Case:
    x = d.any_values()
    axis = d.axis(x)
    which = d.whole(x.shape[axis], *x.shape)
    return lambda x, s: torch.scatter_add(x, axis, which, s), [x, d.normal(*x.shape)]


def added_by_index(d: Draw) -> Case:
    x = d.any_values()
    axis = d.axis(x)
    which = d.whole(x.shape[axis], 3)
    source = d.normal(*(3 if i == axis else size for i, size in enumerate(x.shape)))
    return lambda x, s: torch.index_add(x, axis, which, s), [x, source]


def put(d: Draw) -> Case:
    x = d.maps()
    first, second = d.whole(x.shape[0], 2), d.whole(x.shape[1], 2)
    return (
        lambda x, v: torch.index_put(x, (first, second), v, accumulate=True),
        [x, d.normal(2, *x.shape[2:])],
    )


def at_places(d: Draw) -> Case:
    x = d.maps()
    rows, columns = d.whole(x.shape[2], 3), d.whole(x.shape[3], 3)
    return d.one_of(lambda x: x[:, :, rows, columns], lambda x: x[:, 0, rows], lambda x: x[..., columns]), [x]


def masked(d: Draw) -> Case:
    x = d.any_values()
    mask = d.yes_or_no(*x.shape)
    return d.one_of(lambda x: x.masked_fill(mask, 0.5), lambda x: torch.masked_select(x, mask)), [x]


def chosen(d: Draw) -> Case:
    shape = d.any_shape()
    mask = d.yes_or_no(*shape)
    return lambda a, b: torch.where(mask, a, b), [d.normal(*shape), d.normal(*shape)]


def joined(function: Callable[[tuple[Tensor, ...], int], Tensor]) -> Operation:
    def build(d: Draw) -> Case:
        shape = d.any_shape()
        parts = [d.normal(*shape) for _ in range(d.random.randint(1, 3))]
        axis = d.axis(parts[0])
        return lambda *t: function(t, axis), parts

    return build


def moved(d: Draw) -> Case:
    x = d.any_values()
    order = d.random.sample(range(x.dim()), x.dim())
    return lambda x: x.permute(order).reshape(-1) * 2, [x]


def tokens(d: Draw) -> Case:
    return lambda x: x.flatten(2).transpose(1, 2).contiguous().mul(3), [d.maps()]


def repeated(d: Draw) -> Case:
    x = d.any_values()
    times, axis = [d.one_of(1, 2) for _ in x.shape], d.axis(x)
    return d.one_of(lambda x: x.repeat(times), lambda x: x.repeat_interleave(2, axis)), [x]


def widened(d: Draw) -> Case:
    x = d.normal(*(1 if d.coin() else size for size in d.any_shape()))
    wide = [3 if size == 1 else size for size in x.shape]
    return lambda x: x.expand(wide) * 2, [x]


def narrowed(d: Draw) -> Case:
    x = d.any_values()
    axis = d.axis(x)
    return d.one_of(lambda x: x.narrow(axis, 0, 1), lambda x: x.select(axis, 0), lambda x: x[..., ::2]), [x]


def windows(d: Draw) -> Case:
    return lambda x: x.unfold(2, 2, 1).unfold(3, 2, 1), [d.maps(least=2)]


def addcmul(d: Draw) -> Case:
    shape = d.any_shape()
    return d.one_of(torch.addcmul, torch.addcdiv, torch.lerp), [d.positive(*shape) for _ in range(3)]


def prelu(d: Draw) -> Case:
    x = d.maps()
    return F.prelu, [x, d.normal(x.shape[1])]


def glu(d: Draw) -> Case:
    return lambda x: F.glu(x, 1), [d.maps(channels=2 * d.size())]


def square(function: Function, *, symmetric: bool = False) -> Operation:
    """Of a matrix that is far from singular."""

    def build(d: Draw) -> Case:
        scale = torch.diag(torch.tensor([2.0, 3.0, 4.5], dtype=d.dtype, device=d.device))
        half = 0.5 if symmetric else 0.0
        return lambda x: function(x + half * (x.mT - x) + scale), [d.uniform(d.batch, 3, 3, low=-0.3, high=0.3)]

    return build


def solved(d: Draw) -> Case:
    two = 2 * torch.eye(3, dtype=d.dtype, device=d.device)
    matrix = d.uniform(d.batch, 3, 3, low=-0.3, high=0.3)
    return lambda a, b: torch.linalg.solve(a + two, b), [matrix, d.normal(d.batch, 3, d.size())]


def transform(function: Function) -> Operation:
    def build(d: Draw) -> Case:
        return lambda x: torch.view_as_real(function(x)), [d.maps(least=2)]

    return build


def there_and_back(d: Draw) -> Case:
    return lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * 2, s=x.shape[-2:]), [d.maps(least=2)]


ACTIVATIONS = (
    F.relu, F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.gelu, F.silu, F.mish, F.hardswish, F.hardsigmoid,
    F.hardtanh, F.softplus, F.softsign, F.tanhshrink, F.softshrink, F.hardshrink, F.logsigmoid, torch.sigmoid,
    torch.tanh, F.rrelu,
)  # fmt: skip
OF_ANY = (
    torch.exp, torch.sin, torch.cos, torch.atan, torch.erf, torch.abs, torch.square, torch.expm1, torch.sinh,
    torch.cosh, torch.asinh, torch.neg, torch.clone,
)  # fmt: skip
OF_POSITIVE = (
    torch.log, torch.log2, torch.log1p, torch.sqrt, torch.rsqrt, torch.reciprocal, torch.lgamma, torch.digamma,
)  # fmt: skip
OF_SMALL = (torch.tan, torch.asin, torch.acos, torch.atanh, torch.erfinv)
OF_TWO = (
    torch.add, torch.sub, torch.mul, torch.maximum, torch.minimum, torch.hypot, torch.logaddexp, torch.copysign,
)  # fmt: skip
OF_TWO_POSITIVE = (torch.div, torch.pow, torch.atan2, torch.fmod, torch.remainder, torch.xlogy)


def named(functions: tuple[Function, ...], operation: Callable[[Function], Operation]) -> dict[str, Operation]:
    return {function.__name__: operation(function) for function in functions}


ELEMENTS: dict[str, Operation] = {
    **named(ACTIVATIONS, each),
    **named(OF_ANY, each),
    **named(OF_POSITIVE, lambda function: each(function, positive=True)),
    **named(OF_SMALL, lambda function: each(function, within=0.8)),
    **named(OF_TWO, pairs),
    **named(OF_TWO_POSITIVE, lambda function: pairs(function, positive=True)),
    "gelu tanh": each(lambda x: F.gelu(x, approximate="tanh")),
    "clamp": each(lambda x: x.clamp(-0.5, 0.7)),
    "threshold": each(lambda x: F.threshold(x, 0.1, 0.5)),
    "pow of a number": each(lambda x: x**3),
    "prelu": prelu,
    "glu": glu,
    "addcmul, addcdiv, lerp": addcmul,
    "where": chosen,
    "softmax": along(lambda x, axis: x.softmax(axis)),
    "log_softmax": along(lambda x, axis: x.log_softmax(axis)),
    "softmin": along(lambda x, axis: F.softmin(x, axis)),
    "cumsum": along(torch.cumsum),
    "cumprod": along(torch.cumprod, positive=True),
    "logcumsumexp": along(torch.logcumsumexp),
    "cummax": along(torch.cummax),
    "cummin": along(torch.cummin),
    "max": along(torch.max),
    "min": along(torch.min),
    "median": along(torch.median),
    "kthvalue": along(lambda x, axis: torch.kthvalue(x, 1, axis)),
    "mode": along(torch.mode),
    "sort": along(lambda x, axis: torch.sort(x, axis)),
    "topk": along(lambda x, axis: torch.topk(x, 1, axis)),
    "prod": along(torch.prod, positive=True),
    "renorm": lambda d: (lambda x: torch.renorm(x, 2, 1, 1.0), [d.maps()]),
    "diff": along(lambda x, axis: torch.diff(x, dim=axis)),
    "unbind": along(torch.unbind),
    "split": along(lambda x, axis: torch.split(x, 2, axis)),
    "chunk": along(lambda x, axis: torch.chunk(x, 2, axis)),
    "sum": summed(torch.sum),
    "mean": summed(torch.mean),
    "nansum": summed(torch.nansum),
    "amax": summed(torch.amax),
    "amin": summed(torch.amin),
    "logsumexp": summed(torch.logsumexp),
    **{f"vector_norm {p}": normed(p) for p in (1.0, 2.0, 3.0, float("inf"))},
    "var": spread(torch.var),
    "std": spread(torch.std),
    "var_mean": spread(torch.var_mean),
    "gather": picked(torch.gather, flat=False),
    "take_along_dim": picked(lambda x, axis, which: torch.take_along_dim(x, which, axis), flat=False),
    "index_select": picked(torch.index_select, flat=True),
    "index": at_places,
    "index_put": put,
    "index_add": added_by_index,
    "scatter": scattered,
    "scatter_add": scattered_and_added,
    "masked": masked,
    "cat": joined(torch.cat),
    "stack": joined(torch.stack),
    "permute and reshape": moved,
    "flatten and transpose": tokens,
    "repeat": repeated,
    "expand": widened,
    "narrow": narrowed,
    "unfold along axes": windows,
    "tril": each(lambda x: torch.tril(x[..., None] * x[..., None, :])),
    "trace": lambda d: (torch.trace, [d.normal(3, d.size())]),
    "diagonal": lambda d: (lambda x: torch.diagonal(x, 0, 2, 3), [d.maps()]),
    "matrix inverse": square(torch.linalg.inv),
    "determinant": square(torch.linalg.det),
    "slogdet": square(torch.linalg.slogdet),
    "cholesky": square(torch.linalg.cholesky, symmetric=True),
    "eigvalsh": square(torch.linalg.eigvalsh, symmetric=True),
    "svdvals": square(torch.linalg.svdvals),
    "matrix_exp": square(torch.linalg.matrix_exp),
    "solve": solved,
    "rfft2": transform(torch.fft.rfft2),
    "fft2": transform(torch.fft.fft2),
    "rfft": transform(torch.fft.rfft),
    "rfft2 and irfft2": there_and_back,
}
SELECTING = (
    "max", "min", "median", "kthvalue", "mode", "sort", "topk", "cummax", "cummin", "maximum", "minimum", "amax",
    "amin", "vector_norm inf", "svdvals", "eigvalsh", "max_pool1d", "max_pool2d", "max_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "max_unpool2d",
)  # fmt: skip
"""Operations whose gradient is any of several where two numbers are equal: they are not tried on such."""
