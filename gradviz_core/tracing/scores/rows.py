"""One row of classes, labels or plain numbers: which class is meant."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores.heads import Numbers
from gradviz_core.types import Head

Row = Float[Tensor, " classes"]


def ranked(row: Row) -> list[int]:
    """Classes from the highest score to the lowest; of equal ones the first comes first."""
    order: list[int] = row.detach().sort(descending=True, stable=True).indices.tolist()
    return order


def the_class(index: int | None, row: Row) -> int:
    """The class that is meant: the one with the highest score where none is named.

    Raises:
        BadTarget: it does not exist.
    """
    if index is None:
        return ranked(row)[0]
    if not 0 <= index < row.numel():
        raise BadTarget(
            f"Class {index} does not exist: the model has classes 0 to {row.numel() - 1}. Choose one of them."
        )
    return index


def read_at(head: Head, numbers: Numbers) -> Head:
    """The head, with where the numbers were found and what they are filled in."""
    return replace(head, item=numbers.item, reading=numbers.kind)
