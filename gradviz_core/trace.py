"""Exact values and exact gradients of any module at any sites: the forward pass is in ``passes.py``, the way back in
``backward.py``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from gradviz_core import layouts, targets
from gradviz_core.backward import differentiate as differentiate
from gradviz_core.backward import differentiate_all as differentiate_all
from gradviz_core.backward import differentiate_along as differentiate_along
from gradviz_core.backward import differentiate_weighted as differentiate_weighted
from gradviz_core.backward import reached as reached
from gradviz_core.errors import QuestionError
from gradviz_core.passes import Inputs as Inputs
from gradviz_core.passes import check_unchanged as check_unchanged
from gradviz_core.passes import forward as forward
from gradviz_core.passes import recording as recording
from gradviz_core.types import INPUT, Site, SiteInfo, Target
from gradviz_core.watch import Trace as Trace


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
