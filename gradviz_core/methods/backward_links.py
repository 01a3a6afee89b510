"""The steps of a gated pass: which value each layer computes from which, and what is added or moved in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gradviz_core.tracing.gates import PART, WHOLE, layer_of
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import Site
from gradviz_core.types.backward import GATE

_CLONE, _ADD = "CloneBackward0", "AddBackward0"
_MOVES = frozenset(
    "Add Alias AsStrided Cat Expand Flatten Permute Reshape ReshapeAlias Select Slice Squeeze Stack T Transpose "
    "Unsqueeze UnsafeView View".split()
)
"""Operations that only put each number somewhere, or add a constant to it, by the name of their node."""


@dataclass(frozen=True, slots=True)
class Link:
    """One step: a value, and where it comes from."""

    site: Site
    """Its output."""
    into: Site
    """The site that its input comes from."""
    part: Site | None
    """The site whose gradient is what this step alone passes on; None between layers."""
    also: tuple[Site, ...]
    """Where its other inputs come from."""
    layer: str | None
    """Path of the layer; None between layers."""
    kind: str
    times: int = 1
    """How often a sum adds its input."""
    is_sum: bool = False
    moves: bool = False
    """Whether it only moves numbers, and adds constants."""


def links(layers: nn.Module, trace: Trace) -> tuple[Link, ...]:
    """The steps in order of execution. ``layers`` is the gated twin, ``trace`` a pass of it that kept everything."""
    graph = _Graph(trace)
    paths = {path.removesuffix(GATE).removesuffix(".") for path, _ in layers.named_modules() if _ends_a_gate(path)}
    waiting: dict[str, list[Site]] = {}
    done: set[tuple[str, int]] = set()
    found: list[Link] = []
    for site, (kind, _) in trace.seen.items():
        if site not in trace.values or site in trace.aliases:
            continue
        if kind == PART:
            waiting.setdefault(layer_of(site), []).append(site)
        elif kind != WHOLE and site.path in paths:
            parts = waiting.pop(site.path, [])
            if parts and (site.path, site.call) not in done and trace.values[site].is_floating_point():
                origins = [graph.origin(_whole(part)) for part in parts]
                found.append(Link(site, origins[0], parts[0], tuple(origins[1:]), site.path, kind))
                done.add((site.path, site.call))
        elif GATE not in site.path.split(".")[-1] and (between := graph.between(site)) is not None:
            found.append(between)
    return tuple(found)


def _ends_a_gate(path: str) -> bool:
    return path == GATE or path.endswith(f".{GATE}")


def _whole(part: Site) -> Site:
    return Site(part.path.removesuffix("part") + "whole", part.call)


class _Graph:
    """Which site each node of PyTorch's graph computed."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._nodes: dict[Any, Site] = {}
        self._leaves: dict[int, Site] = {}
        for site, value in trace.values.items():
            if site in trace.aliases or trace.seen[site][0] == PART:
                continue
            if value.grad_fn is not None:
                self._nodes.setdefault(value.grad_fn, site)
            elif value.requires_grad:
                self._leaves.setdefault(id(value), site)

    def origin(self, site: Site) -> Site:
        """The site that first had this value."""
        site = self._trace.aliases.get(site, site)
        node = self._trace.values[site].grad_fn
        if node is not None and self._nodes.get(node, site) != site:
            return self.origin(self._nodes[node])
        reached, names, _ = self._walk(site)
        if len(reached) == 1 and names <= {_CLONE} and reached.total() == 1:
            return self.origin(next(iter(reached)))
        return site

    def between(self, site: Site) -> Link | None:
        """The step that computes a value between layers from others; None where it is another's value, unchanged, or
        no gradient goes on from it."""
        if self.origin(site) != site:
            return None
        reached, names, once = self._walk(site)
        if not reached:
            return None
        first, *others = reached
        kinds = sorted({name.removesuffix("0").removesuffix("Backward") for name in names - {_CLONE}})
        is_sum = once and names <= {_CLONE, _ADD} and self._adds_up(site, reached)
        words = "sum" if is_sum else ", ".join(kinds) or "copy"
        return Link(
            site,
            first,
            None,
            tuple(others),
            None,
            words,
            reached[first],
            is_sum,
            moves=once and _MOVES.issuperset(kinds),
        )

    def _adds_up(self, site: Site, reached: Counter[Site]) -> bool:
        """Whether the value is the sum of those reached, and nothing else."""
        value = self._trace.values[site].detach()
        parts = [count * self._trace.values[one].detach() for one, count in reached.items()]
        if any(part.shape != value.shape for part in parts):
            return False
        total = torch.stack(parts).sum(0)
        return bool(torch.allclose(total, value, rtol=1e-4, atol=1e-5 * float(value.abs().max())))

    def _walk(self, site: Site) -> tuple[Counter[Site], set[str], bool]:
        """The sites that a value is computed from, how often each is reached, the names of the nodes in between, and
        whether each of them is passed once."""
        reached: Counter[Site] = Counter()
        names: set[str] = set()
        seen: set[Any] = set()
        once = True
        waiting = [node for node in [self._trace.values[site].grad_fn] if node is not None]
        while waiting:
            node = waiting.pop(0)
            if node in seen and node.name() != _CLONE:
                once = False
                continue
            seen.add(node)
            names.add(node.name())
            for before in _before(node):
                other = self._nodes.get(before) or self._leaves.get(id(getattr(before, "variable", None)))
                if other is not None:
                    reached[other] += 1
                elif not hasattr(before, "variable"):
                    waiting.append(before)
        return reached, names, once


def _before(node: Any) -> Iterator[Any]:
    for before, _ in node.next_functions:
        if before is not None:
            yield before
