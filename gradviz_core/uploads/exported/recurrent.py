"""Recurrent layers, whose steps torch makes in one operation: LSTM, GRU and the plain ones.

torch compares few of the sizes before it reads, so all are compared here. Where tensors have no memory, when only the
cost is wanted, each layer is one operator instead of a dozen for each of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gradviz_core.tracing.torch_private import fake_tensors

MOST_STEPS = 10_000
"""Of all layers and directions together."""
_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
_MODES = {"rnn_relu": 0, "rnn_tanh": 1, "lstm": 2, "gru": 3}
"""torch's numbers of the kinds of layers."""


def _run(
    kind: str,
    x: Tensor,
    hidden: list[Tensor],
    weights: list[Tensor],
    biases: bool,
    layers: int,
    both: bool,
    batch: bool,
) -> tuple[Tensor, ...]:
    """What torch's own gives: the outputs, and the last hidden states. Those that a file begins with are of float32,
    whatever the model is computed in."""
    hidden = [state.to(x.dtype) for state in hidden]
    per_layer = _check(kind, x, hidden, weights, biases, layers, both, batch)
    if fake_tensors.is_fake(x) and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return _without_values(kind, x, hidden, per_layer, layers, both, batch)
    first: Any = hidden if kind == "lstm" else hidden[0]
    operator = getattr(torch.ops.aten, kind).input
    return operator(x, first, weights, biases, layers, 0.0, False, both, batch)  # type: ignore[no-any-return]


def _check(
    kind: str,
    x: Tensor,
    hidden: list[Tensor],
    weights: list[Tensor],
    biases: bool,
    layers: int,
    both: bool,
    batch: bool,
) -> list[list[Tensor]]:
    """The weights of each layer and direction, where all sizes are as they must be; else ``ValueError``."""
    if x.dim() != 3 or any(state.dim() != 3 for state in hidden) or len(hidden) != (2 if kind == "lstm" else 1):
        raise ValueError("its input and its hidden states must have three axes")
    directions, size, out = 1 + both, hidden[-1].shape[2], hidden[0].shape[2]
    projected = out != size
    per = (4 if biases else 2) + projected
    if layers < 1 or not min(x.shape) or len(weights) != layers * directions * per:
        raise ValueError(f"{len(weights)} weights do not suit {layers} layers in {directions} directions")
    if layers * directions * x.shape[batch] > MOST_STEPS:
        raise ValueError(f"it makes {layers * directions * x.shape[batch]:,} steps; the limit is {MOST_STEPS:,}")
    states = [
        (layers * directions, x.shape[not batch], width) for width in ((out, size) if kind == "lstm" else (size,))
    ]
    if [tuple(state.shape) for state in hidden] != states:
        raise ValueError(f"hidden states of the shapes {[tuple(state.shape) for state in hidden]} are not {states}")
    types = {tensor.dtype for tensor in (x, *hidden, *weights)}
    if (len(types) > 1 and not torch.is_autocast_enabled("cpu")) or not all(kind.is_floating_point for kind in types):
        raise ValueError("its input, hidden states and weights must be real numbers of one type")
    groups = [weights[at : at + per] for at in range(0, len(weights), per)]
    for at, group in enumerate(groups):
        read = x.shape[2] if at < directions else out * directions
        gates = _GATES[kind] * size
        wanted = [(gates, read), (gates, out), *[(gates,)] * (2 * biases), *[(out, size)] * projected]
        if [tuple(weight.shape) for weight in group] != wanted:
            raise ValueError(f"weights of the shapes {[tuple(weight.shape) for weight in group]} are not {wanted}")
    return groups


def _without_values(
    kind: str, x: Tensor, hidden: list[Tensor], groups: list[list[Tensor]], layers: int, both: bool, batch: bool
) -> tuple[Tensor, ...]:
    """Results of the same shapes, by one operator for each layer and direction."""
    ends: list[list[Tensor]] = []
    for layer in range(layers):
        results = []
        for direction in range(1 + both):
            at = layer * (1 + both) + direction
            result, *last = _one_layer(kind, x, [state[at] for state in hidden], groups[at], bool(direction), batch)
            results.append(result)
            ends.append(last)
        x = torch.cat(results, 2) if both else results[0]
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
    return _run("lstm", input, hx, params, has_biases, num_layers, bidirectional, batch_first)


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
        return _run(kind, input, [hx], params, has_biases, num_layers, bidirectional, batch_first)

    return run


RECURRENT: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "lstm.input": _lstm,
    **{f"{kind}.input": _plain(kind) for kind in ("gru", "rnn_tanh", "rnn_relu")},
}
