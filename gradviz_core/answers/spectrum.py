"""The largest singular values of a Jacobian, from the pass of a scene."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.answers.needs import Needs
from gradviz_core.answers.products import products_of
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods.singular import MOST_VALUES, Spectrum
from gradviz_core.types import INPUT, MOST_STEPS, SpectrumAnswer, SpectrumQuestion


def needs(question: SpectrumQuestion) -> Needs:
    """The two values, and the input."""
    return Needs(frozenset({INPUT, question.of, question.wrt}))


def size(question: SpectrumQuestion, known: Known) -> Size:
    """The vectors of each singular value."""
    total = question.count * known.of(question.of, question.wrt)
    if question.count > 1:
        return Size(total, "Ask for fewer singular values, or choose a smaller layer output.")
    return Size(total)


def answer(scene: Scene, question: SpectrumQuestion, notes: tuple[str, ...], clock: Clock) -> SpectrumAnswer:
    """The largest singular values after the question's number of steps. An iteration that the scene remembers is
    continued, which gives the same values.

    Raises:
        QuestionError: too many values or steps, or as ``singular.Spectrum`` does.
    """
    if not 1 <= question.count <= MOST_VALUES or not 1 <= question.steps <= MOST_STEPS:
        raise QuestionError(
            f"{question.count} singular values after {question.steps} steps are not possible; choose 1 to "
            f"{MOST_VALUES} values and 1 to {MOST_STEPS} steps."
        )
    found = _iteration(scene, question)
    while found.steps < question.steps and found.settled < found.count:
        found.advance()
    frobenius, error = found.length()
    return SpectrumAnswer(
        question=question,
        shape=(len(found.left), len(found.right)),
        settled=found.settled,
        complete=found.complete,
        frobenius=frobenius,
        frobenius_error=error,
        notes=(*notes, *scene.remarks()),
        receipt=clock.receipt(),
        arrays={
            "singular_values": as_numpy(found.values),
            "left": as_numpy(found.left.T),
            "right": as_numpy(found.right.T),
        },
    )


def _iteration(scene: Scene, question: SpectrumQuestion) -> Spectrum:
    """The iteration that the scene remembers for this question, if it has not gone past the requested step; else a new
    one."""
    key = replace(question, steps=0)
    known = scene.iterations.get(key)
    if known is None or known.steps > question.steps:
        known = Spectrum(products_of(scene, question.of, question.wrt), question.count, question.rows)
        scene.iterations.clear()
        scene.iterations[key] = known
    return known
