"""What each operation shows about the axes of its result. ``axes.py`` combines this.

Convolutions, norms, linear layers, embeddings and recurrent layers show which axis holds the channels. Operations that
only move values, or compute with them elementwise, carry the axes on. An unlisted operation that keeps the number of
axes keeps their order; after any other, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from gradviz_core.tracing.axes import STRONG, WEAK, Axes, Axis, Part, Role, Statements, find, reshaped, unknown

Shape = tuple[int, ...]


@dataclass(slots=True)
class Given:
    """A tensor that an operation is given."""

    shape: Shape
    axes: Axes
    from_input: bool
    """Whether it was computed from the model's input."""
    weight: bool = False
    """Whether it is a parameter, or was computed from parameters alone."""


@dataclass(slots=True)
class Call:
    """An operation with its arguments; tensors are ``Given``."""

    name: str
    args: Sequence[object]
    given: Sequence[Given]
    """The tensors among the arguments, those in lists too; what comes from the input first."""
    statements: Statements

    def tensor(self, at: int) -> Given:
        """The tensor that is argument ``at``."""
        found = self.args[at]
        if not isinstance(found, Given):
            raise TypeError(f"Argument {at} of {self.name} is not a tensor.")
        return found

    def numbers(self, at: int) -> list[int]:
        """The whole number or numbers that are argument ``at``."""
        found = self.args[at]
        items = found if isinstance(found, list) else [found]
        return [item for item in items if isinstance(item, int)]

    def dimension(self, at: int, count: int, default: int = 0) -> int:
        """A dimension, counted from the front."""
        return (self.numbers(at)[0] if len(self.args) > at else default) % count


Rule = Callable[[Call, Shape], Axes]


@cache
def rule_for(name: str, *, pointwise: bool, first: bool) -> Rule:
    """What gives the axes of the ``first`` tensor that an operation returns, or of the others."""
    name = name.removesuffix("_copy").removesuffix("_")
    if not first and name not in _EACH:
        return _other
    if name in _RULES:
        return _RULES[name]
    if "batch_norm" in name:
        return _batch_norm
    if places := _PLACES.search(name):
        return partial(_over_places, places=int(places[1]))
    return _pointwise if pointwise else _other


# ------------------------------------------------------------------------------------------- what only passes values on


def _pointwise(call: Call, shape: Shape) -> Axes:
    """Each number by itself, with broadcasting: the axes of all arguments that are as long count the same."""
    if len(call.given) == 1 and call.given[0].shape == shape:
        return call.given[0].axes
    return tuple(_shared(call, [one.axes for one in call.given], at - len(shape), shape) for at in range(len(shape)))


def _shared(call: Call, given: Sequence[Axes], at: int, shape: Shape) -> Axis:
    """The axis ``at``, counted from the last, that the arguments share."""
    size = shape[at]
    found = [axes[at] for axes in given if len(axes) >= -at and _size(axes[at]) == size]
    for other in found[1:] if size > 1 else ():
        call.statements.tie(found[0], other)
    return found[0] if found else (Part(size, Role()),)


def _size(axis: Axis) -> int:
    return axis[0].size if len(axis) == 1 else _product(axis)


def _product(axis: Axis) -> int:
    size = 1
    for part in axis:
        size *= part.size
    return size


def _other(call: Call, shape: Shape) -> Axes:
    """An operation that is not listed: it keeps the order of its axes, or drops those that its arguments name."""
    if call.name.startswith("new_"):
        return unknown(shape)
    for one in call.given:
        if len(one.shape) == len(shape):
            return tuple(map(call.statements.resized, one.axes, shape))
    for one in call.given:
        axes = _without(call, one, shape)
        if axes is not None:
            return axes
    return unknown(shape)


def _without(call: Call, one: Given, shape: Shape) -> Axes | None:
    """The axes that are left where an argument names those that go."""
    for at in range(1, min(3, len(call.args))):
        gone = {dim % len(one.shape) for dim in call.numbers(at)} if one.shape else set()
        left = [i for i in range(len(one.shape)) if i not in gone]
        if gone and tuple(one.shape[i] for i in left) == shape:
            return tuple(one.axes[i] for i in left)
    return None


def _reshape(call: Call, shape: Shape) -> Axes:
    return reshaped(call.tensor(0).axes, shape)


def _permute(call: Call, _shape: Shape) -> Axes:
    axes = call.tensor(0).axes
    return tuple(axes[dim] for dim in call.numbers(1))


def _transpose(call: Call, _shape: Shape) -> Axes:
    axes = list(call.tensor(0).axes)
    one, other = (call.dimension(at, len(axes)) for at in (1, 2))
    axes[one], axes[other] = axes[other], axes[one]
    return tuple(axes)


def _swap_two(call: Call, _shape: Shape) -> Axes:
    return call.tensor(0).axes[::-1]


def _unbind(call: Call, _shape: Shape) -> Axes:
    axes = call.tensor(0).axes
    gone = call.dimension(1, len(axes))
    return (*axes[:gone], *axes[gone + 1 :])


def _expand(call: Call, shape: Shape) -> Axes:
    axes = call.tensor(0).axes
    new = len(shape) - len(axes)
    return (*unknown(shape[:new]), *map(call.statements.resized, axes, shape[new:]))


def _concatenate(call: Call, shape: Shape) -> Axes:
    """Along the axis that grows, the pieces count the same: channels where each of them was cut from channels."""
    given = [one.axes for one in call.given if len(one.shape) == len(shape)]
    dim = call.dimension(1, len(shape))
    found = [
        _shared(call, given, at - len(shape), shape) if at != dim else (Part(1, Role()),) for at in range(len(shape))
    ]
    cut = all(call.statements.counts_channels(axes[dim]) for axes in given)
    along = [_grown(call, axes[dim], shape[dim], cut=cut) for axes in given]
    for other in along[1:]:
        call.statements.tie(along[0], other)
    found[dim] = along[0]
    return tuple(found)


def _grown(call: Call, axis: Axis, size: int, *, cut: bool) -> Axis:
    if cut or len(axis) > 1 or find(axis[0].role).whole is None:
        return call.statements.resized(axis, size)
    return (Part(size, Role(call.statements.said_of(axis))),)


def _stack(call: Call, shape: Shape) -> Axes:
    dim = call.dimension(1, len(shape))
    left = (*shape[:dim], *shape[dim + 1 :])
    found = [_shared(call, [one.axes for one in call.given], at - len(left), left) for at in range(len(left))]
    return (*found[:dim], (Part(shape[dim], Role()),), *found[dim:])


def _index(call: Call, shape: Shape) -> Axes:
    """``x[:, i]``, with one tensor of places."""
    axes, chosen = call.tensor(0).axes, call.args[1]
    places = list(enumerate(chosen)) if isinstance(chosen, list) else []
    at = [(i, one) for i, one in places if isinstance(one, Given)]
    if len(at) == 1:
        (dim, one) = at[0]
        new = len(shape) - (len(axes) - 1)
        if new == len(one.shape) == 1:
            return (*axes[:dim], call.statements.resized(axes[dim], shape[dim]), *axes[dim + 1 :])
        if new == len(one.shape):
            return (*axes[:dim], *unknown(one.shape), *axes[dim + 1 :])
    return _other(call, shape)


def _diagonal(call: Call, shape: Shape) -> Axes:
    axes = call.tensor(0).axes
    gone = {call.dimension(2, len(axes), 0), call.dimension(3, len(axes), 1)}
    return (*(axis for i, axis in enumerate(axes) if i not in gone), *unknown(shape[-1:]))


def _windows(call: Call, shape: Shape) -> Axes:
    """What adds one axis at the end."""
    return (*map(call.statements.resized, call.tensor(0).axes, shape[:-1]), *unknown(shape[-1:]))


def _last_gone(call: Call, _shape: Shape) -> Axes:
    return call.tensor(0).axes[:-1]


# ------------------------------------------------------------------------------------------- what says which is channel


def _new(call: Call, size: int) -> Axis:
    """A new axis of channels."""
    return (Part(size, Role((STRONG, call.statements.now))),)


def _is_vector(one: Given) -> bool:
    """A single row of numbers says nothing by having them in its only axis."""
    return len(one.shape) == 1 or (len(one.shape) == 2 and one.shape[0] == 1)


def _convolution(call: Call, shape: Shape) -> Axes:
    """Channels are axis 1 before and after. One whose windows are single places mixes positions where another axis is
    known to count channels, as in an MLP-Mixer that is written with convolutions."""
    one, weight, statements = call.tensor(0), call.tensor(1), call.statements
    places = one.axes[2:]
    if all(size == 1 for size in weight.shape[2:]) and statements.other_than(one.axes, 1) is not None:
        return (one.axes[0], (Part(shape[1], Role()),), *map(statements.resized, places, shape[2:]))
    statements.say(one.axes, 1)
    axes = [
        unknown((size,))[0] if statements.counts_channels(axis) else statements.resized(axis, size)
        for axis, size in zip(places, shape[2:], strict=True)
    ]
    return (one.axes[0], _new(call, shape[1]), *axes)


def _linear(call: Call, one: Given, size: int) -> Axis:
    """The last axis of what a linear layer gives: channels, unless it mixes positions because another axis counts the
    channels."""
    last = len(one.axes) - 1
    if call.statements.other_than(one.axes, last) is not None:
        return (Part(size, Role()),)
    call.statements.say(one.axes, last, WEAK if _is_vector(one) else STRONG)
    return _new(call, size)


def _mixed(call: Call, axis: Axis, size: int) -> Axis:
    """An axis multiplied by constants counts channels if it did before."""
    return (Part(size, Role(call.statements.said_of(axis))),)


def _matrices(at: int) -> Rule:
    """The product of the matrices that are arguments ``at`` and ``at`` + 1."""

    def rule(call: Call, shape: Shape) -> Axes:
        one, other = call.tensor(at), call.tensor(at + 1)
        if one.weight and other.weight:
            return unknown(shape)
        batch = (one if one.from_input or one.weight < other.weight else other).axes[: len(shape) - 2]
        constant = not (one.from_input or (other.weight and not one.weight))
        rows = _mixed(call, other.axes[-2], shape[-2]) if constant else one.axes[-2]
        if other.weight:
            columns = _linear(call, one, shape[-1])
        elif not other.from_input:
            columns = _mixed(call, one.axes[-1], shape[-1])
        else:
            columns = other.axes[-1]
        return (*batch, rows, columns)

    return rule


def _linear_layer(call: Call, shape: Shape) -> Axes:
    one = call.tensor(0)
    return (*one.axes[:-1], _linear(call, one, shape[-1]))


def _attention(call: Call, _shape: Shape) -> Axes:
    """What attention gives: the places of the queries, the features of the values."""
    return (*call.tensor(0).axes[:-1], call.tensor(2).axes[-1])


def _distances(call: Call, _shape: Shape) -> Axes:
    return (*call.tensor(0).axes[:-1], call.tensor(1).axes[-2])


def _batch_norm(call: Call, _shape: Shape) -> Axes:
    """Batch norm, which instance norm is inside, and group norm."""
    one = call.tensor(0)
    call.statements.say(one.axes, 1, WEAK if _is_vector(one) else STRONG)
    return one.axes


def _layer_norm(call: Call, _shape: Shape) -> Axes:
    """Over one axis it norms the features of each place; over several it says nothing."""
    one = call.tensor(0)
    if len(call.numbers(1)) == 1:
        call.statements.say(one.axes, len(one.axes) - 1, WEAK if _is_vector(one) else STRONG)
    return one.axes


def _embedding(call: Call, shape: Shape) -> Axes:
    return (*call.tensor(1).axes, _new(call, shape[-1]))


def _recurrent(call: Call, shape: Shape) -> Axes:
    """Features are the last axis of the sequence and of every state."""
    one = call.tensor(0)
    call.statements.say(one.axes, len(one.axes) - 1)
    same = len(shape) == len(one.shape) and shape[:-1] == one.shape[:-1]
    return (*(one.axes[:-1] if same else unknown(shape[:-1])), _new(call, shape[-1]))


def _recurrent_step(call: Call, shape: Shape) -> Axes:
    return (*call.tensor(0).axes[:-1], _new(call, shape[-1]))


def _patches(call: Call, shape: Shape) -> Axes:
    """``F.unfold``: channels and places of a window in one axis; ``F.fold`` the other way round."""
    one = call.tensor(0)
    call.statements.say(one.axes, 1, WEAK)
    return (one.axes[0], call.statements.resized(one.axes[1], shape[1]), *unknown(shape[2:]))


def _over_places(call: Call, shape: Shape, places: int) -> Axes:
    """A pooling, an interpolation or a padding by reflection: its last axes are places, so channels come before."""
    one = call.given[0]
    if (at := len(one.shape) - places - 1) >= 0:
        call.statements.say(one.axes, at, WEAK)
    return _other(call, shape)


_PLACES = re.compile(r"(?:pool|upsample_[a-z_]+|reflection_pad|replication_pad)([123])d")
_EACH = frozenset("unbind split split_with_sizes unsafe_split mkldnn_rnn_layer _cudnn_rnn miopen_rnn".split())
"""Operations all of whose results follow their rule; of others, the first does."""
_RULES: dict[str, Rule] = {
    **dict.fromkeys("view reshape _unsafe_view _reshape_alias squeeze unsqueeze flatten unflatten".split(), _reshape),
    **dict.fromkeys("permute numpy_T".split(), _permute),
    **dict.fromkeys("transpose swapaxes".split(), _transpose),
    **dict.fromkeys("unbind select".split(), _unbind),
    **dict.fromkeys("expand repeat".split(), _expand),
    **dict.fromkeys("cat concat".split(), _concatenate),
    **dict.fromkeys("unfold view_as_real".split(), _windows),
    **dict.fromkeys("copy lerp".split(), _pointwise),
    **dict.fromkeys("mm bmm matmul".split(), _matrices(0)),
    **dict.fromkeys("addmm baddbmm _addmm_activation addbmm".split(), _matrices(1)),
    **dict.fromkeys(
        (
            "scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu "
            "_scaled_dot_product_flash_attention _scaled_dot_product_efficient_attention "
            "_scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable "
            "_scaled_dot_product_attention_math"
        ).split(),
        _attention,
    ),
    **dict.fromkeys("convolution _convolution deform_conv2d".split(), _convolution),
    **dict.fromkeys("native_group_norm group_norm instance_norm".split(), _batch_norm),
    **dict.fromkeys("native_layer_norm layer_norm _fused_rms_norm rms_norm".split(), _layer_norm),
    **dict.fromkeys("mkldnn_rnn_layer _cudnn_rnn miopen_rnn".split(), _recurrent),
    **dict.fromkeys("_thnn_fused_lstm_cell _thnn_fused_gru_cell".split(), _recurrent_step),
    **dict.fromkeys("im2col col2im".split(), _patches),
    "t": _swap_two,
    "stack": _stack,
    "index": _index,
    "diagonal": _diagonal,
    "view_as_complex": _last_gone,
    "linear": _linear_layer,
    "_cdist_forward": _distances,
    "embedding": _embedding,
}
