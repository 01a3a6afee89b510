"""The backward pass through a gated twin: at each step the gradient that arrives, the terms of one number, and the
gradient that goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.methods.backward_links import Link, links
from gradviz_core.methods.local_factors import Column, Index, Layer, by_differentiation, column, rule_of, same_number
from gradviz_core.tracing.gates import WHOLE, layer_of
from gradviz_core.tracing.trace import Trace, differentiate
from gradviz_core.types import Site
from gradviz_core.types.backward import BackwardStep, LocalSum, LocalTerm, Rule
from gradviz_core.types.sites import site_name

MOST_STEPS = 1000
SHOWN_TERMS = 8
_NO_GRADIENT = "No gradient arrives at this step."
_NOTHING_PASSED = "This step passes no gradient on to its input: the path is cut here."
_SEVERAL = (
    "Here several values are combined by {kind}, between the layers. The gradient of each is exact, but the terms of "
    "one of them are not listed: the values depend on one another in other ways too."
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
    sites = dict.fromkeys(s for step in steps for s in (step.site, step.into, step.part, *step.also) if s is not None)
    found = differentiate(trace, score, list(sites), keep_graph=True)
    last = max((i for i, step in enumerate(steps) if found[step.site] is not None), default=-1)
    return Pass(steps[: last + 1], trace, found, dict(layers.named_modules()))


def without_gradients(layers: nn.Module, trace: Trace) -> Pass:
    """The same for a pass that PyTorch cannot differentiate: no gradient arrives anywhere.

    Raises:
        QuestionError: there are too many steps.
    """
    steps = _steps(layers, trace)
    sites = [site for step in steps for site in (step.site, step.into, step.part) if site is not None]
    return Pass(steps, trace, dict.fromkeys(sites), dict(layers.named_modules()))


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
    incoming, passed = done.gradients[link.site], _passed(done, link)
    if index is not None and (
        len(index) != x.dim() - 1 or any(i >= n for i, n in zip(index, x.shape[1:], strict=False))
    ):
        raise QuestionError(
            f"The input of {_name(done.trace, link)} has no number {list(index)}: its shape is "
            f"{'×'.join(map(str, x.shape[1:]))}, and each index starts at 0. Choose one within it."
        )
    at = index if index is not None else _largest(passed if passed is not None else x)
    detail, why = _detail(done, link, at)
    out = detail.terms[0].index if detail and detail.terms else _largest(incoming if incoming is not None else y)
    planes = {"output": plane(y, out), "input": plane(x, at)}
    if incoming is not None:
        planes["incoming"] = plane(incoming.detach(), out)
    if passed is not None:
        planes["outgoing"] = plane(passed, at)
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
        norm_in=_norm(passed),
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
    incoming, passed = done.gradients[link.site], _passed(done, link)
    if incoming is None:
        return None, _NO_GRADIENT
    if passed is None:
        return None, _NOTHING_PASSED
    try:
        found = _column(done, link, at)
    except (QuestionError, RuntimeError):
        return None, _TWICE
    if found is None:
        return None, _SEVERAL.format(kind=link.kind)
    products, slopes, factors, indices = _products(found, incoming.detach()[0])
    own, total = passed[(0, *at)].item(), done.gradients[link.into]
    size = float(products.abs().sum())
    if not math.isclose(float(products.sum()), own, rel_tol=1e-3, abs_tol=1e-3 * max(size, 1e-30)):
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
    """
    link = done.steps[number]
    incoming, found = done.gradients[link.site], _column(done, link, index)
    if incoming is None or found is None:
        raise QuestionError(f"The terms of {_name(done.trace, link)} are not known. Choose another step.")
    return _products(found, incoming.detach()[0])[0]


def _column(done: Pass, link: Link, at: Index) -> Column | None:
    x, y = done.trace.values[link.into], done.trace.values[link.site]
    if link.part is not None and link.layer is not None:
        return column(Layer(done.modules[link.layer], done.trace.values[link.part], y), at)
    if link.is_sum:
        return same_number(at, x, y, float(link.times))
    return None if link.also else by_differentiation(y, x, at)


def _passed(done: Pass, link: Link) -> Tensor | None:
    """What a step passes on to its input; for values combined between layers by anything but a sum, all that comes to
    the input."""
    if link.part is not None:
        found = done.gradients[link.part]
        return None if found is None else found.detach()
    incoming = done.gradients[link.site]
    if link.is_sum:
        return None if incoming is None else incoming.detach() * link.times
    whole = done.gradients[link.into]
    if incoming is None or whole is None:
        return None
    if link.also or not _elsewhere(done, link):
        return whole.detach()
    return (whole - sum(_shares(done, link))).detach()


def _shares(done: Pass, link: Link) -> list[Tensor]:
    """What comes to the input of a step by way of others."""
    shares = [
        _passed(done, other) for other in done.steps if other is not link and link.into in (other.into, *other.also)
    ]
    return [share for share in shares if share is not None]


def _elsewhere(done: Pass, link: Link) -> bool:
    return any(other is not link and link.into in (other.into, *other.also) for other in done.steps)


# --------------------------------------------------------------------------------------------------------- descriptions


def _name(trace: Trace, link: Link) -> str:
    if link.layer is not None:
        return site_name(link.site, trace.calls[link.site.path]) if link.layer else "the model"
    if trace.seen[link.site][0] == WHOLE:
        layer = Site(layer_of(link.site), link.site.call)
        return f"{link.kind} before {site_name(layer, trace.calls[layer.path])}"
    return f"{link.kind} at the end of {site_name(link.site, trace.calls[link.site.path])}"


def _rule(module: nn.Module | None, link: Link) -> Rule:
    if module is not None:
        return rule_of(module, link.kind)
    return "sum" if link.is_sum else "moved" if link.moves and not link.also else "other"


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
