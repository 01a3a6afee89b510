"""How large values and gradients are at every site of a pass."""

from __future__ import annotations

from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.methods.flow import measure
from gradviz_core.tracing.trace import describe
from gradviz_core.types import FlowAnswer, FlowQuestion


def flow(scene: Scene, question: FlowQuestion, notes: tuple[str, ...], clock: Clock, *, keep_graph: bool) -> FlowAnswer:
    """The norms of the activation and of the target's gradient at each site, and of parameters where the scene's pass
    reaches to them. ``keep_graph`` leaves the graph of the pass for a further question.

    Raises:
        BadTarget, UnknownSite: as ``targets.select`` does.
    """
    target, score = scene.select(question.target)
    found = measure(scene.trace, score, keep_graph=keep_graph)
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
