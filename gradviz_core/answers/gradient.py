"""Values and gradients of a target at sites, and the attribution of a method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers import one_picture, predictions
from gradviz_core.answers.complex_numbers import check_real
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods import receptive_field
from gradviz_core.methods.attributions import Oracle, function_of, series_of, total_of
from gradviz_core.tracing.trace import Trace, differentiate, parted
from gradviz_core.types import INPUT, Arrays, GradientAnswer, GradientQuestion, Site, Target, Unit
from gradviz_core.types.arrays import not_finite
from gradviz_core.types.methods import PLAIN, card_of, settled, terms
from gradviz_core.types.series import summed
from gradviz_core.types.sites import site_name


def needs(question: GradientQuestion) -> Needs:
    """The sites, and the one that the target is read from.

    Raises:
        QuestionError: there is no such method, it has no such option or part, it is not defined there, or no site is
            named.
    """
    terms(question.method, question.options, question.part)
    _check_sites(question)
    if not question.wrt:
        raise QuestionError(
            "The question names nothing to differentiate with respect to. Name at least one site in wrt."
        )
    at = question.target.at
    if card_of(question.method).where == "attention":
        return Needs(None, attention=True)
    of_layer = card_of(question.method).where == "layer"  # later layers help to tell which axis counts channels
    return Needs(frozenset({*question.wrt, *([at] if at else ())}), may_stop=question.target.may_stop and not of_layer)


def _check_sites(question: GradientQuestion) -> None:
    where, inputs = card_of(question.method).where, [site for site in question.wrt if site.path == INPUT.path]
    if where == "attention" and question.wrt != (INPUT,):
        raise QuestionError(f"{question.method} is a map of the patches of the input. Ask for it at the input alone.")
    if where == "input" and len(inputs) < len(question.wrt):
        raise QuestionError(f"{question.method} is a map of the input. Ask for it at the input, without other sites.")
    if where == "layer" and inputs:
        raise QuestionError(f"{question.method} is a map of a layer output. Name one in wrt, not the input.")


def size(question: GradientQuestion, known: Known) -> Size:
    """The picture; at each site the value and the gradient, and what a method makes of them: float32, or for a part two
    sums in float64."""
    arrays = 2 if question.method == PLAIN else 3 if question.part is None else 6
    total = known.picture + arrays * known.of(*question.wrt)
    if len(question.wrt) > 1:
        return Size(total, "Ask for fewer layer outputs, or export the model for a smaller input.")
    return Size(total)


def answer(scene: Scene, question: GradientQuestion, notes: tuple[str, ...], clock: Clock) -> GradientAnswer:
    """The target's gradient at each site, and the method's attribution.

    Raises:
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
    """
    if card_of(question.method).one_picture:
        one_picture.check(scene, card_of(question.method).name)
    target, score = scene.select(question.target)
    check_real(scene.trace, question.wrt)
    field_seen = _receptive_field(target, scene.trace)  # read from the graph, so before the graph may go
    needed = not card_of(question.method).scores_alone
    own = {} if _goes_on(question) else _slopes(scene, question, score)
    there, unreached = parted(scene.trace, own, target, needed=needed)
    oracles = _oracles(scene, question, target, there)
    made = arrays(scene, question, there, oracles) | _tokens(oracles)
    sums_to = totals(scene, question, oracles)
    return GradientAnswer(
        question=question,
        target=target,
        score=score.item(),
        prediction=predictions.of_target(scene, target),
        receptive_field=field_seen,
        notes=(
            *notes,
            *scene.remarks(),
            *of_unreached(unreached),
            *_said(oracles),
            *not_finite(_without_sums(made)),
        ),
        receipt=clock.receipt(),
        arrays=made,
        unreached=unreached,
        totals=sums_to,
    )


def _slopes(scene: Scene, question: GradientQuestion, score: Tensor) -> dict[Site, Tensor | None]:
    """The gradient at each site; None also where PyTorch cannot differentiate, and the method needs no gradient."""
    card = card_of(question.method)
    again = scene.remembered or card.where == "attention"
    try:
        return differentiate(scene.trace, score, question.wrt, keep_graph=again)
    except QuestionError:
        if not card.scores_alone:
            raise
        return dict.fromkeys(question.wrt)


def _goes_on(question: GradientQuestion) -> bool:
    """Whether it is a part of a sum that another part begins."""
    return question.part is not None and question.part[0] > 0


def _oracles(
    scene: Scene, question: GradientQuestion, target: Target, found: Mapping[Site, Tensor]
) -> dict[Site, SceneOracle]:
    """What gives the scores and gradients that the method asks for, where it can; ``found`` as for ``arrays``."""
    if question.method == PLAIN:
        return {}
    if _goes_on(question):
        return {site: SceneOracle(scene, target, site, None, question.axis) for site in question.wrt}
    slopes = found
    if card_of(question.method).scores_alone:  # the slope is never read
        slopes = {site: torch.zeros_like(scene.trace.value(site)) for site in question.wrt}
    return {site: SceneOracle(scene, target, site, slope, question.axis) for site, slope in slopes.items()}


def arrays(
    scene: Scene, question: GradientQuestion, found: Mapping[Site, Tensor], oracles: Mapping[Site, Oracle]
) -> dict[str, np.ndarray]:
    """As a ``GradientAnswer`` holds them; ``found`` holds the gradient at each site, ``oracles`` what gives others. Of
    the parts of a sum only the first holds more than sums: the others would say the same again."""
    first = not _goes_on(question)
    made: dict[str, np.ndarray] = {"pixels": scene.pixels.copy()} if first else {}
    for site in question.wrt:
        if first:
            made[f"activation/{site}"] = as_numpy(scene.trace.value(site))
            if site in found:
                made[f"gradient/{site}"] = as_numpy(found[site])
        if site in oracles:
            made.update(_attribution(question, oracles[site], site, scene.trace.value(site).detach().clone()))
    return made


def _tokens(oracles: Mapping[Site, SceneOracle]) -> dict[str, np.ndarray]:
    """What a method over attention gave for each token; it has a map of the input alone."""
    return {f"tokens/{name}": array for oracle in oracles.values() for name, array in oracle.tokens.items()}


def _said(oracles: Mapping[Site, SceneOracle]) -> tuple[str, ...]:
    """What the method wants to be said, each sentence once."""
    return tuple(dict.fromkeys(sentence for oracle in oracles.values() for sentence in oracle.notes))


def _attribution(question: GradientQuestion, oracle: Oracle, site: Site, value: Tensor) -> dict[str, np.ndarray]:
    """What the method gives at a site, or the sums of a part of it."""
    card, options = card_of(question.method), settled(question.method, question.options)
    if not card.counts:
        return {f"attribution/{site}": as_numpy(function_of(question.method)(oracle, value, options))}
    which = terms(question.method, question.options, question.part)
    each = map(as_numpy, series_of(question.method)(oracle, value, options, which))
    sums = summed(each, which, squares=card.gathered == "variance")
    if question.part is None:
        return {f"attribution/{site}": sums.gathered(card.gathered).astype(np.float32)}
    squares = {} if sums.squares is None else {f"squares/{site}": sums.squares}
    return {f"terms/{site}": sums.terms, **squares}


def _without_sums(made: Arrays) -> Arrays:
    """What a part says by itself: whoever adds the sums says whether the result is finite."""
    return {name: array for name, array in made.items() if not name.startswith(("terms/", "squares/"))}


def totals(scene: Scene, question: GradientQuestion, oracles: Mapping[Site, Oracle]) -> tuple[tuple[Site, float], ...]:
    """What the attribution at each site sums to, by the law of a complete method; once where there are parts."""
    if not card_of(question.method).complete or _goes_on(question):
        return ()
    options, total = settled(question.method, question.options), total_of(question.method)
    sums = {site: total(one, scene.trace.value(site).detach().clone(), options) for site, one in oracles.items()}
    return tuple((site, sum_to) for site, sum_to in sums.items() if sum_to is not None)


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
