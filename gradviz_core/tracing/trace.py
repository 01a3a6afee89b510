"""Exact values and exact gradients of any module at any sites: the forward pass is in ``passes.py``, the way back in
``backward.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing import batch, remarks
from gradviz_core.tracing.backward import differentiate as differentiate
from gradviz_core.tracing.backward import differentiate_all as differentiate_all
from gradviz_core.tracing.backward import differentiate_along as differentiate_along
from gradviz_core.tracing.backward import differentiate_each as differentiate_each
from gradviz_core.tracing.backward import differentiate_weighted as differentiate_weighted
from gradviz_core.tracing.backward import parted as parted
from gradviz_core.tracing.backward import reached as reached
from gradviz_core.tracing.inputs import call_of, explained, real_inputs
from gradviz_core.tracing.passes import Inputs as Inputs
from gradviz_core.tracing.passes import check_unchanged as check_unchanged
from gradviz_core.tracing.passes import forward as forward
from gradviz_core.tracing.passes import recording as recording
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.watch import Trace as Trace
from gradviz_core.types import INPUT, Site, SiteInfo, Target, layouts
from gradviz_core.types.calls import Call


@dataclass(frozen=True, slots=True)
class Gradients:
    """What ``gradients`` found: torch tensors, detached, on the module's device."""

    target: Target | tuple[Target, ...]
    """The target, with the predicted class filled in; one for each image of a batch."""
    score: float | tuple[float, ...]
    """Its value; one for each image of a batch."""
    activations: Mapping[Site, Tensor]
    """Value of each site at that very call, before any later in-place operation."""
    gradients: Mapping[Site, Tensor]
    """∂score/∂site, with the site's shape; signed. Row i is that of image i's score."""
    unreached: tuple[Site, ...] = ()
    """Sites without a gradient: no differentiable path leads from them to the score."""
    notes: tuple[str, ...] = ()
    """What is to be known of the pass: that the model draws random numbers, or has hooks that did not run."""


def gradients(
    module: nn.Module,
    x: Inputs,
    *,
    target: Target | Sequence[Target],
    wrt: Iterable[Site] | Site | None = None,
    seed: int | None = None,
) -> Gradients:
    """Exact ∂target/∂site of any module at any sites, in one forward and one backward pass.

    ``x`` is what the module takes: a tensor, a tuple of the arguments, a dictionary, a list, a ``Call`` with keywords,
    or NumPy arrays in their place (``inputs.call_of``). The module runs in the mode it is in; nothing about it is
    changed. Sites come from ``survey(module, x)``; without ``wrt`` they are all inputs of real numbers. Random numbers
    begin at ``seed``, as in ``passes.forward``.

    Where ``x`` and what the module returns count N > 1 images first, there is one target for each image, or one that
    stands for all. Then the gradient of the sum of the scores is computed, whose rows are each image's own gradient,
    and one backward pass more, and each image by itself, check that no image changes what another gets. A single target
    that names a row, as ``Head(row=1)`` does, is one question about all of ``x`` instead, with one score.

    Raises:
        BadTarget: the target does not exist in this model.
        UnknownSite: a site never ran in this forward pass.
        Unreachable: no gradient of the target reaches any of the sites.
        QuestionError: there is no tensor in ``x``, or the module cannot be called with it, cannot be copied for
            watching, or uses reentrant checkpointing; the images of a batch change one another's scores.
        GradVizError: as ``survey`` does.

    Source: reverse-mode differentiation as in Griewank & Walther, Evaluating Derivatives, 2008, chapter 3; at the input
    this is the saliency of Simonyan et al. 2014 (arXiv:1312.6034), before any absolute value.
    """
    for one in target if isinstance(target, list | tuple) else (target,):
        targets.check(one)
    call = call_of(module, x)
    sites = chosen_sites(call, wrt)
    many = 1 if batch.names_a_row(target) else batch.count(call)
    wanted = batch.one_for_each(target, many) if isinstance(target, Sequence) else (target,)
    read = [at for one in wanted if (at := one.at)]
    needed = {*sites, *read}
    until = needed if many == 1 and wanted[0].may_stop else None
    with explained(module, call):
        axes = any(one.needs_axes for one in wanted)
        trace = forward(module, call, keep=needed, until=until, seed=seed, axes=axes)
    if batch.is_batch(trace, many):
        return _of_batch(module, call, trace, batch.one_for_each(target, many), sites)
    (only,) = batch.one_for_each(target, 1)
    with recording():
        resolved, score = targets.select(only, trace)
    found, unreached = parted(trace, differentiate(trace, score, sites, keep_graph=False), resolved)
    return _answer(module, trace, sites, resolved, score.item(), found, unreached)


def chosen_sites(call: Call, wrt: Iterable[Site] | Site | None) -> tuple[Site, ...]:
    """The sites that are asked for; without any said, the inputs that can have a gradient, else the first.

    Raises:
        QuestionError: one of them is not a ``Site``.
    """
    if wrt is None:
        return real_inputs(call)
    sites = (wrt,) if isinstance(wrt, Site) else tuple(wrt)
    for site in sites:
        if not isinstance(site, Site):
            raise QuestionError(f"{site!r} is not a site. Write Site({str(site)!r}), or take the sites of the survey.")
    return sites


def _of_batch(
    module: nn.Module, call: Call, trace: Trace, wanted: tuple[Target, ...], sites: tuple[Site, ...]
) -> Gradients:
    with recording():
        resolved, scores = batch.select(wanted, trace)
    everywhere = dict.fromkeys([*sites, *(site for site in trace.values if site.path == INPUT.path)])
    found = differentiate_each(trace, scores, torch.ones_like(scores), list(everywhere), keep_graph=True)
    batch.check_apart(trace, scores, found)
    batch.check_alone(module, call, trace, len(scores))
    there, unreached = parted(trace, {site: found[site] for site in sites}, resolved[0])
    return _answer(module, trace, sites, resolved, tuple(scores.tolist()), there, unreached)


def _answer(
    module: nn.Module,
    trace: Trace,
    sites: tuple[Site, ...],
    target: Target | tuple[Target, ...],
    score: float | tuple[float, ...],
    found: dict[Site, Tensor],
    unreached: tuple[Site, ...],
) -> Gradients:
    values = {site: trace.value(site).detach() for site in sites}
    return Gradients(target, score, values, found, unreached, remarks.about(module, trace))


def survey(module: nn.Module, x: Inputs, *, seed: int | None = None, attention: bool = False) -> tuple[SiteInfo, ...]:
    """Every value that ``module(x)`` really produces, in order of execution, the input first.

    ``x`` and ``seed`` are those of ``gradients``. With ``attention`` the attention weights of each layer are among
    them, also where a fused kernel never forms them (``passes.forward``).

    Raises:
        QuestionError: there is no tensor in ``x``, or the module cannot be called with it or copied for watching.
        GradVizError: the module computes something different while it is traced, so that its gradients would be another
            function's.
    """
    call = call_of(module, x)
    with explained(module, call):
        trace = forward(module, call, seed=seed, attention=attention)
        check_unchanged(module, call, trace)
    return describe(trace)


def describe(trace: Trace) -> tuple[SiteInfo, ...]:
    """What is known of each site that a trace kept."""
    readings = trace.readings
    return tuple(
        SiteInfo(
            site=site,
            kind=trace.seen[site][0],
            shape=tuple(value.shape),
            dtype=str(value.dtype).removeprefix("torch."),
            layout=layouts.layout_of(value.dim(), readings[site].axis),
            calls=max(1, trace.calls[site.path]),
            differentiable=value.requires_grad and value.is_floating_point(),
            same_as=trace.aliases.get(site),
            source=trace.sources.get((site.path, site.call), ""),
            axis=readings[site].axis,
            layout_known=readings[site].known,
        )
        for site, value in trace.values.items()
    )
