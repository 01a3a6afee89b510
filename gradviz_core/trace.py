"""One forward pass, watched: exact values and exact gradients at any sites. The only file with
``autograd.grad``; the hooks are in ``watch.py``.

How it stays exact, in three rules:

1. *Watch a twin.* Hooks are put on a copy of the module tree that shares the weights' memory, never on the module
   itself, so that nothing is left behind and threads cannot meet (``twin.py``).
2. *Keep the raw output, pass on a clone.* A later in-place operation then changes the clone, never what was kept.
3. *A site is a path and a call.* A module that runs twice is two sites, counted as it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from gradviz_core import layouts, targets
from gradviz_core.device import exact_arithmetic
from gradviz_core.errors import GradVizError, QuestionError, Unreachable
from gradviz_core.nested import tensors
from gradviz_core.sites import in_words
from gradviz_core.twin import twin
from gradviz_core.types import INPUT, Site, SiteInfo, Target
from gradviz_core.watch import Stop, Watch
from gradviz_core.watch import Trace as Trace

_NO_DERIVATIVE = re.compile(r"derivative for '?([\w:. ]{1,80}?)'? is not implemented")
Inputs = Tensor | tuple[Tensor, ...]
"""What the module is called with: one tensor, or several."""


# ---------------------------------------------------------------------------------------------------- the forward pass


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


# -------------------------------------------------------------------------------------------------------- the gradient


def differentiate(
    trace: Trace, score: Tensor, wrt: Sequence[Site], *, keep_graph: bool = True
) -> dict[Site, Tensor | None]:
    """∂score/∂site for each site, in one backward pass; None where no gradient reaches the site.

    ``score`` is a scalar computed from the trace. Each gradient has the shape and type of its site's value; its unit is
    the score's unit per unit of the value; it is signed. With ``keep_graph`` the trace can be asked again.

    Raises:
        UnknownSite: a site never ran.
        QuestionError: the module uses reentrant checkpointing, overwrites what the backward pass needs, or has an
            operation without a derivative.
    """
    return _slopes(score, {site: trace.value(site) for site in wrt}, keep_graph)


def differentiate_all(
    trace: Trace, score: Tensor, *, keep_graph: bool = False
) -> tuple[dict[Site, Tensor | None], dict[str, Tensor | None]]:
    """∂score/∂site for every site that was kept, and ∂score/∂parameter for every parameter of the trace, in one
    backward pass, which ends the graph unless it is kept; None where no gradient reaches.

    A parameter's gradient has its shape and counts every use of it: it is what ``score.backward()`` adds to ``.grad``.

    Raises:
        QuestionError: as ``differentiate`` does.
    """
    found = _slopes(score, {**trace.values, **trace.parameters}, keep_graph)
    return {site: found[site] for site in trace.values}, {name: found[name] for name in trace.parameters}


Key = TypeVar("Key")


def _slopes(score: Tensor, values: Mapping[Key, Tensor], keep_graph: bool) -> dict[Key, Tensor | None]:
    reachable = {key: value for key, value in values.items() if value.requires_grad}
    found: dict[Key, Tensor | None] = dict.fromkeys(values)
    if score.requires_grad and reachable:
        with exact_arithmetic():
            slopes = _backward(score, list(reachable.values()), keep_graph)
        found.update(zip(reachable, slopes, strict=True))
    return found


def differentiate_weighted(value: Tensor, weights: Tensor, wrt: Tensor) -> Tensor | None:
    """Σ_i weights_i · ∂value_i/∂wrt for two values of one trace, in one backward pass; None where no gradient reaches.

    ``weights`` has the shape of ``value``, the result that of ``wrt``. The trace can be asked again.

    Raises:
        QuestionError: as ``differentiate`` does.
    """
    if not (value.requires_grad and wrt.requires_grad):
        return None
    with exact_arithmetic():
        return _backward(value, [wrt], keep_graph=True, weights=weights)[0]


def differentiate_along(value: Tensor, wrt: Tensor) -> Callable[[Tensor], Tensor]:
    """The function that gives Σ_j direction_j · ∂value/∂wrt_j, for two values of one trace; each call is a backward
    pass through a backward pass, whose graph the function holds.

    ``direction`` has the shape of ``wrt``, the result that of ``value``. It is the derivative of
    ``differentiate_weighted``, which is linear in its weights, with respect to these. Source: J. Townsend, A new trick
    for calculating Jacobian vector products, 2017.

    Raises:
        QuestionError, RuntimeError: at the first call or now, where an operation can be differentiated only once.
    """
    with recording():
        weights = torch.zeros_like(value, requires_grad=True)
        (slope,) = torch.autograd.grad(value, [wrt], weights, create_graph=True)

    def along(direction: Tensor) -> Tensor:
        with exact_arithmetic():
            change = _backward(slope, [weights], keep_graph=True, weights=direction)[0]
        return torch.zeros_like(value) if change is None else change

    return along


def _backward(
    score: Tensor, values: list[Tensor], keep_graph: bool, weights: Tensor | None = None
) -> Sequence[Tensor | None]:
    try:
        return torch.autograd.grad(score, values, weights, retain_graph=keep_graph, allow_unused=True)
    except RuntimeError as error:
        if "checkpoint" in str(error).lower():
            raise QuestionError(
                "This model uses reentrant checkpointing, which cannot give the gradient at chosen values. "
                "Build it with use_reentrant=False, or without checkpoints."
            ) from error
        if "modified by an inplace operation" in str(error):
            raise QuestionError(
                "PyTorch itself cannot differentiate this model: a value that the backward pass needs is overwritten "
                "in place. The doctor, as a page or as gv.diagnose, names the line; make that operation out of place."
            ) from error
        if found := _NO_DERIVATIVE.search(str(error)):
            raise QuestionError(
                f"PyTorch has no derivative for {found[1]}, which this model uses. Write that part of it another way."
            ) from error
        raise


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
        QuestionError: the module cannot be copied for watching, or uses reentrant checkpointing.
        GradVizError: as ``survey`` does.

    Source: reverse-mode differentiation as in Griewank & Walther, Evaluating Derivatives, 2008, chapter 3; at the input
    this is the saliency of Simonyan et al. 2014 (arXiv:1312.6034), before any absolute value.
    """
    sites = tuple(wrt)
    for site in sites:
        if not isinstance(site, Site):
            raise QuestionError(f"{site!r} is no site. Write Site({str(site)!r}), or take the sites of the survey.")
    at = targets.site_of(target)
    needed = {*sites, *([at] if at else ())}
    trace = forward(module, x, keep=needed, until=needed if targets.may_stop(target) else None)
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
        QuestionError: the module cannot be copied for watching.
        GradVizError: the module computes something else while it is watched, so that its gradients would be another
            function's.
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
            differentiable=value.requires_grad and value.is_floating_point(),
            same_as=trace.aliases.get(site),
            source=trace.sources.get((site.path, site.call), ""),
        )
        for site, value in trace.values.items()
    )
