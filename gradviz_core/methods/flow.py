"""How large activations and gradients are along the network: one number for each site and each parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from gradviz_core.tracing.trace import Trace, differentiate, differentiate_all
from gradviz_core.types import INPUT, ParameterInfo, Site


@dataclass(frozen=True, slots=True)
class Flow:
    """One number for each site and each parameter, as a ``FlowAnswer`` holds them."""

    arrays: Mapping[str, np.ndarray]
    parameters: tuple[ParameterInfo, ...]


def measure(trace: Trace, score: Tensor, *, keep_graph: bool) -> Flow:
    """Norms, and shares of dead units, at every site that the trace kept, in order of execution, by one backward pass;
    norms of the trace's parameters too, where it has them.

    Every norm is ‖·‖₂ over all values of a site or parameter, summed in float64 (of the absolute values, where it is
    complex); infinite where it contains NaN or infinity; NaN where no gradient of the score reaches it, and where a
    site holds integers. ``keep_graph`` keeps the graph of a trace without parameters for another question.

    Raises:
        QuestionError: as ``trace.differentiate`` does.
    """
    if trace.parameters:
        slopes, weight_slopes = differentiate_all(trace, score)
    else:
        slopes, weight_slopes = differentiate(trace, score, list(trace.values), keep_graph=keep_graph), {}
    readings = trace.readings
    arrays = {
        "activation_norm": _norms(trace.values),
        "gradient_norm": _norms(slopes),
        "dead_share": np.array([_dead(site, value, readings[site].axis) for site, value in trace.values.items()]),
    }
    names = in_order_of_use(trace)
    if names:
        arrays["parameter_norm"] = _norms({name: trace.parameters[name] for name in names})
        arrays["parameter_gradient_norm"] = _norms({name: weight_slopes[name] for name in names})
    return Flow(arrays, tuple(ParameterInfo(name, tuple(trace.parameters[name].shape)) for name in names))


def dead_share(value: Shaped[Tensor, "1 ..."], axis: int) -> float:
    """Share, 0 to 1, of the units of a value that are exactly zero at every position, for this one image.

    A unit here is a channel of maps, or a feature of tokens or of a vector, along ``axis``. Only values that are never
    negative, such as those of a ReLU, have dead units: NaN for any other value, and for one that is not finite or
    empty. A unit that is dead for this image may be active for another; its own gradient may be large, but none of it
    passes through the ReLU.
    """
    if not value.is_floating_point() or value.dim() < 2 or not value.numel() or not bool((value >= 0).all()):
        return float("nan")
    units = (value != 0).movedim(axis, 0).flatten(1)
    return 1.0 - float(units.any(1).double().mean())


def in_order_of_use(trace: Trace) -> list[str]:
    """Names of the trace's parameters, in the order in which the modules that hold them first ran."""
    first: dict[str, int] = {}
    for at, site in enumerate(trace.seen):
        first.setdefault(site.path, at)

    def when(name: str) -> int:
        owner = name.rpartition(".")[0]
        while owner and owner not in first:  # a part that never runs as a module, such as attention's ``out_proj``
            owner = owner.rpartition(".")[0]
        return first.get(owner, len(first))

    return sorted(trace.parameters, key=when)


def _dead(site: Site, value: Tensor, axis: int) -> float:
    return float("nan") if site.path == INPUT.path else dead_share(value.detach(), axis)


def _norms(values: Mapping[Site, Tensor | None] | Mapping[str, Tensor | None]) -> np.ndarray:
    return np.array([float("nan") if value is None else _norm(value) for value in values.values()])


def _norm(tensor: Tensor) -> float:
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return math.nan
    numbers = tensor.detach().coalesce().values() if tensor.is_sparse else tensor.detach()
    dtype = torch.float32 if tensor.device.type == "mps" else torch.float64
    length = float(torch.linalg.vector_norm(numbers.abs(), dtype=dtype))
    return length if math.isfinite(length) else math.inf
