"""What a watched forward pass leaves: raw values, kept by hooks that pass clones on. Answers come from no others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.draws import State
from gradviz_core.tracing.following import Follower, has_shape
from gradviz_core.tracing.nested import map_tensors, tensors
from gradviz_core.tracing.positions import Positions
from gradviz_core.tracing.rows_apart import RowsApart
from gradviz_core.tracing.torch_private.versions import version
from gradviz_core.types import Site
from gradviz_core.types.attention import KIND, is_attention
from gradviz_core.types.layouts import Reading, read
from gradviz_core.types.sites import no_such_site, site_name


@dataclass(slots=True)
class Trace:
    """A forward pass whose values and graph are kept, so that each further gradient costs one backward pass."""

    values: dict[Site, Tensor] = field(default_factory=dict)
    """Raw value of each kept site, in order of execution."""
    seen: dict[Site, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    """Kind of module and shape of every value produced, kept or not, in order of execution."""
    aliases: dict[Site, Site] = field(default_factory=dict)
    """Sites whose value is, unchanged, the value of an earlier site: of a container, say, or of dropout at rest."""
    overwritten: set[Site] = field(default_factory=set)
    """Sites whose value was written to later, through another name for the same memory."""
    calls: Counter[str] = field(default_factory=Counter)
    """How often each module ran."""
    sources: dict[tuple[str, int], str] = field(default_factory=dict)
    """The author's line for a module's path and call, where an uploaded file tells."""
    channel_axes: Mapping[Site, int | None] = field(default_factory=dict)
    """The axis of each value that counts channels, as the operations of the pass tell; None where they do not. Empty
    where the pass was to end early."""
    positions: dict[Site, Tensor] = field(default_factory=dict)
    """Where in the picture each number of a value lies, as ``positions.py`` has places; where it is known, and places
    were followed."""
    attends: bool = False
    """Whether an operation was attention; False too where the pass was to end early."""
    places: dict[tuple[Site, int], Tensor] = field(default_factory=dict)
    """Where in the picture the queries (0) and keys (1) of attention weights lie, as ``positions.py`` has places, with
    any axes before that of the tokens; where it is known, and was asked for."""
    parameters: dict[str, Tensor] = field(default_factory=dict)
    """The twin's parameters, where their gradients are wanted."""
    output: object = None
    """What the module returned; None where the pass was stopped early."""
    stopped: bool = False
    begin: int | State = 0
    """Where the random numbers of the pass began: at a seed, or at a state."""
    random: bool = False
    """Whether it drew any."""
    differentiates: bool = False
    """Whether it takes gradients itself, so that its parameters train as they do on the module."""
    thawed: bool = False
    """Whether all its parameters had to train, although some are frozen on the module."""
    tensor_hooks: int = 0
    """How many hooks the pass put on tensors; none of them runs."""

    @property
    def attention(self) -> tuple[Site, ...]:
        """The attention weights that were kept, in order of execution."""
        return tuple(site for site in self.seen if is_attention(site) and site in self.values)

    @property
    def readings(self) -> dict[Site, Reading]:
        """Which axis of each value counts channels, and whether that is known."""
        return read(self.seen, self.channel_axes)

    def value(self, site: Site) -> Tensor:
        """The raw value at ``site``.

        Raises:
            UnknownSite: the site never ran in this forward pass; the message names the nearest one that did.
            QuestionError: its value was overwritten.
        """
        if site in self.values:
            return self.values[site]
        if site in self.overwritten:
            raise QuestionError(
                f"The value of {site_name(site)} is overwritten in place later in the forward pass, through another "
                "view of the same memory, so it cannot be shown as it was. Make that operation out of place, or "
                "choose another layer output."
            )
        raise no_such_site(site, self.seen)


class Stop(BaseException):
    """Ends a forward pass early; no model may swallow it, so it is no ``Exception``."""


@dataclass(frozen=True, slots=True)
class _PassedOn:
    """A clone that the next module received, and its version then: an in-place operation raises it."""

    site: Site
    clone: Tensor
    version: int
    shares: bool
    """Whether the raw output was, in memory, one of the module's inputs."""


class Watch:
    """Keeps raw outputs in a trace and passes clones on, for one forward pass."""

    def __init__(
        self,
        trace: Trace,
        keep: Collection[Site] | None,
        until: frozenset[Site] | None,
        put: Mapping[Site, Tensor] | None = None,
        follower: Follower | RowsApart | None = None,
        *,
        attention: bool = False,
        positions: Positions | None = None,
    ) -> None:
        """``put`` holds values that take the place of those that the pass itself gives at these sites; ``follower``
        follows the axes or the rows, ``positions`` the places; with ``attention`` all attention weights are kept."""
        self._trace, self._keep, self._until, self._put = trace, keep, until, put or {}
        self._follower, self._attention, self._positions = follower, attention, positions
        self._in_doubt: set[Site] = set()
        self._passed_on: dict[int, _PassedOn] = {}
        self._versions: dict[Site, int] = {}
        self._open = True

    def enter(self, site: Site, tensor: Tensor) -> Tensor:
        """Make an input a leaf of the graph, and hand the module a clone it may overwrite."""
        leaf = _leaf(self._put.get(site, tensor))
        self._trace.values[site] = leaf
        self._trace.seen[site] = ("input", tuple(leaf.shape))
        handed = leaf.clone()
        if self._follower is not None:
            self._follower.at(site, handed)
        return handed

    def attach(self, module: nn.Module) -> None:
        """Put a hook on every part of ``module``, a twin that is run once and thrown away."""
        for path, part in module.named_modules():
            part.register_forward_hook(self._hook(path))

    def _hook(self, path: str) -> Callable[[nn.Module, object, object], object]:
        """The forward hook of the module at ``path``."""

        def hook(part: nn.Module, inputs: object, output: object) -> object:
            if not self._open:  # a checkpoint runs its part again during the backward pass
                return output
            call = self._trace.calls[path]
            self._trace.calls[path] += 1
            kind = type(part).__name__
            if isinstance(part, AuthorsModule):
                kind = part.kind
                self._trace.sources[path, call] = part.source(call)
            changed = map_tensors(output, lambda item, raw: self._keep_raw(Site(path, call, item), kind, raw, inputs))
            if self._until is not None and self._until <= self._trace.values.keys() - self._in_doubt:
                raise Stop
            return changed

        return hook

    def _keep_raw(self, site: Site, kind: str, raw: Tensor, inputs: object) -> Tensor:
        trace = self._trace
        if not has_shape(raw) or _in_a_transform(raw):
            return raw
        trace.seen[site] = (kind, tuple(raw.shape))
        if self._follower is not None:
            self._follower.at(site, raw)
        if self._positions is not None and (places := self._positions.of(raw)) is not None:
            trace.positions[site] = places
        if not self._keeps(site):
            return raw
        known = self._passed_on.get(id(raw))
        if site in self._put:
            raw = _leaf(self._put[site])
            if self._follower is not None:
                self._follower.take(raw, site)
        elif known is not None and known.version == version(raw):
            trace.aliases[site] = known.site
            trace.values[site] = trace.values[known.site]
            return raw
        raw = _joined_to_graph(raw)
        trace.values[site] = raw
        self._versions[site] = version(raw)
        clone = raw.clone()
        shares = _memory(raw) in map(_memory, tensors(inputs).values())
        self._passed_on[id(clone)] = _PassedOn(site, clone, version(clone), shares)
        return clone

    def _keeps(self, site: Site) -> bool:
        if self._keep is None or site in self._keep or (self._until is not None and site in self._until):
            return True
        return self._attention and is_attention(site)

    def calls(self, path: str) -> int:
        """How often the module at ``path`` has returned."""
        return self._trace.calls[path]

    def form(self, site: Site, weights: Tensor) -> Tensor:
        """Keep attention weights, and return those to go on with. They are forgotten unless ``confirm`` is called."""
        self._in_doubt.add(site)
        return self._keep_raw(site, KIND, weights, ())

    def confirm(self, site: Site) -> None:
        """These are attention weights: something is summed by them."""
        self._in_doubt.discard(site)

    def place(self, site: Site, which: int, places: Tensor) -> None:
        """The queries (0) or keys (1) of attention weights lie there."""
        self._trace.places[site, which] = places

    def is_put(self, site: Site) -> bool:
        """Whether another value takes the place of what the pass gives there."""
        return site in self._put

    def end(self) -> bool:
        """The pass is over: nothing more is kept. Returns whether shared memory was written, so that the module may
        have computed something else than it does unwatched.

        A kept value that was overwritten, through another name for its memory, is taken out.
        """
        self._open = False
        trace = self._trace
        for site in self._in_doubt:
            self._forget(site)
        lost = {site for site, before in self._versions.items() if version(trace.values[site]) != before}
        for site in [site for site in trace.values if site in lost or trace.aliases.get(site) in lost]:
            del trace.values[site]
            trace.overwritten.add(site)
        shared = any(one.shares and version(one.clone) != one.version for one in self._passed_on.values())
        return shared or bool(lost)

    def _forget(self, site: Site) -> None:
        """Take out a softmax that was none of attention; another site may have its value."""
        trace = self._trace
        trace.seen.pop(site, None)
        trace.values.pop(site, None)
        before = self._versions.pop(site, None)
        heirs = [other for other, first in trace.aliases.items() if first == site]
        for heir in heirs[1:]:
            trace.aliases[heir] = heirs[0]
        if heirs and before is not None:
            del trace.aliases[heirs[0]]
            self._versions[heirs[0]] = before


def _leaf(tensor: Tensor) -> Tensor:
    """A copy at which a graph begins, where it holds real numbers."""
    leaf = tensor.detach().clone()
    return leaf.requires_grad_() if leaf.is_floating_point() else leaf


def _joined_to_graph(raw: Tensor) -> Tensor:
    """A value that no gradient path leads to (after a detach, say) still has a gradient of its own: start a graph."""
    if raw.is_inference():
        raw = raw.clone()
    if raw.is_floating_point() and not raw.requires_grad and torch.is_grad_enabled():
        return raw.detach().requires_grad_()
    return raw


def _in_a_transform(tensor: Tensor) -> bool:
    """Whether it stands for many, or for a value and its derivative, within ``vmap`` or a transform of ``torch.func``:
    then it is not a value of the forward pass, and has no memory of its own."""
    if tensor.layout != torch.strided:
        return False
    try:
        tensor.untyped_storage()
    except NotImplementedError:
        return True
    return False


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() if tensor.layout == torch.strided else id(tensor)
