"""The score of one class over a region of a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

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
from gradviz_core.types.heads import (
    USUAL_HEAD,
    WHOLE_MAP,
    Head,
    HeadInfo,
    OutputKind,
    Position,
    PredictedMask,
    Rectangle,
    Reduce,
    Region,
    ScoreScale,
    WholeMap,
)
from gradviz_core.types.target import Block, OfHead, Program


@dataclass(frozen=True, slots=True)
class RegionScore(OfHead):
    """Mean or sum of the score of one class over a region of a map of scores, (1, K, H, W), as segmentation networks
    return it. ``index=None`` is the class that is predicted at most positions of the region."""

    index: int | None = None
    region: Region = WHOLE_MAP
    reduce: Reduce = "mean"
    scale: ScoreScale = "logit"
    head: Head = USUAL_HEAD
    kind: Literal["region"] = field(default="region", repr=False)

    form = "map"

    def words(self, labels: Sequence[str]) -> str:
        """``the mean of the logit of star (5) over the whole map``."""
        of = class_words(self.index, self.scale, labels, self.head)
        return over(of, self.reduce, _where(self.region), isinstance(self.region, Position))

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``\overline{z_{5,u,v}}``; at one position ``z_{5,3,4}``."""
        subscript = subscript_of(self.index, labels)
        if isinstance(self.region, Position):
            at = f"{subscript},{self.region.row},{self.region.column}"
            return class_symbol(self.scale, self.head, at, against=False)
        return reduced_symbol(self.reduce, class_symbol(self.scale, self.head, f"{subscript},u,v", against=False))

    def unit(self) -> str:
        """That of the scale."""
        return class_unit(self.scale, self.head.reading)

    def named(self) -> str:
        """``the mean of the logit of class 5 over a region``."""
        return f"the {self.reduce} of the {self.scale.replace('_', '-')} of {class_named(self.index)} over a region"

    def code(self, program: Program) -> Block:
        """From a map."""
        mask = isinstance(self.region, PredictedMask)
        info = program.head_info(self.head, "map")
        kind = head_code.kind_of_head(info, self.head, as_shares=mask or self.scale != "logit")
        take = f"maps = {program.output(info.item)}[0]  # {info.shape[1:]}: classes, height, width"
        region = _index(self.region, info, kind)
        everywhere = "" if mask else region
        most = f"index = int(maps.argmax(0){everywhere}.flatten().bincount().argmax())  # predicted at most positions"
        chosen = most if self.index is None else program.index(self.index)
        lines = head_code.score_lines("maps", kind, self.scale, result="scores")
        reduced = "" if isinstance(self.region, Position) else f".{self.reduce}()"
        return Block((take, chosen, *lines, f"score = scores{region}{reduced}"), head_code.TORCH)


def _where(region: Region) -> str:
    match region:
        case Position(row=row, column=column):
            return f"at row {row}, column {column}"
        case Rectangle(rows=rows, columns=columns):
            return f"over rows {rows[0]} to {rows[1]}, columns {columns[0]} to {columns[1]}"
        case PredictedMask():
            return "where it is predicted"
        case WholeMap():
            return "over the whole map"
        case _:
            assert_never(region)


def _index(region: Region, info: HeadInfo, kind: OutputKind) -> str:
    """The index that takes the region out of a map."""
    match region:
        case WholeMap():
            return ""
        case Position(row=row, column=column):
            return f"[{row}, {column}]"
        case Rectangle(rows=rows, columns=columns):
            return f"[{rows[0]}:{rows[1] + 1}, {columns[0]}:{columns[1] + 1}]"
        case PredictedMask():
            if info.classes > 1:
                return "[maps.argmax(0) == index]"
            return f"[{head_code.share_of_map(kind)} > 0.5]"
        case _:
            assert_never(region)
