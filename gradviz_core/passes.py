"""One forward pass, watched. The hooks are in ``watch.py``.

How it stays exact, in three rules:

1. *Watch a twin.* Hooks are put on a copy of the module tree that shares the weights' memory, never on the module
   itself, so that nothing is left behind and threads cannot meet (``twin.py``).
2. *Keep the raw output, pass on a clone.* A later in-place operation then changes the clone, never what was kept.
3. *A site is a path and a call.* A module that runs twice is two sites, counted as it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gradviz_core.device import exact_arithmetic
from gradviz_core.errors import GradVizError
from gradviz_core.nested import tensors
from gradviz_core.twin import twin
from gradviz_core.types import INPUT, Site
from gradviz_core.watch import Stop, Trace, Watch

Inputs = Tensor | tuple[Tensor, ...]
"""What the module is called with: one tensor, or several."""


@contextmanager
def recording() -> Iterator[None]:
    """Operations are recorded for differentiation, whatever mode the caller is in, and computed in full float32."""
    with exact_arithmetic(), torch.inference_mode(False), torch.enable_grad():
        yield


def forward(
    module: nn.Module,
    x: Inputs,
    *,
    keep: Collection[Site] | None = None,
    until: Collection[Site] | None = None,
    parameters: bool = False,
) -> Trace:
    """Run ``module(x)`` once and keep the values at the sites ``keep`` (None keeps all of them).

    With ``until`` the pass ends as soon as all those sites have their values: nothing after them is computed. With
    ``parameters`` the graph reaches to the parameters too, and takes about twice the memory.

    Raises:
        QuestionError: the module cannot be copied for watching.
        GradVizError: the module computes something else while it is watched.
    """
    trains = any(part.training for part in module.modules())
    trace = Trace(random_state=torch.get_rng_state() if trains else None)
    watch = Watch(trace, keep, None if until is None else frozenset(until))
    with recording():
        inputs = [watch.enter(Site(INPUT.path, i), tensor) for i, tensor in enumerate(_as_tuple(x))]
        watched = twin(module, trainable=parameters)
        trace.parameters = dict(watched.named_parameters()) if parameters else {}
        if keep is None or not trace.values.keys() >= set(keep):
            watch.attach(watched)
        try:
            trace.output = watched(*inputs)
        except Stop:
            trace.stopped = True
    if watch.end():
        if keep is not None or trace.stopped:
            return forward(module, x, parameters=parameters)
        check_unchanged(module, x, trace)
    return trace


def _as_tuple(x: Inputs) -> tuple[Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def check_unchanged(module: nn.Module, x: Inputs, trace: Trace) -> None:
    """Check that ``module(x)`` gives, unwatched, what it gave in ``trace``.

    Raises:
        GradVizError: it does not, so the gradients would be another function's. That takes a module that relies on an
            output sharing memory with an input, or one that is random in evaluation mode.
    """
    watched = tensors(trace.output)
    first = _unwatched(module, x, trace)
    if all(_close(tensor, first[item]) for item, tensor in watched.items()):
        return
    second = _unwatched(module, x, trace)
    if not all(_close(tensor, second[item]) for item, tensor in first.items()):
        raise GradVizError("This model gives another result each time it runs. Fix its random numbers, then ask again.")
    raise GradVizError(
        "This model computes something else while it is watched: it relies on an output that shares memory with an "
        "input and is changed in place later. Replace that in-place operation, then ask again."
    )


def _unwatched(module: nn.Module, x: Inputs, trace: Trace) -> dict[str, Tensor]:
    """What a twin without hooks returns, from the random numbers that the watched pass began with."""
    with recording(), torch.random.fork_rng(devices=[], enabled=trace.random_state is not None):
        if trace.random_state is not None:
            torch.set_rng_state(trace.random_state)
        return tensors(twin(module)(*(tensor.detach().clone() for tensor in _as_tuple(x))))


def _close(found: Tensor, true: Tensor) -> bool:
    """Equal to rounding, relative to the largest value."""
    if found.shape != true.shape or found.dtype != true.dtype:
        return False
    if not true.is_floating_point():
        return torch.equal(found, true)
    found, true = found.detach(), true.detach()
    scale = float(true.nan_to_num().abs().max()) if true.numel() else 0.0
    return torch.allclose(found, true, rtol=0.0, atol=1e-3 * scale, equal_nan=True)
