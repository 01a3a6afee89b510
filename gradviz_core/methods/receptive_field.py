"""Theoretical receptive field: which part of the input a unit can depend on at all.

The recorded graph is walked from the unit back to the input. Each operation maps the box of values that matter in its
output to the box that matters in its input; where branches meet, the boxes are joined. An operation that is not listed
here is assumed to depend on everything, so the box may be too large but never too small. Paths without a gradient, such
as a detached branch, are not followed.

Source: the recurrence for one chain is that of Araujo, Norris & Sim, Computing Receptive Fields of Convolutional Neural
Networks, Distill 2019; walking the graph extends it to branches and functional operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from gradviz_core.tracing.torch_private import saved

Node = Any
"""An autograd node; its class is created at run time, so it has no static type."""

Box = tuple[tuple[int, int], ...]
"""First and last index in each dimension."""

Shape = Sequence[int]


def box_of(value: Tensor, index: tuple[int, ...], leaf: Tensor) -> Box | None:
    """Box of ``leaf`` that ``value[index]`` can depend on along differentiable paths; None where there is no such path,
    or where this version of PyTorch does not say which operations lie on it."""
    if value is leaf:
        return tuple((i, i) for i in index)
    if value.grad_fn is None:
        return None
    try:
        return _walked(value, index, leaf)
    except saved.Gone:
        return None


def _walked(value: Tensor, index: tuple[int, ...], leaf: Tensor) -> Box | None:
    start = get_gradient_edge(value)
    boxes: dict[Node, dict[int, Box]] = {start.node: {start.output_nr: tuple((i, i) for i in index)}}
    for node in _consumers_first(start.node):
        if saved.leaf(node) is leaf:
            return boxes[node][0]
        for number, box in boxes.get(node, {}).items():
            for position, (earlier, output) in enumerate(node.next_functions):
                if earlier is not None:
                    shape = saved.shape(earlier, output)
                    _join(boxes.setdefault(earlier, {}), output, _before(node, number, box, position, shape))
    return None


def _consumers_first(root: Node) -> list[Node]:
    """Every node that leads to ``root``, each after all nodes that use its result."""
    order: list[Node] = []
    visited: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in visited:
            visited.add(node)
            stack.append((node, True))
            stack.extend((earlier, False) for earlier, _ in node.next_functions if earlier is not None)
    return order[::-1]


def _join(boxes: dict[int, Box], output: int, box: Box) -> None:
    known = boxes.get(output, box)
    boxes[output] = tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(known, box, strict=True))


def _before(node: Node, number: int, box: Box, position: int, shape: Shape) -> Box:
    """Box before ``node`` in its ``position``-th argument, which has ``shape``, given the box after it."""
    if isinstance(node, torch.autograd.function.BackwardCFunction):  # a function of the author's, whatever its name
        return whole(shape)
    name = type(node).__name__.rstrip("0123456789").removesuffix("Backward")
    if name == "Split":
        return _split(node, number, box, shape)
    rule = _RULES.get(name)
    if name in _ELEMENTWISE or (name.endswith("BatchNorm") and position == 0 and not saved.kept(node, "training")):
        rule = _broadcast
    found = rule(node, box, position, shape) if rule else None
    return found or whole(shape)


def whole(shape: Shape) -> Box:
    """The box that holds everything."""
    return tuple((0, size - 1) for size in shape)


# --------------------------------------------------------------------------------------------- one rule per operation

_ELEMENTWISE = frozenset(
    "Clone Relu Threshold Hardtanh Hardswish Hardsigmoid LeakyRelu Elu Celu Selu Softplus Gelu Silu Mish Sigmoid Tanh "
    "Add Sub Rsub Mul Div Neg Abs Exp Log Pow Sqrt Rsqrt Clamp ToCopy Alias Detach Expand NativeDropout Where "
    "Maximum Minimum".split()
)


def _broadcast(_node: Node, box: Box, _position: int, shape: Shape) -> Box:
    own = box[len(box) - len(shape) :]
    return tuple((0, 0) if size == 1 else pair for pair, size in zip(own, shape, strict=True))


def _convolution(node: Node, box: Box, position: int, shape: Shape) -> Box | None:
    if position != 0:
        return None
    kernel, stride, padding, dilation = (
        saved.kept(node, "weight").shape[2:],
        saved.kept(node, "stride"),
        saved.kept(node, "padding"),
        saved.kept(node, "dilation"),
    )
    step = _transposed_window if saved.kept(node, "transposed") else _window
    places = zip(box[2:], shape[2:], kernel, stride, padding, dilation, strict=True)
    return (box[0], _channels_before(node, box, shape), *(step(*place) for place in places))


def _channels_before(node: Node, box: Box, shape: Shape) -> tuple[int, int]:
    """Channels that a grouped convolution reads for the channels in ``box``."""
    groups = saved.kept(node, "groups")
    after = saved.shape(node)[1] // groups
    before = shape[1] // groups
    return box[1][0] // after * before, (box[1][1] // after + 1) * before - 1


def _window(pair: tuple[int, int], size: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    """First and last position inside the map that the windows of outputs ``pair`` touch.

    At a border, a dilated window may miss the first rows; the first and last ``dilation`` outputs show all such cases.
    """
    first, last = pair
    outputs = {*range(first, min(first + dilation, last) + 1), *range(max(last - dilation, first), last + 1)}
    taps = [o * stride - padding + k * dilation for o in outputs for k in range(kernel)]
    inside = [tap for tap in taps if 0 <= tap < size]
    return (min(inside), max(inside)) if inside else (0, size - 1)


def _transposed_window(
    pair: tuple[int, int], size: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[int, int]:
    first = max(0, math.ceil((pair[0] + padding - dilation * (kernel - 1)) / stride))
    last = min(size - 1, math.floor((pair[1] + padding) / stride))
    return (first, last) if first <= last else (0, size - 1)


def _pool(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    kernel = _pair(saved.kept(node, "kernel_size"))
    stride = _pair(saved.kept(node, "stride") or kernel)
    padding = _pair(saved.kept(node, "padding"))
    dilation = _pair(saved.kept(node, "dilation") if "Max" in type(node).__name__ else (1,))
    places = zip(box[-2:], shape[-2:], kernel, stride, padding, dilation, strict=True)
    return (*box[:-2], *(_window(*place) for place in places))


def _pair(saved: Sequence[int]) -> Sequence[int]:
    """One number stands for rows and columns alike."""
    return saved if len(saved) == 2 else (saved[0], saved[0])


def _adaptive_pool(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    after = saved.shape(node)[-2:]
    places = zip(box[-2:], shape[-2:], after, strict=True)
    return (*box[:-2], *((a * size // n, math.ceil((b + 1) * size / n) - 1) for (a, b), size, n in places))


def _concatenate(node: Node, box: Box, position: int, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape))
    start = sum(saved.shape(earlier, output)[dim] for earlier, output in node.next_functions[:position] if earlier)
    if any(earlier is None for earlier, _ in node.next_functions[:position]):
        return whole(shape)
    inside = _clamped(box[dim][0] - start, box[dim][1] - start, shape[dim])
    return (*box[:dim], inside, *box[dim + 1 :])


def _permute(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    before = list(box)
    for after, dim in enumerate(saved.kept(node, "dims")):
        before[_axis(dim, len(shape))] = box[after]
    return tuple(before)


def _transpose(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    before = list(box)
    a, b = _axis(saved.kept(node, "dim0"), len(shape)), _axis(saved.kept(node, "dim1"), len(shape))
    before[a], before[b] = box[b], box[a]
    return tuple(before)


def _swap_two(_node: Node, box: Box, _position: int, _shape: Shape) -> Box:
    return box[::-1]


def _reshape(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    """Dimensions that are merged or split together are mapped by the range of flat indices they span."""
    after = saved.shape(node)
    before: list[tuple[int, int]] = []
    for mine, theirs in _matching_groups(after, tuple(shape)):
        first, last = 0, 0
        for dim in mine:
            first, last = first * after[dim] + box[dim][0], last * after[dim] + box[dim][1]
        before.extend(_bounding(first, last, [shape[dim] for dim in theirs]))
    return tuple(before)


def _matching_groups(a: Shape, b: Shape) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of dimensions of ``a`` and ``b`` that hold equally many elements."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        mine: list[int] = []
        theirs: list[int] = []
        left = right = 1
        while not (mine or theirs) or left != right:
            if j >= len(b) or (i < len(a) and left <= right):
                mine.append(i)
                left *= a[i]
                i += 1
            else:
                theirs.append(j)
                right *= b[j]
                j += 1
        groups.append((mine, theirs))
    return groups


def _bounding(first: int, last: int, sizes: Shape) -> list[tuple[int, int]]:
    """Smallest box of ``sizes`` around the flat indices ``first`` to ``last``."""
    box: list[tuple[int, int]] = []
    for i, size in enumerate(sizes):
        inner = math.prod(sizes[i + 1 :])
        low, high = first // inner, last // inner
        if low != high:
            return [*box, (low, high), *whole(sizes[i + 1 :])]
        box.append((low, high))
        first, last = first - low * inner, last - high * inner
        assert high < size
    return box


def _select(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape))
    index = _axis(saved.kept(node, "index"), shape[dim])
    return (*box[:dim], (index, index), *box[dim:])


def _slice(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape))
    start = _slice_start(saved.kept(node, "start"), shape[dim])
    first, last = (start + place * saved.kept(node, "step") for place in box[dim])
    return (*box[:dim], (first, last), *box[dim + 1 :])


def _slice_start(saved: int | None, size: int) -> int:
    signed = _signed(saved or 0)
    return max(0, signed + size) if signed < 0 else min(signed, size)


def _split(node: Node, number: int, box: Box, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape))
    start = number * saved.kept(node, "split_size")
    return (*box[:dim], (box[dim][0] + start, box[dim][1] + start), *box[dim + 1 :])


def _constant_pad(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    """Padding is listed from the last dimension on: before, after, before, after, ..."""
    before = dict(zip(range(len(shape) - 1, -1, -1), map(_signed, saved.kept(node, "pad")[::2]), strict=False))
    return tuple(
        _clamped(first - before.get(dim, 0), last - before.get(dim, 0), shape[dim])
        for dim, (first, last) in enumerate(box)
    )


def _clamped(first: int, last: int, size: int) -> tuple[int, int]:
    return min(max(first, 0), size - 1), max(0, min(last, size - 1))


def _unsqueeze(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape) + 1)
    return (*box[:dim], *box[dim + 1 :])


def _addmm(node: Node, box: Box, position: int, shape: Shape) -> Box | None:
    if position == 0:
        return _broadcast(node, box, position, shape)
    return _matmul(node, box, position - 1, shape)


def _matmul(_node: Node, box: Box, position: int, shape: Shape) -> Box:
    if position == 0:
        return (*box[:-1], (0, shape[-1] - 1))
    return (*box[:-2], (0, shape[-2] - 1), box[-1])


def _layer_norm(node: Node, box: Box, position: int, shape: Shape) -> Box | None:
    if position != 0:
        return None
    kept = len(shape) - len(saved.kept(node, "normalized_shape"))
    return (*box[:kept], *whole(shape[kept:]))


def _softmax(node: Node, box: Box, _position: int, shape: Shape) -> Box:
    dim = _axis(saved.kept(node, "dim"), len(shape))
    return (*box[:dim], (0, shape[dim] - 1), *box[dim + 1 :])


def _axis(saved: int, count: int) -> int:
    """A dimension as it was saved, counted from the front."""
    return _signed(saved) % count


def _signed(saved: int) -> int:
    """Autograd hands out negative whole numbers as unsigned ones of 64 bits."""
    return saved - 2**64 if saved >= 2**63 else saved


_RULES: dict[str, Callable[[Node, Box, int, Shape], Box | None]] = {
    "Convolution": _convolution,
    "MaxPool2DWithIndices": _pool,
    "MaxPool2D": _pool,
    "AvgPool2D": _pool,
    "AdaptiveAvgPool2D": _adaptive_pool,
    "Cat": _concatenate,
    "Permute": _permute,
    "Transpose": _transpose,
    "T": _swap_two,
    "View": _reshape,
    "UnsafeView": _reshape,
    "ReshapeAlias": _reshape,
    "Select": _select,
    "Slice": _slice,
    "ConstantPadNd": _constant_pad,
    "Unsqueeze": _unsqueeze,
    "Addmm": _addmm,
    "Mm": _matmul,
    "Bmm": _matmul,
    "NativeLayerNorm": _layer_norm,
    "Softmax": _softmax,
}
