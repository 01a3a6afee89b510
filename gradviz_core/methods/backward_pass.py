"""The backward pass through a gated twin: at each step the gradient that arrives, the terms of one number, and the
gradient that goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.methods.backward_links import Link, Source, links
from gradviz_core.methods.local_factors import (
    Column,
    Index,
    Layer,
    OnlyOnce,
    by_differentiation,
    column,
    rule_of,
    same_number,
    times,
)
from gradviz_core.tracing.breaking import dies
from gradviz_core.tracing.gates import WHOLE, layer_of
from gradviz_core.tracing.trace import Trace, differentiate, differentiate_weighted
from gradviz_core.types import Site
from gradviz_core.types.backward import BackwardStep, LocalSum, LocalTerm, Rule
from gradviz_core.types.sites import site_name

MOST_STEPS = 1000
SHOWN_TERMS = 8
_NO_GRADIENT = "No gradient arrives at this step."
_NOTHING_PASSED = "This step passes no gradient on to its input: the path is cut here."
_DEAD = "The input is shifted below zero: every factor is 0, and nothing goes on from this ReLU."
_SEVERAL = (
    "Here values are combined by {kind}, between the layers. What comes to each of them is exact, but its terms are "
    "not listed: the values depend on one another in other ways too."
)
_TWICE = "PyTorch cannot differentiate this operation a second time, so its terms are not listed."
_DIFFERENT = "The terms that were worked out do not add up to the gradient, so they are not shown."


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass that was differentiated: its steps, values and gradients."""

    steps: tuple[Link, ...]
    trace: Trace
    gradients: Mapping[Site, Tensor | None]
    modules: Mapping[str, nn.Module]


@dataclass(frozen=True, slots=True)
class Shown:
    """A step, and the planes that are drawn of it."""

    step: BackwardStep
    planes: Mapping[str, Tensor]


def differentiated(layers: nn.Module, trace: Trace, score: Tensor) -> Pass:
    """One backward pass of ``score`` through a pass of the gated twin ``layers``.

    Raises:
        QuestionError: as ``differentiate`` does; or there are too many steps.
    """
    steps = _steps(layers, trace)
    sites = _sites(steps)
    found = differentiate(trace, score, list(sites), keep_graph=True)
    last = max((i for i, step in enumerate(steps) if found[step.site] is not None), default=-1)
    return Pass(steps[: last + 1], trace, found, dict(layers.named_modules()))


def without_gradients(layers: nn.Module, trace: Trace) -> Pass:
    """The same for a pass that PyTorch cannot differentiate: no gradient arrives anywhere.

    Raises:
        QuestionError: there are too many steps.
    """
    steps = _steps(layers, trace)
    return Pass(steps, trace, dict.fromkeys(_sites(steps)), dict(layers.named_modules()))


def _sites(steps: tuple[Link, ...]) -> dict[Site, None]:
    """Each site whose gradient is needed."""
    inputs = [site for step in steps for source in step.sources for site in (source.site, source.part)]
    return dict.fromkeys(site for site in (*(step.site for step in steps), *inputs) if site is not None)


def _steps(layers: nn.Module, trace: Trace) -> tuple[Link, ...]:
    steps = links(layers, trace)
    if len(steps) > MOST_STEPS:
        raise QuestionError(
            f"This pass has {len(steps):,} steps; at most {MOST_STEPS:,} can be played. Choose a smaller model."
        )
    return steps


def shown(done: Pass, number: int, index: Index | None = None) -> Shown:
    """The step of this number, with the terms at ``index`` of its input; None is where most comes through the step.

    Raises:
        QuestionError: its input has no such number.
    """
    link = done.steps[number]
    x, y = done.trace.values[link.into].detach(), done.trace.values[link.site].detach()
    incoming, goes_on = done.gradients[link.site], passed(done, link, link.sources[0])
    if index is not None and (
        len(index) != x.dim() - 1 or any(not 0 <= i < n for i, n in zip(index, x.shape[1:], strict=False))
    ):
        raise QuestionError(
            f"The input of {_name(done.trace, link)} has no number {list(index)}: its shape is "
            f"{'×'.join(map(str, x.shape[1:]))}, and each index starts at 0. Choose one within it."
        )
    at = index if index is not None else _largest(goes_on if goes_on is not None else x)
    detail, why = _detail(done, link, at)
    out = detail.terms[0].index if detail and detail.terms else _largest(incoming if incoming is not None else y)
    planes = {"output": plane(y, out), "input": plane(x, at)}
    if incoming is not None:
        planes["incoming"] = plane(incoming.detach(), out)
    if goes_on is not None:
        planes["outgoing"] = plane(goes_on, at)
    module = done.modules.get(link.layer) if link.layer is not None else None
    step = BackwardStep(
        name=_name(done.trace, link),
        kind=link.kind,
        rule=_rule(module, link),
        site=link.site,
        into=link.into,
        also=link.also,
        shape=tuple(y.shape),
        shape_in=tuple(x.shape),
        norm=_norm(incoming),
        norm_in=_norm(goes_on),
        elsewhere=_elsewhere(done, link),
        facts=_facts(module),
        layer=module is not None,
        parameters=sum(p.numel() for p in module.parameters(recurse=False)) if module is not None else 0,
        detail=detail,
        why=why,
        channel=(out[:-2], at[:-2]),
    )
    return Shown(step, planes)


def plane(value: Tensor, index: Index) -> Tensor:
    """The last two axes of (1, ...) at ``index``: a channel of maps, all tokens, a vector as one row. Shape (H, W)."""
    inner = value[0]
    if inner.dim() < 2:
        return inner.reshape(1, -1)
    return inner[index[:-2]]


# ----------------------------------------------------------------------------------------------------------- the terms


def _detail(done: Pass, link: Link, at: Index) -> tuple[LocalSum | None, str]:
    incoming, goes_on = done.gradients[link.site], passed(done, link, link.sources[0])
    if incoming is None:
        return None, _NO_GRADIENT
    if goes_on is None:
        return None, _SEVERAL.format(kind=link.kind) if link.how == "other" else _NOTHING_PASSED
    if link.layer is not None and dies(done.modules[link.layer]) and not goes_on.any():
        return None, _DEAD
    try:
        found = _column(done, link, at)
    except OnlyOnce:
        return None, _TWICE
    if found is None:
        return None, _SEVERAL.format(kind=link.kind)
    products, slopes, factors, indices = _products(found, incoming.detach()[0])
    own, total = goes_on[(0, *at)].item(), done.gradients[link.into]
    rounding = 100 * torch.finfo(goes_on.dtype).eps * float(products.abs().sum())
    if not math.isclose(float(products.sum()), own, rel_tol=0, abs_tol=max(rounding, 1e-30)):
        return None, _DIFFERENT
    order = products.abs().argsort(descending=True, stable=True)
    order = order[products[order] != 0]
    first, rest = order[:SHOWN_TERMS], order[SHOWN_TERMS:]
    terms = tuple(
        LocalTerm(indices[i], float(slopes[i]), float(factors[i]), found.name(indices[i])) for i in first.tolist()
    )
    value = done.trace.values[link.into].detach()[(0, *at)].item()
    whole = total.detach()[(0, *at)].item() if total is not None else own
    return LocalSum(at, value, own, whole, terms, len(rest), float(products[rest].sum())), ""


def _products(found: Column, incoming: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Index]]:
    """In float64: each product, its gradient and its factor, and where in the output it lies."""
    indices = found.indices.to(incoming.device)
    slopes = incoming[tuple(indices.T)].double() if len(indices) else incoming.new_zeros(0).double()
    factors = found.factors.to(incoming.device).double()
    return slopes * factors, slopes, factors, [tuple(row) for row in indices.tolist()]


def every_term(done: Pass, number: int, index: Index) -> Tensor:
    """All products of the sum at one number, in float64, shape (n,).

    Raises:
        QuestionError: the terms of this step are not known.
        OnlyOnce: as ``column`` does.
    """
    link = done.steps[number]
    incoming, found = done.gradients[link.site], _column(done, link, index)
    if incoming is None or found is None:
        raise QuestionError(f"The terms of {_name(done.trace, link)} are not known. Choose another step.")
    return _products(found, incoming.detach()[0])[0]


def _column(done: Pass, link: Link, at: Index) -> Column | None:
    x, y, first = done.trace.values[link.into], done.trace.values[link.site], link.sources[0]
    if first.part is not None and link.layer is not None:
        return column(Layer(done.modules[link.layer], done.trace.values[first.part], y), at)
    if link.how == "sum":
        return same_number(at, x, y, float(first.times))
    if link.how == "joined":
        return Column(torch.tensor([at]), torch.ones_like(y.detach().flatten()[:1]))
    if link.how == "product":
        return times(at, x, done.trace.values[link.sources[1].site])
    return by_differentiation(y, x, at) if len(link.sources) == 1 else None


def passed(done: Pass, link: Link, source: Source) -> Tensor | None:
    """What a step passes on to one of its inputs; None where nothing is, or where it cannot be told apart from what
    others pass to it."""
    incoming, whole = done.gradients[link.site], done.gradients[source.site]
    if incoming is None or whole is None:
        return None
    if source.part is not None:
        if any(
            step.layer == link.layer and step.site.call == link.site.call for step in done.steps if step is not link
        ):
            return differentiate_weighted(done.trace.values[link.site], incoming, done.trace.values[source.part])
        found = done.gradients[source.part]
        return None if found is None else found.detach()
    if link.how == "sum":
        return incoming.detach() * source.times
    if link.how == "joined":
        size = done.trace.values[source.site].shape[link.axis]
        return incoming.detach().narrow(link.axis, source.start, size)
    if link.how == "product":
        (other,) = (done.trace.values[one.site].detach() for one in link.sources if one is not source)
        return (incoming.detach() * other).sum_to_size(whole.shape)
    if len(link.sources) == 1:  # so every path between the two belongs to this step
        return differentiate_weighted(done.trace.values[link.site], incoming, done.trace.values[source.site])
    users = [(step, one) for step in done.steps for one in step.sources if one.site == source.site]
    others = [(step, one) for step, one in users if one is not source]
    if done.trace.overwritten or any(step.how == "other" and len(step.sources) > 1 for step, _ in others):
        return None
    shares = [share for step, one in others if (share := passed(done, step, one)) is not None]
    return reduce(torch.sub, shares, whole.detach())


def _elsewhere(done: Pass, link: Link) -> bool:
    return sum(link.into == source.site for other in done.steps for source in other.sources) > 1


# --------------------------------------------------------------------------------------------------------- descriptions


def _name(trace: Trace, link: Link) -> str:
    if link.layer is not None:
        return site_name(link.site, trace.calls[link.site.path]) if link.layer else "the model"
    if trace.seen[link.site][0] == WHOLE:
        layer = Site(layer_of(link.site), link.site.call)
        return f"{link.kind} before {site_name(layer, trace.calls[layer.path])}"
    here = site_name(link.site, trace.calls[link.site.path])
    return here if trace.seen[link.site][0] == link.kind else f"{link.kind} at the end of {here}"


def _rule(module: nn.Module | None, link: Link) -> Rule:
    if module is not None:
        return rule_of(module, link.kind)
    return "other" if link.how == "layer" else rule_of(None, link.kind) if link.how == "other" else link.how


def _facts(module: nn.Module | None) -> tuple[str, ...]:
    if not isinstance(module, nn.Conv2d):
        return ()
    sizes = (("kernel", module.kernel_size), ("stride", module.stride))
    said = [f"{name} {'×'.join(map(str, size))}" for name, size in sizes]
    return (*said, *([f"{module.groups} groups"] if module.groups > 1 else []))


def _largest(value: Tensor) -> Index:
    """Where the number of largest magnitude is, without the batch axis."""
    inner = value[0].abs().nan_to_num()
    return tuple(int(i) for i in torch.unravel_index(inner.argmax(), inner.shape)) if inner.dim() else ()


def _norm(gradient: Tensor | None) -> float:
    return math.nan if gradient is None else float(gradient.detach().double().norm())
