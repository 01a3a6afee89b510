"""A model that runs as its author runs it, without hooks: targets are read from what it returned."""

from __future__ import annotations

from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import OUTPUT, Site


def is_inside(at: Site | None) -> bool:
    """Whether a target is read from a value inside the model, which a pass without hooks does not keep."""
    return at is not None and (at.path, at.call) != (OUTPUT.path, OUTPUT.call)


def returned(output: object, at: Site | None) -> Trace:
    """What the model returned, as a trace that a target at ``at`` is selected from."""
    values = {Site(OUTPUT.path, OUTPUT.call, item): tensor for item, tensor in tensors(output).items()} if at else {}
    seen = {site: ("output", tuple(tensor.shape)) for site, tensor in values.items()}
    return Trace(values=values, seen=seen, output=output)
