"""A part of a Jacobian entry by entry, from the pass of a scene."""

from __future__ import annotations

from gradviz_core.answers.needs import Needs
from gradviz_core.answers.products import products_of
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.methods.jacobian import block
from gradviz_core.types import INPUT, JacobianAnswer, JacobianQuestion
from gradviz_core.types.arrays import not_finite


def needs(question: JacobianQuestion) -> Needs:
    """The two values, and the input."""
    return Needs(frozenset({INPUT, question.of, question.wrt}))


def size(question: JacobianQuestion, known: Known) -> Size:
    """One row; what more there is has a limit of its own."""
    return Size(known.of(question.wrt))


def answer(scene: Scene, question: JacobianQuestion, notes: tuple[str, ...], clock: Clock) -> JacobianAnswer:
    """The part of the Jacobian that was asked for.

    Raises:
        QuestionError: as ``jacobian.block`` does.
    """
    products = products_of(scene, question.of, question.wrt)
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
