"""One forward pass, watched: exact values and exact gradients at any sites. The only file with hooks.

How it stays exact, in three rules:

1. *Watch a twin.* Hooks are put on a copy of the module tree that shares the weights' memory, never on the module
   itself, so that nothing is left behind and threads cannot meet (``twin``).
2. *Keep the raw output, pass on a clone.* A later in-place operation then changes the clone, never what was kept.
3. *A site is a path and a call.* A module that runs twice is two sites, counted as it runs.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from gradviz_core import layouts, targets
from gradviz_core.errors import GradVizError, QuestionError, Unreachable
from gradviz_core.nested import map_tensors, tensors
from gradviz_core.sites import in_words, no_such_site
from gradviz_core.types import INPUT, OUTPUT, Site, SiteInfo, Target

Inputs = Tensor | tuple[Tensor, ...]
"""What the module is called with: one tensor, or several."""


@dataclass(slots=True)
class Trace:
    """A forward pass whose values and graph are kept, so that each further gradient costs one backward pass."""

    values: dict[Site, Tensor] = field(default_factory=dict)
    """Raw value of each kept site, in order of execution."""
    seen: dict[Site, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    """Kind of module and shape of every value produced, kept or not, in order of execution."""
    aliases: dict[Site, Site] = field(default_factory=dict)
    """Sites whose value is, unchanged, the value of an earlier site: of a container, say, or of dropout at rest."""
    calls: Counter[str] = field(default_factory=Counter)
    """How often each module ran."""
    output: object = None
    """What the module returned; None where the pass was stopped early."""
    stopped: bool = False

    def value(self, site: Site) -> Tensor:
        """The raw value at ``site``.

        Raises:
            UnknownSite: the site never ran in this forward pass; the message names the nearest one that did.
            Unreachable: the pass was stopped at the target before the site could run.
        """
        if site in self.values:
            return self.values[site]
        if self.stopped:
            last = in_words(list(self.seen)[-1])
            raise Unreachable(
                f"{in_words(site)} did not run before {last}, which the target is read from, so no gradient reaches "
                "it. Choose a site that comes before the target."
            )
        raise no_such_site(site, self.seen)


class _Stop(BaseException):
    """Ends a forward pass early; no model may swallow it, so it is no ``Exception``."""


# ------------------------------------------------------------------------------------------------------------ the twin


def twin(module: nn.Module) -> nn.Module:
    """A copy of the module tree that shares the memory of every parameter and may be hooked and run freely.

    Parameters are new, frozen ``Parameter`` objects over the same storage; buffers are copied, because a module in
    training mode writes to them. The original's flags, hooks, ``.grad`` and running statistics are never touched.
    """
    memo: dict[int, object] = {}
    for part in module.modules():
        for parameter in part._parameters.values():
            if parameter is not None:
                memo[id(parameter)] = nn.Parameter(_initialised(parameter).detach(), requires_grad=False)
        for value in (*part._buffers.values(), *vars(part).values()):
            if isinstance(value, Tensor) and id(value) not in memo:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(module, memo)


def _initialised(parameter: nn.Parameter) -> nn.Parameter:
    if nn.parameter.is_lazy(parameter):
        raise QuestionError("The module has lazy parameters without a shape. Run it once on an input, then ask again.")
    return parameter


# ---------------------------------------------------------------------------------------------------- the forward pass


@contextmanager
def recording() -> Iterator[None]:
    """Operations are recorded for differentiation, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def forward(
    module: nn.Module, x: Inputs, *, keep: Collection[Site] | None = None, stop_at: Site | None = None
) -> Trace:
    """Run ``module(x)`` once and keep the values at the sites ``keep`` (None keeps all of them).

    With ``stop_at`` the pass ends as soon as that site has its value: nothing after it is computed.

    Raises:
        QuestionError: the module has lazy parameters that were never given a shape.
        UnknownSite: ``stop_at`` never ran.
    """
    trace = Trace()
    with recording():
        inputs = [_enter(trace, Site(INPUT.path, i), tensor) for i, tensor in enumerate(_as_tuple(x))]
        watched = twin(module)
        _watch(watched, trace, keep, stop_at)
        try:
            trace.output = watched(*inputs)
        except _Stop:
            trace.stopped = True
    if stop_at is not None and not trace.stopped:
        trace.value(stop_at)
    return trace


def _as_tuple(x: Inputs) -> tuple[Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)


def _enter(trace: Trace, site: Site, tensor: Tensor) -> Tensor:
    """Make an input a leaf of the graph, and hand the module a clone it may overwrite."""
    leaf = tensor.detach().clone()
    if leaf.is_floating_point():
        leaf.requires_grad_()
    trace.values[site] = leaf
    trace.seen[site] = ("input", tuple(leaf.shape))
    return leaf.clone()


@dataclass(frozen=True, slots=True)
class _PassedOn:
    """A clone that the next module received, and its version then: an in-place operation would raise it."""

    site: Site
    clone: Tensor
    version: int


def _watch(watched: nn.Module, trace: Trace, keep: Collection[Site] | None, stop_at: Site | None) -> None:
    passed_on: dict[int, _PassedOn] = {}
    for path, part in watched.named_modules():
        part.register_forward_hook(_hook(path, trace, keep, stop_at, passed_on))


def _hook(
    path: str,
    trace: Trace,
    keep: Collection[Site] | None,
    stop_at: Site | None,
    passed_on: dict[int, _PassedOn],
) -> Callable[[nn.Module, object, object], object]:
    """A hook that keeps the raw output of one call and passes on a clone.

    ``passed_on`` holds every clone, so that a container that returns its last child's output is known to have the same
    value as that child's site.
    """

    def hook(part: nn.Module, _inputs: object, output: object) -> object:
        call = trace.calls[path]
        trace.calls[path] += 1

        def keep_and_clone(item: str, raw: Tensor) -> Tensor:
            site = Site(path, call, item)
            trace.seen[site] = (type(part).__name__, tuple(raw.shape))
            if keep is not None and site not in keep and site != stop_at:
                return raw
            raw = _joined_to_graph(raw)
            trace.values[site] = raw
            if site == stop_at:
                raise _Stop
            clone = raw.clone()
            same = passed_on.get(id(raw))
            if same is not None and same.version == raw._version:
                trace.aliases[site] = same.site
            passed_on[id(clone)] = _PassedOn(trace.aliases.get(site, site), clone, clone._version)
            return clone

        return map_tensors(output, keep_and_clone)

    return hook


def _joined_to_graph(raw: Tensor) -> Tensor:
    """A value that no gradient path leads to (after a detach, say) still has a gradient of its own: start a graph."""
    if raw.is_floating_point() and not raw.requires_grad and torch.is_grad_enabled():
        return raw.detach().requires_grad_()
    return raw


# -------------------------------------------------------------------------------------------------------- the gradient


def differentiate(
    trace: Trace, score: Tensor, wrt: Sequence[Site], *, keep_graph: bool = True
) -> dict[Site, Tensor | None]:
    """∂score/∂site for each site, in one backward pass; None where no gradient reaches the site.

    ``score`` is a scalar computed from the trace. Each gradient has the shape and type of its site's value; its unit is
    the score's unit per unit of the value; it is signed. With ``keep_graph`` the trace can be asked again.

    Raises:
        UnknownSite: a site never ran.
    """
    values = {site: trace.value(site) for site in wrt}
    reachable = {site: value for site, value in values.items() if value.requires_grad}
    found: dict[Site, Tensor | None] = dict.fromkeys(wrt)
    if score.requires_grad and reachable:
        grads = torch.autograd.grad(score, list(reachable.values()), retain_graph=keep_graph, allow_unused=True)
        found.update(zip(reachable, grads, strict=True))
    return found


@dataclass(frozen=True, slots=True)
class Gradients:
    """What ``gradients`` found: torch tensors, detached, on the module's device."""

    target: Target
    """The target, with the predicted class filled in."""
    score: float
    activations: Mapping[Site, Tensor]
    """Value of each site at that very call, before any later in-place operation."""
    gradients: Mapping[Site, Tensor]
    """∂score/∂site, with the site's shape; signed."""


def gradients(module: nn.Module, x: Inputs, *, target: Target, wrt: Iterable[Site] = (INPUT,)) -> Gradients:
    """Exact ∂target/∂site of any module at any sites, in one forward and one backward pass.

    ``x`` is used as it is, with a first dimension of 1 for targets that name a class or a unit. The module runs in the
    mode it is in; nothing about it is changed. Sites come from ``survey(module, x)``.

    Raises:
        BadTarget: the target does not exist in this model.
        UnknownSite: a site never ran in this forward pass.
        Unreachable: no gradient of the target reaches a site.

    Source: reverse-mode differentiation as in Griewank & Walther, Evaluating Derivatives, 2008, chapter 3; at the input
    this is the saliency of Simonyan et al. 2014 (arXiv:1312.6034), before any absolute value.
    """
    sites = tuple(wrt)
    at = targets.site_of(target)
    early = at is not None and at.path != OUTPUT.path and INPUT.path != at.path
    trace = forward(module, x, keep={*sites, *([at] if at else ())}, stop_at=at if early else None)
    with recording():
        resolved, score = targets.select(target, trace)
    found = differentiate(trace, score, sites, keep_graph=False)
    return Gradients(
        target=resolved,
        score=score.item(),
        activations={site: trace.value(site).detach() for site in sites},
        gradients={site: reached(site, gradient, resolved) for site, gradient in found.items()},
    )


def reached(site: Site, gradient: Tensor | None, target: Target) -> Tensor:
    """The gradient, where there is one.

    Raises:
        Unreachable: there is none.
    """
    if gradient is None:
        raise Unreachable(
            f"No gradient of {targets.in_words(target)} reaches {in_words(site)}: no differentiable path leads from "
            "there to the target. Choose a site that comes before it, or look for a detach or an integer operation in "
            "between."
        )
    return gradient.detach()


# ---------------------------------------------------------------------------------------------------------- the survey


def survey(module: nn.Module, x: Inputs) -> tuple[SiteInfo, ...]:
    """Every value that ``module(x)`` really produces, in order of execution, the input first.

    Raises:
        GradVizError: the module computes something else while it is watched, so that its gradients would be another
            function's. That takes a module that relies on an output sharing memory with an input.
    """
    trace = forward(module, x)
    check_unchanged(module, x, trace)
    return describe(trace)


def describe(trace: Trace) -> tuple[SiteInfo, ...]:
    """What is known of each site that a trace kept."""
    guessed = layouts.guess(trace.seen)
    return tuple(
        SiteInfo(
            site=site,
            kind=trace.seen[site][0],
            shape=tuple(value.shape),
            dtype=str(value.dtype).removeprefix("torch."),
            layout=guessed[site],
            calls=max(1, trace.calls[site.path]),
            differentiable=value.requires_grad,
            same_as=trace.aliases.get(site),
        )
        for site, value in trace.values.items()
    )


def check_unchanged(module: nn.Module, x: Inputs, trace: Trace) -> None:
    """Check that ``module(x)`` gives, unwatched, what it gave in ``trace``.

    Raises:
        GradVizError: it does not, so the gradients would be another function's. That takes a module that relies on an
            output sharing memory with an input.
    """
    if module.training:
        return
    with recording():
        bare = tensors(twin(module)(*(tensor.detach().clone() for tensor in _as_tuple(x))))
    for item, tensor in tensors(trace.output).items():
        if not torch.allclose(tensor.detach(), bare[item].detach(), rtol=1e-3, atol=1e-5, equal_nan=True):
            raise GradVizError(
                "This model computes something else while it is watched: it relies on an output that shares memory "
                "with an input and is changed in place later. Replace that in-place operation, then ask again."
            )
