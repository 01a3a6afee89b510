"""Target -> the scalar tensor to differentiate. An impossible target is an error, never another target.

The formula of each kind is ``score`` in the file here that has the name of the kind's file in ``types/targets/``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never, cast

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import heads
from gradviz_core.tracing.scores.at_sites import channel_axis as channel_axis
from gradviz_core.tracing.scores.at_sites import of_one_image as of_one_image
from gradviz_core.tracing.scores.rows import ranked as ranked
from gradviz_core.types import BoxScore, OutputKind, Target
from gradviz_core.types.targets import KINDS, OfHead
from gradviz_core.types.well_formed import check as check

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace

Formula = Callable[[Target, "Trace"], tuple[Target, Tensor]]


def _formula(kind: type[Target]) -> Formula:
    name = kind.__module__.rpartition(".")[2]
    return cast(Formula, importlib.import_module(f"gradviz_core.tracing.scores.{name}").score)


_FORMULAS = {kind: _formula(kind) for kind in KINDS}  # all now: a kind without its formula is noticed at the start


def read_as(target: Target, reading: OutputKind | None) -> Target:
    """The target, with what is known of the model's numbers filled in, where nobody has said what they are."""
    if reading is None or not isinstance(target, OfHead) or target.head.reading is not None:
        return target
    known: Target = replace(cast(Any, target), head=replace(target.head, reading=reading))
    return known


def select(target: Target, trace: Trace) -> tuple[Target, Tensor]:
    """The target with the predicted class filled in, and where it was read and as what; and its value as a scalar
    tensor of the trace's graph.

    Raises:
        BadTarget: the class, channel or unit does not exist, the model returns no such scores, or the score would be
            the same for all inputs.
        UnknownSite: the target's site never ran.
    """
    check(target)
    formula = next(formula for kind, formula in _FORMULAS.items() if isinstance(target, kind))
    resolved, score = formula(target, trace)
    if not score.is_floating_point():
        raise BadTarget(f"{target.named()} is {score.dtype}; only real numbers have a gradient.")
    return resolved, score


def read_from(target: Target, trace: Trace) -> Tensor:
    """The numbers that a target's value is computed from.

    Raises:
        BadTarget, UnknownSite: as ``select`` does.
    """
    if target.at is not None:
        return trace.value(target.at)
    assert isinstance(target, OfHead)
    match target.form:
        case "row":
            return heads.row(trace, target.head).values
        case "map":
            return heads.score_map(trace, target.head).values
        case "boxes" | "other":
            assert isinstance(target, BoxScore)
            return heads.boxes(trace, target.head, target.skip, target.boxes_last)[0].values
        case _:
            assert_never(target.form)
