"""Jacobians and their spectra, from the pass of a scene."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.answers.scene import Clock, Scene, as_numpy, not_finite
from gradviz_core.errors import QuestionError
from gradviz_core.methods.jacobian import Products, block
from gradviz_core.methods.singular import MOST_VALUES, Spectrum
from gradviz_core.tracing.trace import Trace, forward
from gradviz_core.types import INPUT, MOST_STEPS, JacobianAnswer, JacobianQuestion, SpectrumAnswer, SpectrumQuestion


def entries(scene: Scene, question: JacobianQuestion, notes: tuple[str, ...], clock: Clock) -> JacobianAnswer:
    """The part of the Jacobian that was asked for.

    Raises:
        QuestionError: as ``jacobian.block`` does.
    """
    products = _products(scene, question)
    found = block(products, question.rows, question.columns)
    matrix = {} if found.matrix is None else {"matrix": as_numpy(found.matrix)}
    return JacobianAnswer(
        question=question,
        shape=(products.rows, products.columns),
        mode=found.mode,
        notes=(*notes, *scene.remarks(), *not_finite(matrix)),
        receipt=clock.receipt(),
        arrays={"row_norms": as_numpy(found.row_norms), **matrix},
    )


def spectrum(scene: Scene, question: SpectrumQuestion, notes: tuple[str, ...], clock: Clock) -> SpectrumAnswer:
    """The largest singular values after the question's number of steps; what the scene remembers of them is gone on
    from, which gives the same numbers.

    Raises:
        QuestionError: too many values or steps, or as ``singular.Spectrum`` does.
    """
    if not 1 <= question.count <= MOST_VALUES or not 1 <= question.steps <= MOST_STEPS:
        raise QuestionError(
            f"{question.count} singular values after {question.steps} steps were asked for; choose 1 to {MOST_VALUES} "
            f"values and 1 to {MOST_STEPS} steps."
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


def _products(scene: Scene, question: JacobianQuestion | SpectrumQuestion) -> Products:
    def again() -> Trace:
        x = scene.trace.values[INPUT].detach()
        return forward(scene.model.module, x, keep={question.of, question.wrt}, seed=scene.seed)

    return Products(scene.trace, question.of, question.wrt, again)


def _iteration(scene: Scene, question: SpectrumQuestion) -> Spectrum:
    """The iteration that the scene remembers for this question, where it has not gone further; else a new one."""
    key = replace(question, steps=0)
    known = scene.iterations.get(key)
    if known is None or known.steps > question.steps:
        known = Spectrum(_products(scene, question), question.count, question.rows)
        scene.iterations.clear()
        scene.iterations[key] = known
    return known
