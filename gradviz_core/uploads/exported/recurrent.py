"""Recurrent layers, whose steps torch makes in one operation: LSTM, GRU and the plain ones.

torch compares few of the sizes before it reads, so all are compared here. Where tensors have no memory, when only the
cost is wanted, each layer is one operator instead of a dozen for each of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gradviz_core.tracing.torch_private import fake_tensors

MOST_STEPS = 10_000
"""Of all layers and directions together."""
_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
_MODES = {"rnn_relu": 0, "rnn_tanh": 1, "lstm": 2, "gru": 3}
"""torch's numbers of the kinds of layers."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One use of such a layer, with the sizes that the operation names."""

    kind: str
    x: Tensor
    hidden: list[Tensor]
    weights: list[Tensor]
    biases: bool
    layers: int
    both: bool
    """Whether it goes through the sequence in both directions."""
    batch: bool
    """Whether the axis of the batch is the first."""

    @property
    def directions(self) -> int:
        """One or two."""
        return 1 + self.both


def _run(call: _Call) -> tuple[Tensor, ...]:
    """What torch's own gives: the outputs, and the last hidden states. Those that a file begins with are of float32,
    whatever the model is computed in."""
    call = replace(call, hidden=[state.to(call.x.dtype) for state in call.hidden])
    per_layer = _check(call)
    if fake_tensors.is_fake(call.x) and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return _without_values(call, per_layer)
    first: Any = call.hidden if call.kind == "lstm" else call.hidden[0]
    operator = getattr(torch.ops.aten, call.kind).input
    sizes = (call.biases, call.layers, 0.0, False, call.both, call.batch)
    return operator(call.x, first, call.weights, *sizes)  # type: ignore[no-any-return]


def _check(call: _Call) -> list[list[Tensor]]:
    """The weights of each layer and direction, where all sizes are as they must be; else ``ValueError``."""
    x, hidden, weights = call.x, call.hidden, call.weights
    directions, cells, is_lstm = call.directions, call.layers * call.directions, call.kind == "lstm"
    if x.dim() != 3 or any(state.dim() != 3 for state in hidden) or len(hidden) != 1 + is_lstm:
        raise ValueError("its input and its hidden states must have three axes")
    size, out = hidden[-1].shape[2], hidden[0].shape[2]
    projected = out != size
    per = (4 if call.biases else 2) + projected
    if call.layers < 1 or not min(x.shape) or len(weights) != cells * per:
        raise ValueError(f"{len(weights)} weights do not suit {call.layers} layers in {directions} directions")
    if (steps := cells * x.shape[call.batch]) > MOST_STEPS:
        raise ValueError(f"it makes {steps:,} steps; the limit is {MOST_STEPS:,}")
    states = [(cells, x.shape[not call.batch], width) for width in ((out, size) if is_lstm else (size,))]
    if [tuple(state.shape) for state in hidden] != states:
        raise ValueError(f"hidden states of the shapes {[tuple(state.shape) for state in hidden]} are not {states}")
    types = {tensor.dtype for tensor in (x, *hidden, *weights)}
    if (len(types) > 1 and not torch.is_autocast_enabled("cpu")) or not all(kind.is_floating_point for kind in types):
        raise ValueError("its input, hidden states and weights must be real numbers of one type")
    groups = [weights[at : at + per] for at in range(0, len(weights), per)]
    for at, group in enumerate(groups):
        read = x.shape[2] if at < directions else out * directions
        gates = _GATES[call.kind] * size
        wanted = [(gates, read), (gates, out), *[(gates,)] * (2 * call.biases), *[(out, size)] * projected]
        if [tuple(weight.shape) for weight in group] != wanted:
            raise ValueError(f"weights of the shapes {[tuple(weight.shape) for weight in group]} are not {wanted}")
    return groups


def _without_values(call: _Call, groups: list[list[Tensor]]) -> tuple[Tensor, ...]:
    """Results of the same shapes, by one operator for each layer and direction."""
    x, ends = call.x, list[list[Tensor]]()
    for layer in range(call.layers):
        results = []
        for direction in range(call.directions):
            at = layer * call.directions + direction
            hidden = [state[at] for state in call.hidden]
            result, *last = _one_layer(call.kind, x, hidden, groups[at], bool(direction), call.batch)
            results.append(result)
            ends.append(last)
        x = torch.cat(results, 2) if call.both else results[0]
    return x, *(torch.stack(states) for states in zip(*ends, strict=True))


def _one_layer(
    kind: str, x: Tensor, hidden: list[Tensor], weights: Sequence[Tensor], backwards: bool, batch: bool
) -> Iterator[Tensor]:
    """``mkldnn_rnn_layer`` makes tensors of these shapes whatever the kind. What torch keeps of each step for the way
    back is as large as two tensors of all gates."""
    kept = (x.narrow(2, 0, 1) * weights[0].select(1, 0)).sigmoid().tanh()
    h, c = hidden[0], hidden[-1]
    layer = torch.ops.aten.mkldnn_rnn_layer.default
    result, last_h, last_c, _ = layer(
        *(x, weights[0], weights[1], weights[2 % len(weights)], weights[3 % len(weights)], h, c),
        *(backwards, [], _MODES[kind], h.shape[1], 1, len(weights) > 3, False, batch, False),
    )
    yield result + 0 * kept.sum()
    yield last_h
    if kind == "lstm":
        yield last_c


def _lstm(
    input: Tensor,  # noqa: A002 (the operation's own name)
    hx: list[Tensor],
    params: list[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Tensor, ...]:
    """LSTM; nothing is dropped in evaluation mode."""
    return _run(_Call("lstm", input, hx, params, has_biases, num_layers, bidirectional, batch_first))


def _plain(kind: str) -> Callable[..., tuple[Tensor, ...]]:
    """A layer that has one hidden state."""

    def run(
        input: Tensor,  # noqa: A002 (the operation's own name)
        hx: Tensor,
        params: list[Tensor],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        return _run(_Call(kind, input, [hx], params, has_biases, num_layers, bidirectional, batch_first))

    return run


RECURRENT: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "lstm.input": _lstm,
    **{f"{kind}.input": _plain(kind) for kind in ("gru", "rnn_tanh", "rnn_relu")},
}
