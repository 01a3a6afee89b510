"""Random stacks of layers whose channel axis is known at each of them, because the stack was built with it in mind."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from torch import Tensor, nn

_CONV = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
_NORM = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INSTANCE = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}
_POOL = {3: nn.MaxPool1d, 4: nn.AvgPool2d, 5: nn.MaxPool3d}
_QUIET = (nn.Tanh, nn.GELU, nn.Dropout, nn.Identity)


class Permute(nn.Module):
    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


class Cut(nn.Module):
    """Cuts an axis in two and joins it again, with something in between that moves nothing."""

    def __init__(self, axis: int, first: int) -> None:
        super().__init__()
        self.axis, self.first = axis, first

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[: self.axis], self.first, -1, *x.shape[self.axis + 1 :])
        cut = x.reshape(shape).movedim(self.axis, -1)
        return (2 * cut).movedim(-1, self.axis).flatten(self.axis, self.axis + 1)


@dataclass
class Stack:
    """A stack under construction."""

    sides: tuple[int, int]
    """Height and width of the image that it takes."""
    shape: list[int]
    axis: int
    """The axis that counts channels after the last layer."""
    said: bool = False
    """Whether a layer has said so."""
    layers: list[nn.Module] = field(default_factory=list)
    axes: list[int] = field(default_factory=list)
    """The axis after each layer."""

    def add(self, layer: nn.Module) -> None:
        self.layers.append(layer)
        self.axes.append(self.axis)

    @property
    def last(self) -> int:
        return len(self.shape) - 1


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """From an image (1, 3, h, w) on; some layer says which axis counts channels, the first one or a later one."""
    sides = st.sampled_from((3, 4, 6))
    size = draw(sides), draw(sides)
    stack = Stack(size, [1, 3, *size], axis=1)
    for _ in range(draw(st.integers(2, 9))):
        draw(st.sampled_from([step for step in _STEPS if _fits(step, stack)]))(draw, stack)
    if not stack.said:
        _move(stack, stack.axis, stack.last)
        _layer_norm(draw, stack)
    return stack


def _fits(step: object, stack: Stack) -> bool:
    places = stack.shape[2:]
    if step in (_conv, _norm, _instance, _group):
        return stack.axis == 1 and len(stack.shape) in _CONV and (step is not _instance or max(places) > 1)
    if step is _pool:
        return stack.axis == 1 and len(stack.shape) in _POOL and min(places) > 1
    if step in (_linear, _layer_norm):
        return stack.axis == stack.last
    if step is _mix:
        return stack.said and stack.axis != stack.last
    if step is _flatten:
        return len(stack.shape) > 3 and bool(_joinable(stack))
    if step is _unflatten:
        return len(stack.shape) < 5
    return True


def _quiet(draw: st.DrawFn, stack: Stack) -> None:
    stack.add(draw(st.sampled_from(_QUIET))())


def _nested(draw: st.DrawFn, stack: Stack) -> None:
    stack.add(nn.Sequential(nn.Sigmoid(), nn.Dropout(0.1)))


def _permute(draw: st.DrawFn, stack: Stack) -> None:
    order = (0, *draw(st.permutations(range(1, len(stack.shape)))))
    stack.shape, stack.axis = [stack.shape[i] for i in order], order.index(stack.axis)
    stack.add(Permute(order))


def _move(stack: Stack, start: int, end: int) -> None:
    order = [i for i in range(len(stack.shape)) if i != start]
    order.insert(end, start)
    stack.shape, stack.axis = [stack.shape[i] for i in order], end
    stack.add(Permute(tuple(order)))


def _conv(draw: st.DrawFn, stack: Stack) -> None:
    channels, wide = draw(st.sampled_from((2, 3, 4, 6))), draw(st.sampled_from((1, 3)))
    layer = _CONV[len(stack.shape)](stack.shape[1], channels, wide, padding=wide // 2)
    stack.shape[1], stack.said = channels, True
    stack.add(layer)


def _norm(draw: st.DrawFn, stack: Stack) -> None:
    stack.said = True
    stack.add(_NORM[len(stack.shape)](stack.shape[1]))


def _instance(draw: st.DrawFn, stack: Stack) -> None:
    stack.said = True
    stack.add(_INSTANCE[len(stack.shape)](stack.shape[1]))


def _group(draw: st.DrawFn, stack: Stack) -> None:
    stack.said = True
    stack.add(nn.GroupNorm(1, stack.shape[1]))


def _layer_norm(draw: st.DrawFn, stack: Stack) -> None:
    stack.said = True
    stack.add(nn.LayerNorm(stack.shape[-1]))


def _linear(draw: st.DrawFn, stack: Stack) -> None:
    size = draw(st.sampled_from((2, 3, 4, 6)))
    layer = nn.Linear(stack.shape[-1], size)
    stack.shape[-1], stack.said = size, True
    stack.add(layer)


def _mix(draw: st.DrawFn, stack: Stack) -> None:
    """A linear layer over positions, as in an MLP-Mixer."""
    size = draw(st.sampled_from((2, 3, 4, 6)))
    layer = nn.Linear(stack.shape[-1], size)
    stack.shape[-1] = size
    stack.add(layer)


def _pool(draw: st.DrawFn, stack: Stack) -> None:
    stack.shape[2:] = [size // 2 for size in stack.shape[2:]]
    stack.add(_POOL[len(stack.shape)](2))


def _joinable(stack: Stack) -> list[int]:
    return [i for i in range(1, stack.last) if stack.axis not in (i, i + 1)]


def _flatten(draw: st.DrawFn, stack: Stack) -> None:
    at = draw(st.sampled_from(_joinable(stack)))
    stack.shape[at : at + 2] = [stack.shape[at] * stack.shape[at + 1]]
    stack.axis -= stack.axis > at
    stack.add(nn.Flatten(at, at + 1))


def _unflatten(draw: st.DrawFn, stack: Stack) -> None:
    at = draw(st.integers(1, stack.last))
    size = stack.shape[at]
    first = draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
    if at == stack.axis:
        stack.add(Cut(at, first))
        return
    stack.shape[at : at + 1] = [first, size // first]
    stack.axis += stack.axis > at
    stack.add(nn.Unflatten(at, (first, size // first)))


_STEPS = (
    *(_quiet, _nested, _permute, _conv, _norm, _instance, _group, _layer_norm, _linear, _mix, _pool, _flatten),
    _unflatten,
)
