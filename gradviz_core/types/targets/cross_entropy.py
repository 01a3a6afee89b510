"""The loss for a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types import head_code
from gradviz_core.types.class_words import label_text, subscript_of
from gradviz_core.types.heads import USUAL_HEAD, Head
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class CrossEntropy(OfHead):
    """Cross-entropy loss, in nats, for the given label: minus its log-probability.

    Of many labels with a sigmoid each it is the loss of that one label being true, -log σ(z). An output of one logit or
    probability is that of the positive class, label 1; label 0 is the negative one, -log(1 - p).
    """

    label: int
    head: Head = USUAL_HEAD
    kind: Literal["loss"] = field(default="loss", repr=False)

    form = "row"
    noun = "loss"

    @property
    def explains(self) -> int | None:
        """The label."""
        return self.label

    def words(self, labels: Sequence[str]) -> str:
        """``the cross-entropy loss for star (5)``."""
        return f"the cross-entropy loss for {label_text(self.label, labels, self.head)}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``(-\log p_{\text{star}})``."""
        return f"(-\\log p_{{{subscript_of(self.label, labels)}}})"

    def unit(self) -> str:
        """Natural logarithms."""
        return "nat"

    def named(self) -> str:
        """``the cross-entropy for label 5``."""
        return f"the cross-entropy for label {self.label}"

    def code(self, program: Program) -> Block:
        """From one row of classes."""
        info = program.head_info(self.head, "row")
        kind = head_code.kind_of_head(info, self.head, as_shares=True)
        name, taken = head_code.row(program, self.head, kind)
        one = info.classes == 1 and kind != "softmax_logits"
        chosen = "index = 0  # the only value" if one else head_code.chosen(program, self.label, name)
        log_p = head_code.score_lines(name, kind, "log_probability", against=one and self.label == 0)
        return Block((*taken, chosen, *log_p, "score = -score  # cross-entropy, in nats"), head_code.TORCH)
