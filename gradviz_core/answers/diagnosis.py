"""The doctor's answer for the model and the image of a scene."""

from __future__ import annotations

from torch import Tensor, nn

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.returned import is_inside, returned
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.doctor.diagnosing import diagnose
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.breaking import broken, check
from gradviz_core.tracing.draws import devices_of, drawing_from
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, DiagnosisAnswer, DiagnosisQuestion


def needs(question: DiagnosisQuestion) -> Needs:
    """The input, and the site that the target is read from; all sites where one of them is to be broken."""
    return Needs(None) if question.broken else about(question.target)


def size(question: DiagnosisQuestion, known: Known) -> Size:
    """No arrays."""
    return SMALL


def answer(scene: Scene, question: DiagnosisQuestion, notes: tuple[str, ...], clock: Clock) -> DiagnosisAnswer:
    """The findings, with every parameter made to require a gradient: models are loaded without.

    Raises:
        UnknownSite: the layer that is to be broken never ran.
        QuestionError: the target is inside the model, or as ``diagnose`` and ``broken`` do.
        BadTarget: as ``targets.select`` does.
    """
    target, _ = scene.select(question.target)
    check(question.broken, question.broken_at, scene.trace.seen)
    at = target.at
    if is_inside(at):
        raise QuestionError(
            f"The doctor examines what the model returns, and {target.named()} is inside it. Choose a "
            "class, or the output."
        )

    def score(output: object) -> Tensor:
        return targets.select(target, returned(output, at))[1]

    x = scene.trace.values[INPUT].detach()
    x.requires_grad_(x.is_floating_point())  # the picture's gradient is what a visitor asks for
    with drawing_from(scene.seed, devices_of([x])):
        found = diagnose(_examined(scene, question), x, score)
    said = (*notes, *scene.remarks())
    return DiagnosisAnswer(
        question=question, target=target, diagnosis=found, notes=said, receipt=clock.receipt(), arrays={}
    )


def _examined(scene: Scene, question: DiagnosisQuestion) -> nn.Module:
    if question.broken:
        return broken(scene.model.module, question.broken, question.broken_at)
    return twin(scene.model.module, trainable=True)
