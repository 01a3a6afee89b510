"""The score of one class or label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types import head_code
from gradviz_core.types.class_words import class_named, class_symbol, class_unit, class_words, noun_of, subscript_of
from gradviz_core.types.heads import USUAL_HEAD, Head, ScoreScale
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class ClassScore(OfHead):
    """Score of one class or label: its logit, log-probability or probability; ``logit`` is the value itself where the
    output is of another kind. ``index=None`` is the predicted class; the answer then names it.

    ``against`` takes the score against the class: the negated value, 1 - p, or log(1 - p).

    Plain numbers have no probability. Where an output of one value is only guessed to be a plain number, asking for its
    probability treats it as the logit of a sigmoid.
    """

    index: int | None = None
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    against: bool = False
    kind: Literal["class"] = field(default="class", repr=False)

    form = "row"

    @property
    def explains(self) -> int | None:
        """Its class."""
        return self.index

    def words(self, labels: Sequence[str]) -> str:
        """``the logit of star (5)``."""
        return class_words(self.index, self.scale, labels, self.head, self.against, noun_of(self.head))

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``z_{\text{star}}``."""
        return class_symbol(self.scale, self.head, subscript_of(self.index, labels), self.against)

    def unit(self) -> str:
        """That of the scale."""
        return class_unit(self.scale, self.head.reading)

    def named(self) -> str:
        """``the logit of class 5``."""
        return f"the {self.scale.replace('_', '-')} {'against' if self.against else 'of'} {class_named(self.index)}"

    def code(self, program: Program) -> Block:
        """From one row of classes."""
        info = program.head_info(self.head, "row")
        kind = head_code.kind_of_head(info, self.head, as_shares=self.scale != "logit")
        name, taken = head_code.row(program, self.head, kind)
        score = head_code.score_lines(name, kind, self.scale, against=self.against)
        return Block((*taken, head_code.chosen(program, self.index, name), *score), head_code.TORCH)
