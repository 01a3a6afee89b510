"""The gradient of a target checked against finite differences, for the model and the image of a scene."""

from __future__ import annotations

from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.doctor.proof import prove
from gradviz_core.types import INPUT, ProofAnswer, ProofQuestion


def proof(scene: Scene, question: ProofQuestion, notes: tuple[str, ...], clock: Clock) -> ProofAnswer:
    """The derivatives at the question's site, by automatic differentiation and by finite differences.

    Raises:
        QuestionError, BadTarget: as ``prove`` does.
    """
    target, _ = scene.select(question.target)
    x = scene.trace.values[INPUT].detach()
    found = prove(
        scene.model.module, x, target, (question.wrt,), question.directions, question.seed, question.every_step
    )
    said = (*notes, *scene.remarks())
    return ProofAnswer(question=question, target=target, proof=found, notes=said, receipt=clock.receipt(), arrays={})
