"""The score of one class at a box of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types import head_code
from gradviz_core.types.class_words import (
    class_named,
    class_symbol,
    class_unit,
    class_words,
    over,
    reduced_symbol,
    subscript_of,
)
from gradviz_core.types.heads import USUAL_HEAD, Head, Reduce, ScoreScale
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class BoxScore(OfHead):
    """Score of one class at one box of a detector, or over all of its boxes; the output is (1, skip + K, N) or
    (1, N, skip + K), the longer of the two axes counting the boxes unless ``boxes_last`` says.

    ``box=None`` takes all boxes. ``index=None`` is the class with the largest score there.
    """

    index: int | None = None
    box: int | None = None
    skip: int = 4
    """How many values of each box come before its class scores: 4 for position and size, 5 with an objectness."""
    boxes_last: bool | None = None
    reduce: Reduce = "mean"
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    kind: Literal["box"] = field(default="box", repr=False)

    form = "boxes"

    def words(self, labels: Sequence[str]) -> str:
        """``the logit of star (5) at box 7``."""
        of = class_words(self.index, self.scale, labels, self.head)
        return over(of, self.reduce, self._where(), self.box is not None)

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``z_{5,7}``; over all boxes ``\overline{z_{5,n}}``."""
        subscript = subscript_of(self.index, labels)
        if self.box is not None:
            return class_symbol(self.scale, self.head, f"{subscript},{self.box}", against=False)
        return reduced_symbol(self.reduce, class_symbol(self.scale, self.head, f"{subscript},n", against=False))

    def unit(self) -> str:
        """That of the scale."""
        return class_unit(self.scale, self.head.reading)

    def named(self) -> str:
        """``the logit of class 5 at box 7``."""
        return f"the {self.scale.replace('_', '-')} of {class_named(self.index)} {self._where()}"

    def _where(self) -> str:
        return "over all boxes" if self.box is None else f"at box {self.box}"

    def code(self, program: Program) -> Block:
        """At a box, or over all."""
        info = program.head_info(self.head, "boxes")
        kind = head_code.kind_of_head(info, self.head, as_shares=self.scale != "logit")
        last = info.shape[2] > info.shape[1] if self.boxes_last is None else self.boxes_last
        turned = "" if last else ".T"
        lines = [f"boxes = {program.output(info.item)}[0]{turned}[{self.skip}:]  # (classes, boxes)"]
        strongest = "boxes.amax(1)" if self.box is None else f"boxes[:, {self.box}]"
        if self.index is None:
            lines.append(f"index = int({strongest}.argmax())  # the class with the largest score there")
        else:
            lines.append(program.index(self.index))
        scores = head_code.score_lines("boxes", kind, self.scale, result="scores")
        where = f"[{self.box}]" if self.box is not None else f".{self.reduce}()"
        return Block((*lines, *scores, f"score = scores{where}"), head_code.TORCH)
