"""What an operation does to the places of numbers in the picture (``positions.py``).

What moves numbers moves their places. A convolution or a pooling over a regular grid gives the grid of its centres. A
sum over channels gives the mean of their places, and the product of matrices the place of its row: of a token in a
linear layer, of the query in attention. Of anything else nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_NOWHERE, _PADDING = complex(math.nan, 0), complex(math.nan, math.nan)
_SAME = frozenset(
    """clone alias detach _to_copy lift_fresh copy_ native_dropout _softmax _log_softmax _safe_softmax
    native_layer_norm native_batch_norm native_group_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    cudnn_batch_norm _fused_rms_norm hardswish hardswish_ _prelu_kernel""".split()
)
"""Operations whose first result has each number where the first argument has it."""
_MOVES = frozenset(
    """transpose t permute expand slice select unsqueeze squeeze split split_with_sizes unbind roll index
    index_select flip repeat unfold pixel_unshuffle pixel_shuffle""".split()
)
_RESHAPES = frozenset({"view", "_unsafe_view", "reshape", "_reshape_alias"})
_MEANS = frozenset("mean sum amax".split())
_LEVEL = 1e-6
"""How far a place may lie from a regular grid, in pixels."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An argument, and the places of its numbers where they are known."""

    tensor: Tensor
    places: Tensor | None

    @property
    def somewhere(self) -> Tensor:
        """The places; NaN throughout where they are not known."""
        if self.places is not None:
            return self.places
        nowhere = torch.tensor(_NOWHERE, dtype=torch.complex128, device=self.tensor.device)
        return nowhere.expand(self.tensor.shape)


Result = Sequence[Tensor | None]


def places_after(name: str, given: Sequence[Any], returned: Sequence[Tensor], *, pointwise: bool) -> Result:
    """The places of what an operation returned; None, or nothing, for what lies at no known place."""
    if name in _SAME:
        return [given[0].places]
    if name in _RESHAPES:
        return [given[0].somewhere.reshape(returned[0].shape)]
    if name in _MOVES:
        rest = [one.tensor if isinstance(one, Placed) else _plain(one) for one in given[1:]]
        moved = getattr(torch.ops.aten, name)(given[0].somewhere, *rest)
        return [moved] if isinstance(moved, Tensor) else moved
    if pointwise:
        return [_together([one for one in given if isinstance(one, Placed)], returned[0])]
    rule = _RULES.get(name)
    return [] if rule is None else [rule(given, returned[0])]


def _plain(arg: Any) -> Any:
    return [_plain(one) for one in arg] if isinstance(arg, list) else arg.tensor if isinstance(arg, Placed) else arg


def _together(given: Sequence[Placed], returned: Tensor) -> Tensor | None:
    """Of values that are computed number by number: the place in the first that has one."""
    known = [_core(one.places) for one in given if one.places is not None]
    found = known[0]
    for other in known[1:]:
        if found.isnan().any():
            found = torch.where(found.isnan() & ~other.isnan(), other, found)
    return found.expand(returned.shape)


def _core(places: Tensor) -> Tensor:
    """The places without those that repeat others in memory: of a thousand channels at one place, one."""
    for axis, stride in enumerate(places.stride()):
        if stride == 0 and places.shape[axis] > 1:
            places = places.narrow(axis, 0, 1)
    return places


def mean_place(places: Tensor, axes: Any) -> Tensor:
    """The mean over some axes, which stay, of the numbers that lie somewhere; padding where all of them are that."""
    core, shape = _core(places), list(places.shape)
    for axis in axes if isinstance(axes, list | tuple) else (axes,):
        shape[axis] = 1
    here = ~core.isnan()
    total = torch.where(here, core, 0).sum(axes, keepdim=True)
    count = here.sum(axes, keepdim=True)
    padding = is_padding(core).all(tuple(axes) if isinstance(axes, list) else axes, keepdim=True)
    found = torch.where(count > 0, total / count.clamp(min=1), _NOWHERE)
    return torch.where(padding, _PADDING, found).expand(shape)


def is_padding(places: Tensor) -> Tensor:
    """Which of the numbers that lie nowhere an operation filled up with."""
    return places.imag.isnan()


# ---------------------------------------------------------------------------------------------------------- the others


def _cat(given: Sequence[Any], returned: Tensor) -> Tensor:
    along = (given[1] if len(given) > 1 else 0) % returned.dim()
    parts = [one.somewhere for one in given[0]]
    shape = [max(_core(part).shape[axis] for part in parts) for axis in range(returned.dim())]
    whole = [
        _core(part).expand([part.shape[i] if i == along else size for i, size in enumerate(shape)]) for part in parts
    ]
    return torch.cat(whole, along).expand(returned.shape)


def _stack(given: Sequence[Any], _: Tensor) -> Tensor:
    return torch.stack([one.somewhere for one in given[0]], *given[1:])


def _pad(given: Sequence[Any], returned: Tensor) -> Tensor:
    parts = torch.view_as_real(given[0].places).movedim(-1, 0)
    return torch.complex(*torch.constant_pad_nd(parts, given[1], float("nan")))


def _mean(given: Sequence[Any], returned: Tensor) -> Tensor:
    places = given[0].places
    axes = given[1] if len(given) > 1 and given[1] else list(range(places.dim()))
    return mean_place(places, axes).reshape(returned.shape)


def _product(first: int) -> Callable[[Sequence[Any], Tensor], Tensor | None]:
    """Of a product of matrices, the place of the row; of the column where the rows hold channels."""

    def rule(given: Sequence[Any], returned: Tensor) -> Tensor | None:
        left, right = given[first].places, given[first + 1].places
        if right is not None and (left is None or not _is_level(left, -1)):
            return mean_place(right, -2).expand(returned.shape)
        return None if left is None else mean_place(left, -1).expand(returned.shape)

    return rule


def _is_level(places: Tensor, axis: int) -> bool:
    """Whether all numbers along an axis lie at one place."""
    core = _core(places)
    spread = (core - mean_place(core, axis)).abs().nan_to_num()
    return core.shape[axis] == 1 or bool((spread <= _LEVEL).all())


def _convolution(given: Sequence[Any], returned: Tensor) -> Tensor | None:
    image, weight, _, stride, padding, dilation, transposed = given[:7]
    if transposed:
        return None
    return _windows(image.places, returned, weight.tensor.shape[2:], stride, padding, dilation)


def _pooling(given: Sequence[Any], returned: Tensor) -> Tensor | None:
    kernel = given[1]
    stride, padding, dilation = (given[at] if len(given) > at and given[at] else None for at in (2, 3, 4))
    spread = dilation if isinstance(dilation, list) else [1]  # what averages has an option there
    return _windows(given[0].places, returned, kernel, stride or kernel, padding or [0], spread)


def _windows(
    places: Tensor, returned: Tensor, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any
) -> Tensor | None:
    each = zip(returned.shape[2:], *map(_two, (kernel, stride, padding, dilation)), strict=True)
    centres = [torch.arange(size) * s - p + d * (k - 1) / 2 for size, k, s, p, d in each]
    return _resampled(places, returned, centres)


def _adaptive(given: Sequence[Any], returned: Tensor) -> Tensor | None:
    centres = []
    for before, after in zip(given[0].places.shape[2:], returned.shape[2:], strict=True):
        first, last = torch.arange(after) * before // after, -(-torch.arange(1, after + 1) * before // after)
        centres.append((first + last - 1) / 2)
    return _resampled(given[0].places, returned, centres)


def _resized(given: Sequence[Any], returned: Tensor) -> Tensor | None:
    sizes = zip(given[0].places.shape[2:], returned.shape[2:], strict=True)
    centres = [(torch.arange(after) + 0.5) * before / after - 0.5 for before, after in sizes]
    return _resampled(given[0].places, returned, centres)


def _two(sizes: Sequence[int]) -> Sequence[int]:
    """One number for rows and one for columns, of which PyTorch may name one alone."""
    return (*sizes, *sizes)[:2]


def _resampled(places: Tensor, returned: Tensor, centres: Sequence[Tensor]) -> Tensor | None:
    """The places at these rows and columns, counted with fractions, of maps that are a regular grid."""
    if places.dim() != 4:
        return None
    grid = mean_place(places, 1)
    axes = []
    for axis, centre in zip((2, 3), centres, strict=True):
        start = grid.narrow(axis, 0, 1)
        step = grid.narrow(axis, 1, 1) - start if grid.shape[axis] > 1 else torch.zeros_like(start)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        index = torch.arange(grid.shape[axis], device=grid.device).reshape(shape)
        if not bool(((start + step * index - grid).abs() <= _LEVEL).all()):
            return None
        axes.append((step.mean((2, 3), keepdim=True), centre.to(grid.device).reshape(shape)))
    corner = grid[:, :, :1, :1]
    (down, rows), (across, columns) = axes
    return (corner + down * rows + across * columns).expand(returned.shape)


_RULES: dict[str, Callable[[Sequence[Any], Tensor], Tensor | None]] = {
    "cat": _cat,
    "stack": _stack,
    "constant_pad_nd": _pad,
    "mm": _product(0),
    "bmm": _product(0),
    "addmm": _product(1),
    "baddbmm": _product(1),
    "convolution": _convolution,
    "max_pool2d_with_indices": _pooling,
    "avg_pool2d": _pooling,
    "_adaptive_avg_pool2d": _adaptive,
    **dict.fromkeys(_MEANS, _mean),
    **dict.fromkeys(("upsample_bilinear2d", "upsample_bicubic2d", "upsample_nearest2d"), _resized),
}
