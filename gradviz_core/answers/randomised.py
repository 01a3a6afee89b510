"""The same map of a model whose weights are random, of an image with noise, or of another draw; and how alike it is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.answers import drawn, gradient
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.randomised import is_constant, layers, seeds_of, shuffled
from gradviz_core.tracing.trace import forward
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    FloatArray,
    GradientAnswer,
    GradientQuestion,
    RandomisedAnswer,
    RandomisedQuestion,
)
from gradviz_core.types.methods import OptionValues
from gradviz_core.types.randomised import MOST_PARAMETERS, with_next_seed
from gradviz_core.types.similarity import as_drawn, spearman, ssim

MOST_DRAWS = 10_000


def needs(question: RandomisedQuestion) -> Needs:
    """What the gradient needs, of a whole pass in which each module is watched: it says in which order they run.

    Raises:
        QuestionError: as of a ``GradientQuestion``; or there is no such noise, draw or other draw.
    """
    if not (math.isfinite(question.noise) and question.noise >= 0):
        raise QuestionError(f"The noise is {question.noise}; it must be a number from 0 on. Choose 0 for none.")
    if not 0 <= question.draw < MOST_DRAWS:
        raise QuestionError(f"The draw is {question.draw}; it must be a whole number from 0 to {MOST_DRAWS - 1}.")
    _options(question)
    found = gradient.needs(_asked(question))
    return replace(found, sites=None if found.sites is None else found.sites | {OUTPUT}, may_stop=False)


def size(question: RandomisedQuestion, known: Known) -> Size:
    """The other map: float32."""
    return Size(known.of(question.wrt))


def answer(scene: Scene, question: RandomisedQuestion, notes: tuple[str, ...], clock: Clock) -> RandomisedAnswer:
    """Both maps by the way of a ``GradientQuestion``, the second of a twin with other weights or another image.

    Raises:
        QuestionError: there is no such layer; or as a ``GradientQuestion`` does.
    """
    first = _original(scene, question, clock)
    module = scene.model.module
    found = layers(module, scene.trace, first.target)
    changed = _chosen(question, tuple(found))
    names = {name for layer in changed for name in found[layer]}
    seeds = seeds_of(module, question.draw)
    then = _changed(scene, question, shuffled(module, {name: seeds[name] for name in names}) if names else module)
    asked = replace(_asked(question), target=first.target, options=_options(question))
    second = gradient.answer(then, asked, (), clock)
    fields = [_field(question, scene, one) for one in (first, second)]
    return RandomisedAnswer(
        question=question,
        target=first.target,
        score=first.score,
        score_then=second.score,
        layers=tuple(found),
        changed=changed,
        seeds=tuple(tuple((name, seeds[name]) for name in names) for names in found.values()),
        notes=tuple(dict.fromkeys((*notes, *second.notes, *_said(module, found, changed)))),
        receipt=clock.receipt(),
        arrays={
            f"attribution/{question.wrt}": second.attributions[question.wrt],
            "similarity": np.array(_similarity(scene, *fields)),
            "ranges": np.array([_range(np.abs(field)) for field in fields]),
            "largest": np.array([_largest(np.abs(field)) for field in fields]),
        },
    )


def _asked(question: RandomisedQuestion) -> GradientQuestion:
    return GradientQuestion(
        model=question.model,
        image=question.image,
        target=question.target,
        wrt=(question.wrt,),
        method=question.method,
        options=question.options,
        axis=question.axis,
        seed=question.seed,
    )


def _options(question: RandomisedQuestion) -> OptionValues:
    """Those of the second map."""
    return with_next_seed(question.method, question.options) if question.other_draw else question.options


def _original(scene: Scene, question: RandomisedQuestion, clock: Clock) -> GradientAnswer:
    """The map as it is; kept, because many questions in a row compare with the same."""
    asked = _asked(question)
    if asked not in scene.maps:
        scene.maps.clear()
        scene.maps[asked] = gradient.answer(scene, asked, (), clock)
    return scene.maps[asked]


def _chosen(question: RandomisedQuestion, names: tuple[str, ...]) -> tuple[str, ...]:
    if not 0 <= question.layer <= len(names):
        raise QuestionError(
            f"Layer {question.layer} does not exist: between the image and this score run {len(names)} layers with "
            f"parameters. Choose one from 1 to {len(names)}, or 0 for none."
        )
    return names[question.layer - 1 : question.layer] if question.mode == "single" else names[: question.layer]


def _changed(scene: Scene, question: RandomisedQuestion, module: nn.Module) -> Scene:
    """The scene with another model, or with noise on the input."""
    x = _noisy(scene.trace.values[INPUT].detach(), question)
    trace = forward(module, x, keep=needs(question).sites, seed=scene.seed, attention=scene.attention)
    model = replace(scene.model, module=module)
    return replace(scene, model=model, trace=trace, iterations={}, maps={}, remembered=False)


def _noisy(x: Tensor, question: RandomisedQuestion) -> Tensor:
    """The input x plus noise · (max − min of x) · standard normal numbers."""
    if not question.noise:
        return x
    generator = torch.Generator().manual_seed(MOST_PARAMETERS * question.draw)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float32).to(x)
    return x + question.noise * (x.max() - x.min()) * noise


def _field(question: RandomisedQuestion, scene: Scene, answer: GradientAnswer) -> FloatArray:
    return drawn.field(scene, answer.attributions[question.wrt], question.wrt, question.axis, question.view)


def _similarity(scene: Scene, one: FloatArray, other: FloatArray) -> tuple[float, float, float]:
    """Spearman of the fields, Spearman of their magnitudes, and SSIM of these over the pixels of the picture; a field
    of one magnitude has no structure to compare."""
    large = [drawn.over_pixels(scene, field) for field in (one, other)]
    here, there = (field if pixels is None else pixels for field, pixels in zip((one, other), large, strict=True))
    flat = any(_range(np.abs(field)) == 0 for field in (one, other))
    alike = ssim(as_drawn(here), as_drawn(there)) if here.ndim == 2 and not flat else float("nan")
    return spearman(one, other), spearman(np.abs(one), np.abs(other)), alike


def _range(values: FloatArray) -> float:
    """The largest less the smallest of the finite values; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if finite.size else float("nan")


def _largest(values: FloatArray) -> float:
    """The largest of the finite values; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else float("nan")


def _said(module: nn.Module, found: dict[str, list[str]], changed: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence about layers that no other order changes."""
    parameters = dict(module.named_parameters())
    same = [layer for layer in changed if all(is_constant(parameters[name]) for name in found[layer])]
    if not same:
        return ()
    named = ", ".join(layer or "the model itself" for layer in same[:5]) + (" and others" if len(same) > 5 else "")
    return (f"All numbers of each parameter are equal in {named}, so shuffling changes nothing there.",)
