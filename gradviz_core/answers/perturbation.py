"""A change of the image along a gradient, and how the target and the prediction change."""

from __future__ import annotations

from gradviz_core.answers import one_picture, predictions
from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.methods.perturbation import follow
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, PerturbationAnswer, PerturbationQuestion


def needs(question: PerturbationQuestion) -> Needs:
    """The input, and the site that the target is read from."""
    return about(question.target)


def size(question: PerturbationQuestion, known: Known) -> Size:
    """Both pictures, and the gradient at the input."""
    return Size(2 * known.picture + known.of(INPUT))


def answer(scene: Scene, question: PerturbationQuestion, notes: tuple[str, ...], clock: Clock) -> PerturbationAnswer:
    """The picture after the steps, the change of the score that the gradient predicts, and the actual one.

    Raises:
        QuestionError, BadTarget, Unreachable: as ``perturbation.follow`` does.
    """
    one_picture.check(scene, "A change in whole levels")
    target, score = scene.select(question.target)
    found = follow(question, scene.model.module, target, scene.pixels, scene.model.card.preprocessing, scene.trace)
    after = forward(scene.model.module, found.x, keep=scene.kept_sites, seed=scene.seed)
    prediction, prediction_after = predictions.of_both(scene, after, target)
    return PerturbationAnswer(
        question=question,
        target=target,
        score=score.item(),
        score_after=targets.select(target, after)[1].item(),
        predicted_change=found.predicted_change,
        size=found.size,
        cut=found.cut,
        prediction=prediction,
        prediction_after=prediction_after,
        notes=(*notes, *scene.remarks(), *found.notes),
        receipt=clock.receipt(),
        arrays=found.arrays,
    )
