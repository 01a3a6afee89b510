"""Exact gradients of a traced pass. Every gradient in an answer comes from the ``autograd.grad`` in this file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.tracing.device import exact_arithmetic
from gradviz_core.tracing.kernel_guards import guarded
from gradviz_core.tracing.passes import recording
from gradviz_core.tracing.stopping import give_way
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import Site, Target
from gradviz_core.types.sites import site_name

_NO_DERIVATIVE = re.compile(r"derivative for '?([\w:. ]{1,80}?)'? is not implemented")


def differentiate(
    trace: Trace, score: Tensor, wrt: Sequence[Site], *, keep_graph: bool = True
) -> dict[Site, Tensor | None]:
    """∂score/∂site for each site, in one backward pass; None where no gradient reaches the site.

    ``score`` is a scalar computed from the trace. Each gradient has the shape and type of its site's value; its unit is
    the score's unit per unit of the value; it is signed. With ``keep_graph`` the trace can be used again.

    Raises:
        UnknownSite: a site never ran.
        QuestionError: the module uses reentrant checkpointing, overwrites what the backward pass needs, or has an
            operation without a derivative.
    """
    with _explaining_a_freed_graph():
        return _gradients(score, {site: trace.value(site) for site in wrt}, keep_graph)


def differentiate_each(
    trace: Trace, scores: Tensor, weights: Tensor, wrt: Sequence[Site], *, keep_graph: bool
) -> dict[Site, Tensor | None]:
    """Σ_i weights_i · ∂scores_i/∂site for each site, in one backward pass; None where no gradient reaches the site.

    Raises:
        UnknownSite, QuestionError: as ``differentiate`` does.
    """
    with _explaining_a_freed_graph():
        return _gradients(scores, {site: trace.value(site) for site in wrt}, keep_graph, weights)


@contextmanager
def _explaining_a_freed_graph() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "backward through the graph a second time" not in str(error):
            raise
        raise QuestionError(
            "This model takes a gradient inside its forward pass without create_graph=True, and the score depends on "
            "values that are freed by it. Pass create_graph=True there."
        ) from error


def differentiate_all(
    trace: Trace, score: Tensor, *, keep_graph: bool = False
) -> tuple[dict[Site, Tensor | None], dict[str, Tensor | None]]:
    """∂score/∂site for every site that was kept, and ∂score/∂parameter for every parameter of the trace, in one
    backward pass, which ends the graph unless it is kept; None where no gradient reaches.

    A parameter's gradient has its shape and counts every use of it: it is what ``score.backward()`` adds to ``.grad``.

    Raises:
        QuestionError: as ``differentiate`` does.
    """
    found = _gradients(score, {**trace.values, **trace.parameters}, keep_graph)
    return {site: found[site] for site in trace.values}, {name: found[name] for name in trace.parameters}


Key = TypeVar("Key")


def _gradients(
    score: Tensor, values: Mapping[Key, Tensor], keep_graph: bool, weights: Tensor | None = None
) -> dict[Key, Tensor | None]:
    reachable = {key: value for key, value in values.items() if value.requires_grad}
    found: dict[Key, Tensor | None] = dict.fromkeys(values)
    if score.requires_grad and reachable:
        with exact_arithmetic():
            slopes = _backward(score, list(reachable.values()), keep_graph, weights)
        found.update(zip(reachable, slopes, strict=True))
    return found


def differentiate_weighted(value: Tensor, weights: Tensor, wrt: Tensor) -> Tensor | None:
    """Σ_i weights_i · ∂value_i/∂wrt for two values of one trace, in one backward pass; None where no gradient reaches.

    ``weights`` has the shape of ``value``, the result that of ``wrt``. The trace can be used again.

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
    with recording(), guarded(value):
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
    give_way()
    try:
        with guarded(score):
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
                f"PyTorch has no derivative for {found[1]}, which this model uses. Rewrite that part of the model."
            ) from error
        raise


def parted(
    trace: Trace, found: Mapping[Site, Tensor | None], target: Target, *, needed: bool = True
) -> tuple[dict[Site, Tensor], tuple[Site, ...]]:
    """The gradients that exist, detached, and the sites without a path to the score.

    Raises:
        Unreachable: a gradient is ``needed`` at one of the sites, and there is one at none of them.
    """
    there = {site: gradient.detach() for site, gradient in found.items() if gradient is not None}
    absent = tuple(site for site, gradient in found.items() if gradient is None)
    if needed and absent and not there:
        raise _unreachable(absent[0], target, trace.value(absent[0]))
    return there, absent


def reached(site: Site, gradient: Tensor | None, target: Target) -> Tensor:
    """The gradient, where there is one.

    Raises:
        Unreachable: there is none.
    """
    if gradient is None:
        raise _unreachable(site, target, None)
    return gradient.detach()


def _unreachable(site: Site, target: Target, value: Tensor | None) -> Unreachable:
    if value is not None and not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        why, advice = f"it holds {kind} values, and only real numbers have a gradient", "Pass or choose real numbers"
    else:
        why, advice = "no differentiable path leads from there to the target", "Choose a layer output before it"
    return Unreachable(
        f"No gradient of {target.named()} reaches {site_name(site)}: {why}. {advice}, or look for a "
        "detach or an integer operation in between."
    )
