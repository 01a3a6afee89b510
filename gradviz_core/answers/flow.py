"""How large values and gradients are at every site of a pass."""

from __future__ import annotations

from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.methods.flow import measure
from gradviz_core.tracing.trace import describe
from gradviz_core.types import FlowAnswer, FlowQuestion


def needs(question: FlowQuestion) -> Needs:
    """All sites, and the parameters where they were asked for."""
    return Needs(None, parameters=question.parameters)


def size(question: FlowQuestion, known: Known) -> Size:
    """A few numbers for each site."""
    return SMALL


def answer(scene: Scene, question: FlowQuestion, notes: tuple[str, ...], clock: Clock) -> FlowAnswer:
    """The norms of the activation and of the target's gradient at each site, and of parameters where the scene's pass
    reaches to them.

    Raises:
        BadTarget, UnknownSite: as ``targets.select`` does.
    """
    target, score = scene.select(question.target)
    found = measure(scene.trace, score, keep_graph=scene.remembered)
    return FlowAnswer(
        question=question,
        target=target,
        score=score.item(),
        sites=describe(scene.trace),
        parameters=found.parameters,
        notes=(*notes, *scene.remarks()),
        receipt=clock.receipt(),
        arrays=found.arrays,
    )
