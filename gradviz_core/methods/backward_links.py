"""The steps of a gated pass: which value each layer computes from which, and what is added or moved in between."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import nn

from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.gates import PART, WHOLE, layer_of
from gradviz_core.tracing.torch_private import saved
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import Site
from gradviz_core.types.backward import GATE

_CLONE, _ADD, _JOIN, _TIMES = "CloneBackward0", "AddBackward0", "CatBackward0", "MulBackward0"
_MOVES = frozenset(
    "Add Alias AsStrided Cat Expand Flatten Permute Reshape ReshapeAlias Select Slice Split SplitWithSizes Squeeze "
    "Stack T Transpose Unbind Unsqueeze UnsafeView View".split()
)
"""Operations that only put each number somewhere, or add a constant to it, by the name of their node."""
_WITH_ALPHA = "Add with alpha"
"""A sum whose second summand is multiplied by a number other than 1."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a step."""

    site: Site
    """Where it comes from."""
    part: Site | None = None
    """The site whose gradient is what this step alone passes on; None between layers."""
    times: int = 1
    """How often a sum adds it."""
    start: int = 0
    """Where it begins along the axis of values joined end to end."""


@dataclass(frozen=True, slots=True)
class Link:
    """One step: a value, and where it comes from."""

    site: Site
    """Its output."""
    sources: tuple[Source, ...]
    """Its inputs; the first is the one that is shown."""
    layer: str | None
    """Path of the layer; None between layers."""
    kind: str
    how: Literal["layer", "sum", "joined", "product", "moved", "other"]
    """How values between layers are combined: added; joined end to end; two multiplied; one moved, and constants
    added."""
    axis: int = 0
    """Along which values are joined."""

    @property
    def into(self) -> Site:
        """Where the first input comes from."""
        return self.sources[0].site

    @property
    def also(self) -> tuple[Site, ...]:
        """Where the others come from."""
        return tuple(source.site for source in self.sources[1:])


def links(layers: nn.Module, trace: Trace) -> tuple[Link, ...]:
    """The steps in order of execution. ``layers`` is the gated twin, ``trace`` a pass of it that kept everything.

    All go from real numbers to real ones: a layer that gets complex numbers, or returns them, is no step of its own.
    """
    graph = _Graph(trace)
    paths = {path.removesuffix(GATE).removesuffix(".") for path, _ in layers.named_modules() if _ends_a_gate(path)}
    shown_layers = {path for path, part in layers.named_modules() if isinstance(part, AuthorsModule)}
    waiting: dict[str, list[Site]] = {}
    parts: dict[tuple[str, int], list[Site]] = {}
    found: list[Link] = []
    for site, (kind, _) in trace.seen.items():
        if site not in trace.values or site in trace.aliases:
            continue
        if kind == PART:
            waiting.setdefault(layer_of(site), []).append(site)
        elif kind != WHOLE and site.path in paths:
            if (site.path, site.call) not in parts:
                parts[site.path, site.call] = waiting.pop(site.path, [])
            own = parts[site.path, site.call]
            if trace.values[site].is_floating_point() and any(trace.values[part].is_complex() for part in own):
                found += [replace(link, kind=kind) for link in [graph.between(site)] if link is not None]
            elif own and trace.values[site].is_floating_point():
                sources = tuple(Source(graph.origin(_whole(part)), part) for part in own)
                found.append(Link(site, sources, site.path, kind, "layer"))
        elif trace.values[site].is_complex():
            continue
        elif GATE not in site.path.split(".")[-1] and (between := graph.between(site)) is not None:
            exported = site.path in shown_layers and len(between.sources) == 1 and between.how in ("moved", "other")
            found.append(replace(between, kind=kind) if exported else between)
    return _of_what_is_used(found, trace)


def _of_what_is_used(found: list[Link], trace: Trace) -> tuple[Link, ...]:
    """The steps without those of values that a layer returns beside the one that is used: the weights of attention."""
    used = {source.site for link in found for source in link.sources} | set(trace.aliases.values())
    returned = defaultdict[tuple[str, int], list[Link]](list)
    for link in found:
        returned[link.site.path, link.site.call].append(link)
    beside = [
        link
        for links in returned.values()
        for link in (links if any(one.site in used for one in links) else links[1:])
        if link.layer is not None and link.site not in used
    ]
    return tuple(link for link in found if link not in beside)


def _ends_a_gate(path: str) -> bool:
    return path == GATE or path.endswith(f".{GATE}")


def _whole(part: Site) -> Site:
    return Site(part.path.removesuffix("part") + "whole", part.call)


class _Graph:
    """Which site of real numbers each output of a node of PyTorch's graph is: an operation such as ``chunk`` has
    several."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._sites: dict[tuple[Any, int], Site] = {}
        self._leaves: dict[int, Site] = {}
        self._origins: dict[Site, Site] = {}
        for site, value in trace.values.items():
            if site in trace.aliases or trace.seen[site][0] == PART or value.is_complex():
                continue
            if value.grad_fn is not None:
                self._sites.setdefault((value.grad_fn, value.output_nr), site)
            elif value.requires_grad:
                self._leaves.setdefault(id(value), site)

    def origin(self, site: Site) -> Site:
        """The site that first had this value."""
        if site not in self._origins:
            self._origins[site] = self._first(site)
        return self._origins[site]

    def _first(self, site: Site) -> Site:
        site = self._trace.aliases.get(site, site)
        value = self._trace.values[site]
        first = self._sites.get((value.grad_fn, value.output_nr), site)
        if first != site:
            return self.origin(first)
        reached, names, _ = self._walk(site)
        if len(reached) == 1 and names.keys() <= {_CLONE} and reached.total() == 1:
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
        sources = tuple(Source(one, times=count) for one, count in reached.items())
        if once and names.keys() <= {_CLONE, _ADD} and self._adds_up(site, reached):
            return Link(site, sources, None, "sum", "sum")
        if once and names.keys() <= {_CLONE, _JOIN} and (axis := self._joined_along(site, sources)) is not None:
            sizes = [self._trace.values[source.site].shape[axis] for source in sources]
            starts = [0, *accumulate(sizes)]
            joined = tuple(replace(source, start=start) for source, start in zip(sources, starts, strict=False))
            return Link(site, joined, None, "join", "joined", axis)
        if once and names.keys() <= {_CLONE, _TIMES} and names[_TIMES] == 1 and self._multiplies(site, sources):
            return Link(site, sources, None, "product", "product")
        kinds = sorted({name.removesuffix("0").removesuffix("Backward") for name in names.keys() - {_CLONE}})
        moved = once and len(sources) == 1 and _MOVES.issuperset(kinds)
        return Link(site, sources, None, ", ".join(kinds) or "copy", "moved" if moved else "other")

    def _multiplies(self, site: Site, sources: tuple[Source, ...]) -> bool:
        """Whether the value is the product of two others."""
        if len(sources) != 2 or any(source.times > 1 for source in sources):
            return False
        first, second = (self._trace.values[source.site].detach() for source in sources)
        return bool(torch.equal(first * second, self._trace.values[site].detach()))

    def _joined_along(self, site: Site, sources: tuple[Source, ...]) -> int | None:
        """The axis along which the values, in this order, are joined end to end; None where they are not."""
        value = self._trace.values[site].detach()
        parts = [self._trace.values[source.site].detach() for source in sources]
        if len(parts) < 2 or any(source.times > 1 for source in sources):
            return None
        for axis in range(1, value.dim()):
            sizes = [part.shape[:axis] + part.shape[axis + 1 :] for part in parts if part.dim() == value.dim()]
            fits = len(sizes) == len(parts) and set(sizes) == {value.shape[:axis] + value.shape[axis + 1 :]}
            if fits and torch.equal(torch.cat(parts, dim=axis), value):
                return axis
        return None

    def _adds_up(self, site: Site, reached: Counter[Site]) -> bool:
        """Whether the value is the sum of those reached, and nothing else."""
        value = self._trace.values[site].detach()
        parts = [count * self._trace.values[one].detach() for one, count in reached.items()]
        if any(part.shape != value.shape for part in parts):
            return False
        total = torch.stack(parts).sum(0)
        return bool(torch.allclose(total, value, rtol=1e-4, atol=1e-5 * float(value.abs().max())))

    def _walk(self, site: Site) -> tuple[Counter[Site], Counter[str], bool]:
        """The sites that a value is computed from, in the order of the arguments, and how often each is reached; the
        names of the nodes in between, and how many have each; and whether each of them is passed once."""
        reached: Counter[Site] = Counter()
        names: Counter[str] = Counter()
        seen: set[Any] = set()
        once = True
        value = self._trace.values[site]
        start = (value.grad_fn, value.output_nr)
        waiting: list[tuple[Any, int]] = [start]
        while waiting:
            node, output = waiting.pop()
            if node is None:
                continue
            leaf = saved.leaf(node, needed_to="follow the backward pass from layer to layer")
            origin = self._sites.get((node, output)) or self._leaves.get(id(leaf))
            if origin is not None and (node, output) != start:
                reached[self.origin(origin)] += 1
            elif node in seen and node.name() != _CLONE:
                once = False
            elif leaf is None:
                seen.add(node)
                names[_operation(node)] += 1
                waiting += reversed(node.next_functions)
        return reached, names, once


def _operation(node: Any) -> str:
    name: str = node.name()
    if name != _ADD:
        return name
    with suppress(saved.Gone):
        if saved.kept(node, "alpha") == 1:
            return name
    return _WITH_ALPHA
