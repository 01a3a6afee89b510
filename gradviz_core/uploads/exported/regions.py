"""Parts of a graph that run in another way than the rest, each with a graph of its own: ``torch.no_grad()``,
``torch.autocast()`` and what was to be compiled once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.plain_json import only, shown, take
from gradviz_core.uploads.exported.sentences import AGAIN
from gradviz_core.uploads.exported.tensors import DTYPES

_HIGHER = "torch.ops.higher_order."
_USUAL_CAST = torch.bfloat16
"""What ``torch.autocast("cpu")`` casts to where nothing else is said."""
_CASTS = (torch.bfloat16, torch.float16)
"""What it casts to at all; asked for another type, it does nothing."""


@dataclass(frozen=True, slots=True)
class Mode:
    """How an operation runs."""

    recorded: bool = True
    """False within ``torch.no_grad()``."""
    cast: torch.dtype | None = None
    """What autocast casts to; None where it is off."""

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Run what is inside in this mode; a mode that says nothing leaves things as they are."""
        with ExitStack() as stack:
            if not self.recorded:
                stack.enter_context(torch.no_grad())
            if self.cast is not None:
                stack.enter_context(torch.autocast("cpu", dtype=self.cast, cache_enabled=False))
            yield


@dataclass(frozen=True, slots=True)
class Region:
    """One such part."""

    mode: Mode
    graph: dict[str, Any]
    given: tuple[tuple[str, Any], ...]
    """What goes in, as the file has it: kind and value."""


def is_region(target: str) -> bool:
    """Whether it names a region that is read."""
    return target.removeprefix(_HIGHER) in _READ and target.startswith(_HIGHER)


def inner_nodes(record: object) -> list[object]:
    """The operations inside a region, of which nothing else was checked."""
    graphs = [value for kind, value in _items(record) if kind == "as_graph"]
    return [node for graph in graphs for node in take(take(graph, "graph", dict), "nodes", list)]


def read_region(record: object, target: str, around: Mode) -> Region:
    """The region of a node; ``around`` is the mode that it lies in.

    Raises:
        BadModel: it is not as torch.export writes it.
    """
    items = _items(record)
    places = [place for place, (kind, _) in enumerate(items) if kind == "as_graph"]
    if len(places) != 1:
        raise _broken(target)
    at = places[0]
    mode, after = _READ[target.removeprefix(_HIGHER)](target, items[:at], around)
    return Region(mode, take(items[at][1], "graph", dict), tuple(items[at + 1 + after :]))


def _items(record: object) -> list[tuple[str, Any]]:
    return [only(take(item, "arg", dict), "an argument") for item in take(record, "inputs", list)]


Before = list[tuple[str, Any]]


def _set_grad_enabled(target: str, before: Before, around: Mode) -> tuple[Mode, int]:
    match before:
        case [("as_bool", bool(recorded))]:
            return replace(around, recorded=around.recorded and recorded), 0
    raise _broken(target)


def _autocast(target: str, before: Before, around: Mode) -> tuple[Mode, int]:
    """For another device than the processor, where the model runs here, autocast does nothing."""
    match before:
        case [("as_string", str(device)), (kind, number), ("as_bool", bool(enabled)), (_, _)]:
            if device != "cpu":
                return around, 0
            cast = _USUAL_CAST if kind == "as_none" else DTYPES.get(number) if type(number) is int else None
            return replace(around, cast=cast if enabled and cast in _CASTS else None), 0
    raise _broken(target)


def _compiled_once(target: str, before: Before, around: Mode) -> tuple[Mode, int]:
    """A graph and its name."""
    if before:
        raise _broken(target)
    return around, 1


_READ: dict[str, Callable[[str, Before, Mode], tuple[Mode, int]]] = {
    "wrap_with_set_grad_enabled": _set_grad_enabled,
    "wrap_with_autocast": _autocast,
    "invoke_subgraph": _compiled_once,
}
"""Each gives the mode inside, and how many of the arguments behind the graph are none of its inputs."""


def _broken(target: str) -> BadModel:
    return BadModel(
        f"The graph has a region {shown(target.removeprefix(_HIGHER))} that is not as torch.export writes it. {AGAIN}"
    )
