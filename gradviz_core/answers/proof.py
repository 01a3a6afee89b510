"""The gradient of a target checked against finite differences, for the model and the image of a scene."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.doctor.proof import prove
from gradviz_core.types import INPUT, ProofAnswer, ProofQuestion


def needs(question: ProofQuestion) -> Needs:
    """The input, and the site that the target is read from; a check comes after a picture."""
    return replace(about(question.target), aside=True)


def size(question: ProofQuestion, known: Known) -> Size:
    """No arrays."""
    return SMALL


def answer(scene: Scene, question: ProofQuestion, notes: tuple[str, ...], clock: Clock) -> ProofAnswer:
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
