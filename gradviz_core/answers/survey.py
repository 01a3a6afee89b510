"""Which values a forward pass produces, and what the model predicts."""

from __future__ import annotations

from gradviz_core import images
from gradviz_core.answers import predictions
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.tracing.trace import describe
from gradviz_core.types import SurveyAnswer, SurveyQuestion, keys


def needs(question: SurveyQuestion) -> Needs:
    """All sites, of a model that was checked."""
    return Needs(None, checked=True)


def size(question: SurveyQuestion, known: Known) -> Size:
    """The picture."""
    return Size(known.picture)


def answer(scene: Scene, question: SurveyQuestion, notes: tuple[str, ...], clock: Clock) -> SurveyAnswer:
    """Every site of the scene's pass in order of execution, the tensors that the model returned, and what it predicts.

    Raises:
        BadTarget: the head that was named does not exist, or cannot be what it is said to be.
    """
    held = keys.held(question.image)
    return SurveyAnswer(
        question=question,
        card=scene.model.card,
        sites=describe(scene.trace),
        heads=predictions.returned(scene),
        prediction=predictions.of_survey(scene, question.head),
        notes=(*notes, *scene.remarks()),
        receipt=clock.receipt(),
        arrays={"pixels": scene.pixels.copy()},
        file=images.describe(keys.looked_at(question.image), scene.model.card.preprocessing),
        held=images.describe(held, scene.model.card.other) if held and scene.model.card.other else None,
        upright=scene.upright,
        random=scene.trace.random,
        attends=scene.trace.attends,
    )
