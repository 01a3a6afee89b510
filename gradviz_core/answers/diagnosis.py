"""The doctor's answer for the model and the image of a scene."""

from __future__ import annotations

from torch import Tensor, nn

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.doctor.diagnosing import diagnose
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.breaking import broken, check
from gradviz_core.tracing.draws import devices_of, drawing_from
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, OUTPUT, DiagnosisAnswer, DiagnosisQuestion, Site


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
    if at is not None and (at.path, at.call) != (OUTPUT.path, OUTPUT.call):
        raise QuestionError(
            f"The doctor examines what the model returns, and {target.named()} is inside it. Choose a "
            "class, or the output."
        )

    def score(output: object) -> Tensor:
        return targets.select(target, _returned(output, at))[1]

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


def _returned(output: object, at: Site | None) -> Trace:
    """What the model returned, as targets are read from it."""
    values = {Site(OUTPUT.path, OUTPUT.call, item): tensor for item, tensor in tensors(output).items()} if at else {}
    seen = {site: ("output", tuple(tensor.shape)) for site, tensor in values.items()}
    return Trace(values=values, seen=seen, output=output)
