"""Values and gradients of a target at sites, and the attribution of a method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers import predictions
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene, as_numpy, not_finite
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods import receptive_field
from gradviz_core.methods.attributions import GradFn, function_of
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, differentiate, forward, parted, reached
from gradviz_core.types import INPUT, GradientAnswer, GradientQuestion, Site, Target, Unit
from gradviz_core.types.methods import PLAIN, settled
from gradviz_core.types.sites import site_name


def needs(question: GradientQuestion) -> Needs:
    """The sites, and the one that the target is read from.

    Raises:
        QuestionError: there is no such method, it has no such option, or no site is named.
    """
    settled(question.method, question.options)
    if not question.wrt:
        raise QuestionError(
            "The question names nothing to differentiate with respect to. Name at least one site in wrt."
        )
    at = question.target.at
    return Needs(frozenset({*question.wrt, *([at] if at else ())}), may_stop=question.target.may_stop)


def size(question: GradientQuestion, known: Known) -> Size:
    """The picture; at each site the value and the gradient, and what a method makes of them."""
    total = known.picture + (2 if question.method == PLAIN else 3) * known.of(*question.wrt)
    if len(question.wrt) > 1:
        return Size(total, "Ask for fewer layer outputs, or export the model for a smaller input.")
    return Size(total)


def answer(scene: Scene, question: GradientQuestion, notes: tuple[str, ...], clock: Clock) -> GradientAnswer:
    """The target's gradient at each site, and the method's attribution.

    Raises:
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
    """
    target, score = scene.select(question.target)
    field_seen = _receptive_field(target, scene.trace)  # read from the graph, so before the graph may go
    found = differentiate(scene.trace, score, question.wrt, keep_graph=scene.remembered)
    there, unreached = parted(scene.trace, found, target)
    made = arrays(scene, question, target, there)
    return GradientAnswer(
        question=question,
        target=target,
        score=score.item(),
        prediction=predictions.of_target(scene, target),
        receptive_field=field_seen,
        notes=(*notes, *scene.remarks(), *of_unreached(unreached), *not_finite(made)),
        receipt=clock.receipt(),
        arrays=made,
        unreached=unreached,
    )


def arrays(
    scene: Scene, question: GradientQuestion, target: Target, found: Mapping[Site, Tensor]
) -> dict[str, np.ndarray]:
    """As a ``GradientAnswer`` holds them, of a target whose predicted class is filled in; ``found`` holds gradients."""
    method, options = function_of(question.method), settled(question.method, question.options)
    made: dict[str, np.ndarray] = {"pixels": scene.pixels.copy()}
    for site in question.wrt:
        value = scene.trace.value(site).detach()
        made[f"activation/{site}"] = as_numpy(value)
        if site in found:
            made[f"gradient/{site}"] = as_numpy(found[site])
            if question.method != PLAIN:
                grad = oracle(scene, target, site, found[site])
                made[f"attribution/{site}"] = as_numpy(method(grad, value.clone(), options))
    return made


def oracle(scene: Scene, target: Target, site: Site, gradient: Tensor) -> GradFn:
    """The function that gives ∂target/∂site where the site has the value that it is asked with.

    At the site's value in the scene's pass, this is ``gradient``. For another value the model runs again, from the same
    random seed, with that value in place of the site's own; ``target`` stays the same class, whatever is predicted
    then.
    """
    here, at = scene.trace.value(site).detach(), target.at
    needed = {site, *([at] if at else ())}

    def grad(value: Tensor) -> Tensor:
        if value.shape != here.shape:
            raise QuestionError(
                f"The method needs the gradient at a value of shape {tuple(value.shape)}; {site_name(site)} has the "
                f"shape {tuple(here.shape)}. Use a value of that shape."
            )
        value = value.detach().to(here)
        if torch.equal(value, here):
            return gradient.clone()
        trace = forward(
            scene.model.module,
            scene.trace.values[INPUT].detach(),
            keep=needed,
            until=needed if target.may_stop else None,
            seed=scene.seed,
            put={site: value},
            axes=target.needs_axes,
        )
        found = differentiate(trace, targets.select(target, trace)[1], (site,), keep_graph=False)
        return reached(site, found[site], target)

    return grad


def of_unreached(absent: tuple[Site, ...]) -> tuple[str, ...]:
    """A sentence about sites without a gradient."""
    if not absent:
        return ()
    named = ", ".join(site_name(site) for site in absent[:5]) + (" and others" if len(absent) > 5 else "")
    return (f"No differentiable path leads from {named} to the score, so there is no gradient there.",)


def _receptive_field(target: Target, trace: Trace) -> tuple[int, int, int, int] | None:
    if not isinstance(target, Unit) or trace.values[INPUT].dim() != 4:
        return None
    box = receptive_field.box_of(trace.value(target.site), (0, *target.index), trace.values[INPUT])
    return None if box is None else (*box[2], *box[3])
