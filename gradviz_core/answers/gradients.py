"""The arrays of a question about gradients: values, gradients, and what a method makes of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers.scene import Scene, as_numpy
from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import METHODS, GradFn
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import differentiate, forward, reached
from gradviz_core.types import INPUT, GradientQuestion, Site, Target
from gradviz_core.types.sites import in_words


def arrays(
    scene: Scene, question: GradientQuestion, target: Target, found: Mapping[Site, Tensor]
) -> dict[str, np.ndarray]:
    """As a ``GradientAnswer`` holds them, of a target whose predicted class is filled in; ``found`` holds gradients."""
    method = METHODS[question.method]
    made: dict[str, np.ndarray] = {"pixels": scene.pixels.copy()}
    for site in question.wrt:
        value = scene.trace.value(site).detach()
        made[f"activation/{site}"] = as_numpy(value)
        if site in found:
            made[f"gradient/{site}"] = as_numpy(found[site])
            if question.method != "gradient":
                made[f"attribution/{site}"] = as_numpy(method(oracle(scene, target, site, found[site]), value.clone()))
    return made


def oracle(scene: Scene, target: Target, site: Site, gradient: Tensor) -> GradFn:
    """The function that gives ∂target/∂site where the site has the value that it is asked with.

    At the value that it has in the scene's pass that is ``gradient``. For another one the model runs again, from the
    same random numbers, with that value put in place of what the pass gives at the site; ``target`` stays the same
    class, whatever is predicted then.
    """
    here, at = scene.trace.value(site).detach(), targets.site_of(target)
    needed = {site, *([at] if at else ())}

    def grad(value: Tensor) -> Tensor:
        if value.shape != here.shape:
            raise QuestionError(
                f"The method asks for the gradient at a value of shape {tuple(value.shape)}; {in_words(site)} has the "
                f"shape {tuple(here.shape)}. Ask with that shape."
            )
        value = value.detach().to(here)
        if torch.equal(value, here):
            return gradient.clone()
        trace = forward(
            scene.model.module, scene.trace.values[INPUT].detach(), keep=needed,
            until=needed if targets.may_stop(target) else None, seed=scene.seed, put={site: value},
            axes=targets.needs_axes(target),
        )  # fmt: skip
        found = differentiate(trace, targets.select(target, trace)[1], (site,), keep_graph=False)
        return reached(site, found[site], target)

    return grad


def of_unreached(absent: tuple[Site, ...]) -> tuple[str, ...]:
    """A sentence about sites without a gradient."""
    if not absent:
        return ()
    named = ", ".join(in_words(site) for site in absent[:5]) + (" and others" if len(absent) > 5 else "")
    return (f"No differentiable path leads to the score from {named}: there is no gradient there.",)
