"""The score of one class minus that of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types import head_code
from gradviz_core.types.class_words import class_named, class_unit, class_words, noun_of, number_symbol, subscript_of
from gradviz_core.types.heads import USUAL_HEAD, Head
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class ClassDifference(OfHead):
    """Score of ``index`` minus score of ``other``, which are logits in most models; ``index=None`` is the predicted
    class."""

    index: int | None
    other: int
    head: Head = USUAL_HEAD
    kind: Literal["difference"] = field(default="difference", repr=False)

    form = "row"

    @property
    def explains(self) -> int | None:
        """The first of the two."""
        return self.index

    def words(self, labels: Sequence[str]) -> str:
        """``the logit of star (5) minus the logit of disk (0)``."""
        noun = noun_of(self.head)
        first, second = (class_words(i, "logit", labels, self.head, noun=noun) for i in (self.index, self.other))
        return f"{first} minus {second}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``(z_{\text{star}} - z_{\text{disk}})``."""
        z = number_symbol(self.head.reading)
        first, second = subscript_of(self.index, labels), subscript_of(self.other, labels)
        return f"({z}_{{{first}}} - {z}_{{{second}}})"

    def unit(self) -> str:
        """That of either."""
        return class_unit("logit", self.head.reading)

    def named(self) -> str:
        """``the logit of class 5 minus that of class 0``."""
        return f"the logit of {class_named(self.index)} minus that of class {self.other}"

    def code(self, program: Program) -> Block:
        """From one row of classes."""
        info = program.head_info(self.head, "row")
        name, taken = head_code.row(program, self.head, head_code.kind_of_head(info, self.head, as_shares=False))
        last = f"score = {name}[index] - {name}[{self.other}]"
        return Block((*taken, head_code.chosen(program, self.index, name), last))
