"""The two other rules for the way back through a ReLU: that of guided backprop, and that of a deconvolution network.

At a ReLU with input z, to which the gradient g comes,

- the chain rule passes on g where z > 0,
- guided backprop g where z > 0 and g > 0 (Springenberg et al. 2015, arXiv:1412.6806, section 3.4),
- a deconvolution network g where g > 0 (Zeiler & Fergus 2014, arXiv:1311.2901, section 2.1).

For a ReLU with an upper limit, such as ReLU6, z > 0 reads 0 < z < limit. All other operations pass on what the chain
rule says; max pooling goes back to where the maximum was, as in both papers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.activations import Activations, between
from gradviz_core.tracing.backward import differentiate, reached
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import Site, Target
from gradviz_core.types.sites import site_name

Rule = Literal["guided", "deconvolution"]
Grads = Sequence[Tensor | None]
_NAMES: dict[Rule, str] = {"guided": "Guided backprop", "deconvolution": "A deconvolution network"}
_KINDS = ("ReLU", "Hardtanh", "Threshold")
"""Parts of the class names of layers that are a ReLU."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What a backward pass gave in which every ReLU had another rule."""

    gradient: Tensor
    """With the site's shape; signed."""
    note: str
    """Which operations were rewritten, in a sentence or two."""


def layers(trace: Trace) -> set[Site]:
    """The sites of layers that may be a ReLU: with their values kept, a note can say which ReLUs are functions."""
    return {site for site, (kind, _) in trace.seen.items() if any(part in kind for part in _KINDS)}


def differentiate_by(rule: Rule, trace: Trace, score: Tensor, site: Site, target: Target) -> Rewritten:
    """What comes back from ``score`` to ``site`` where every ReLU in between has the ``rule``. The graph ends.

    Raises:
        QuestionError: there is no ReLU in between, or an activation for which the rule says nothing.
        UnknownSite, Unreachable: as ``differentiate`` and ``reached`` do.
    """
    if trace.differentiates:
        raise QuestionError(
            f"{_NAMES[rule]} is not defined for a model that takes gradients in its own forward pass, as this one "
            "does. Choose another method."
        )
    value = trace.value(site)
    ends = [*tensors(trace.output).values(), *([trace.value(target.at)] if target.at is not None else ())]
    if not (score.requires_grad and value.requires_grad):
        reached(site, None, target)
    found = between(score, ends, value)
    _check(rule, found, site)
    note = _note(found, trace)  # the graph says what it holds only while it is there
    with _rewritten(found.relus, rule):
        gradient = differentiate(trace, score, (site,), keep_graph=False)[site]
    return Rewritten(reached(site, gradient, target), note)


@contextmanager
def _rewritten(relus: Iterable[Any], rule: Rule) -> Iterator[None]:
    """While it is on, the nodes of ReLUs pass gradients on by the rule."""
    with ExitStack() as hooks:
        for node in relus:
            handle = node.register_prehook(_positive) if rule == "guided" else node.register_hook(_instead)
            hooks.callback(handle.remove)
        yield


def _positive(gradients: Grads) -> tuple[Tensor | None, ...]:
    """The gradients that come in, without the negative ones."""
    return tuple(None if gradient is None else gradient.clamp(min=0) for gradient in gradients)


def _instead(passed_on: Grads, came: Grads) -> tuple[Tensor | None, ...]:
    """What came in, without the negative ones, in place of what the node passes on."""
    (positive,) = _positive(came)
    return tuple(None if old is None or positive is None else positive.sum_to_size(old.shape) for old in passed_on)


def _check(rule: Rule, found: Activations, site: Site) -> None:
    where = f"between {site_name(site)} and the score"
    if barred := found.count("barred"):
        raise QuestionError(
            f"{_NAMES[rule]} is defined for ReLUs alone, and {where} this model has {_listed(barred)}: there the "
            "rule says nothing, and the result would be something in between. Choose another method, or another model."
        )
    if not found.relus:
        raise QuestionError(
            f"There is no ReLU {where}, so {_NAMES[rule][0].lower()}{_NAMES[rule][1:]} would be the plain gradient. "
            "Choose the gradient, a value further from the score, or a model with ReLUs."
        )


def _note(found: Activations, trace: Trace) -> str:
    """``The rule was applied at 17 ReLUs: 16 calls of layers and 1 function. ...``"""
    nodes = {get_gradient_edge(trace.values[site]).node for site in layers(trace) & _kept(trace)}
    relus, limited = found.relus, found.count("capped").total()
    total, of_layers = len(relus), sum(node in nodes for node in relus)
    parts = [_plural(of_layers, "call of a layer", "calls of layers")] if of_layers else []
    parts += [_plural(total - of_layers, "function", "functions")] if of_layers < total else []
    limit = "has an upper limit" if limited == 1 else "have an upper limit"
    capped = f" {limited} of them {limit}, as ReLU6." if limited else ""
    unchanged = found.count("unchanged")
    others = f" Differentiated as they are: {_listed(unchanged)}." if unchanged else ""
    which = f": {' and '.join(parts)}" if len(parts) > 1 else ""
    return f"The rule was applied at {_plural(total, 'ReLU', 'ReLUs')}{which}.{capped}{others}"


def _kept(trace: Trace) -> set[Site]:
    return {site for site, value in trace.values.items() if value.requires_grad}


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _listed(counts: Counter[str]) -> str:
    """``2 × sigmoid, 1 × softmax``."""
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))
