"""The recipe "Add a target" of CONTRIBUTING.md: what it says of itself and its formula, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.opening import SALIENCY
from tests.recipes.scratch import copied

ITSELF = r'''
"""The logit of one class, squared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from gradviz_core.types import head_code
from gradviz_core.types.class_words import class_named, class_text, subscript_of
from gradviz_core.types.heads import USUAL_HEAD, Head
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class Squared(OfHead):
    """z squared."""

    index: int | None = None
    head: Head = USUAL_HEAD
    kind: Literal["squared"] = field(default="squared", repr=False)

    form = "row"
    choice = ("squared", "Logit squared")

    @classmethod
    def of_class(cls, index: int | None, head: Head) -> Self:
        return cls(index, head)

    @property
    def explains(self) -> int | None:
        return self.index

    def words(self, labels: Sequence[str]) -> str:
        return f"the squared logit of {class_text(self.index or 0, labels)}"

    def symbol(self, labels: Sequence[str]) -> str:
        return rf"z_{{{subscript_of(self.index, labels)}}}^2"

    def unit(self) -> str:
        return "logit squared"

    def named(self) -> str:
        return f"the squared logit of {class_named(self.index)}"

    def code(self, program: Program) -> Block:
        name, taken = head_code.row(program, self.head, "softmax_logits")
        return Block((*taken, head_code.chosen(program, self.index, name), f"score = {name}[index] ** 2"))
'''
FORMULA = r'''
"""The logit of one class, squared."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradviz_core.tracing.scores import heads
from gradviz_core.tracing.scores.rows import read_at, the_class

if TYPE_CHECKING:
    from torch import Tensor

    from gradviz_core.tracing.watch import Trace
    from gradviz_core.types.targets.squared import Squared


def score(target: Squared, trace: Trace) -> tuple[Squared, Tensor]:
    """z squared."""
    row = heads.row(trace, target.head)
    index = the_class(target.index, row.values)
    return replace(target, index=index, head=read_at(target.head, row)), row.values[index] ** 2
'''


def test_a_target_is_what_it_says_of_itself_and_its_formula(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    pair = {
        "gradviz_core/types/targets/squared.py": ITSELF,
        "gradviz_core/tracing/scores/squared.py": FORMULA,
    }
    scratch.write(pair)
    address = {"model": "preset/shapes-cnn", "image": "sample/star", "target": "2", "scale": "squared"}
    seen = scratch.visit(page=SALIENCY, choices=address, picture="gradient", program="Gradient")
    assert seen["library"].startswith(str(scratch.folder))
    assert seen["errors"] == []
    assert seen["address"].items() >= address.items()
    assert seen["size"] > 0
    assert seen["apart"] < 1e-6
    assert "score = logits[index] ** 2" in seen["code"]
    assert any("How the squared logit of " in text for text in seen["texts"])
    assert any("logit squared per " in text for text in seen["texts"])
    assert seen["question"]["target"]["kind"] == "squared"
    assert seen["arrays"]["gradient/.input"] == [1, 3, 96, 96]
    assert scratch.changed() == set(pair)
