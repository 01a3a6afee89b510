"""The tensors of real numbers that a model returns: which one a score is read from, and what its values mean."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.scores.last_operation import (
    are_independent,
    are_shares,
    is_constant,
    joined_of,
    kind_of,
    shares_over_an_axis,
    sum_over_places_is_constant,
)
from gradviz_core.types import INPUT, ScoreScale, Site
from gradviz_core.types.head_forms import PLACES, form_of, meant
from gradviz_core.types.heads import Head, HeadForm, HeadInfo, KnownFrom, OutputKind

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace

MOST_OUTPUTS, MOST_OF_A_NAME = 6, 80
"""Tensors of an output that an error names, and letters of each name."""
_WANTED: dict[HeadForm, str] = {
    "row": "no (1, classes) tensor to take a class score from",
    "map": "no (1, classes, height, width) tensor to take the score of a region from",
    "boxes": "no (1, numbers, boxes) or (1, boxes, numbers) tensor to take the score of a box from",
}
ROUNDED = 5e-3
"""How far a probability may be outside 0 to 1, because it is rounded in half precision."""
OF_LENGTH_ONE = 1e-4
"""How far the length of an embedding may be from one."""
MANY_BOXES = 1000
"""So many places are boxes: a sequence is shorter."""
CONSTANT = (
    "This output comes from a softmax over an axis of length one, so every number in it is the same for every image, "
    "and every gradient is zero. Apply the softmax over the classes, or use a sigmoid for one number."
)
SHARED = (
    "This output comes from a softmax over its positions, so the sum of a class is the same for every "
    "image, and its gradient is zero. Choose one position, or some of them."
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a score is read from."""

    item: str
    values: Tensor
    """One value of each class on the first axis, then positions: (K,), (K, H, W) or (K, N)."""
    kind: OutputKind
    known_from: KnownFrom
    shared: bool = False
    """Whether the sum of each class is the same for all inputs, because of a softmax over the positions."""

    def check_whole(self, scale: ScoreScale) -> None:
        """Refuse the score of a class over all positions where it would be the same for all inputs.

        Raises:
            BadTarget: it would.
        """
        if self.shared and (scale == "logit" or (scale == "probability" and self.kind == "probabilities")):
            raise BadTarget(SHARED)


def row(trace: Trace, head: Head, *, as_shares: bool = False) -> Numbers:
    """The one row of class scores that ``head`` names, (K,). ``as_shares``: a score needs probabilities.

    Raises:
        BadTarget: the model returns no such row, or several rows and none is named.
    """
    item, tensor = _chosen(trace, head, "row")
    values = _only_row(tensor, head, images(trace))
    kind, known = _kind(head, tensor, values, 0, "row", as_shares)
    return Numbers(item, values, kind, known)


def score_map(trace: Trace, head: Head, *, as_shares: bool = False) -> Numbers:
    """The map of scores that ``head`` names, (K, H, W).

    Raises:
        BadTarget: the model returns no such map.
    """
    item, tensor = _chosen(trace, head, "map")
    kind, known = _kind(head, tensor, tensor[0], 0, "map", as_shares)
    return Numbers(item, tensor[0], kind, known, sum_over_places_is_constant(tensor, tensor[0]))


def boxes(
    trace: Trace, head: Head, skip: int, boxes_last: bool | None, *, as_shares: bool = False
) -> tuple[Numbers, Tensor, bool]:
    """Of the boxes that ``head`` names the numbers of classes, (K, N), those before them, (skip, N), and whether the
    last axis of what the model returns counts the boxes.

    Raises:
        BadTarget: the model returns no such tensor, its axes are equally long, or no number is left for a class.
    """
    item, tensor = _chosen(trace, head, "boxes")
    last = _boxes_last(tensor, boxes_last)
    table = tensor[0] if last else tensor[0].T
    if len(table) <= skip:
        raise BadTarget(
            f"Each box has {len(table)} numbers, and {skip} of them are skipped before the class scores, so no class "
            "is left. Choose a smaller skip, or another output."
        )
    kind, known = _kind(head, tensor, table[skip:], 0, "boxes", as_shares)
    shared = sum_over_places_is_constant(tensor, table[skip:])
    return Numbers(item, table[skip:], kind, known, shared), table[:skip], last


def describe(trace: Trace, given: OutputKind | None = None, known_from: KnownFrom = "person") -> tuple[HeadInfo, ...]:
    """Every tensor of real numbers that the model returned. ``given`` is what is known of all of them."""
    found = _real(trace.output)
    return tuple(_info(item, tensor, _form(tensor, found), given, known_from) for item, tensor in found.items())


def images(trace: Trace) -> int:
    """How many images went in."""
    given = trace.values.get(INPUT)
    return 1 if given is None or given.dim() < 2 else given.shape[0]


def output_text(output: object) -> str:
    """``a dictionary with 'out' (1, 21, 64, 64) and 'aux' (1, 21, 64, 64)``."""
    found = tensors(output)
    if not found:
        return "no tensor"
    if isinstance(output, Tensor):
        return f"the output {tuple(output.shape)}"
    named = [f"{item[:MOST_OF_A_NAME]!r} {tuple(tensor.shape)}" for item, tensor in found.items()]
    if len(named) > MOST_OUTPUTS:
        named[MOST_OUTPUTS:] = [f"{len(named) - MOST_OUTPUTS} more"]
    kind = {"dict": "dictionary", "OrderedDict": "dictionary"}.get(type(output).__name__, type(output).__name__)
    return f"a {kind} with {' and '.join(filter(None, [', '.join(named[:-1]), named[-1]]))}"


# -------------------------------------------------------------------------------------------------------- which tensor


def _real(output: object) -> dict[str, Tensor]:
    return {item: tensor for item, tensor in tensors(output).items() if tensor.is_floating_point() and tensor.numel()}


def _form(tensor: Tensor, beside: dict[str, Tensor]) -> HeadForm:
    """What a tensor holds, as far as can be told. A table (1, A, B) may be a sequence of tokens as well as boxes. It is
    read as boxes where there are very many, where the positions of as many boxes are returned ``beside`` it, or where
    it was joined of few parts: the positions and the classes, or grids of several sizes."""
    form = form_of(tuple(tensor.shape))
    if form != "boxes":
        return form
    places = {n for other in beside.values() for n in _places(other)}
    told = max(tensor.shape) >= MANY_BOXES or bool(places & {*tensor.shape[1:]})
    joined = 1 < joined_of(tensor) < min(tensor.shape[1:])
    return "boxes" if (told or joined) and not shares_over_an_axis(tensor) else "other"


def _places(tensor: Tensor) -> tuple[int, ...]:
    """The number of boxes in a tensor of their positions, (1, N, 4) or (1, 4, N); empty for any other."""
    first, last = tensor.shape[1:] if tensor.dim() == 3 and len(tensor) == 1 else (0, 0)
    return (first,) if last == PLACES else (last,) if first == PLACES else ()


def _chosen(trace: Trace, head: Head, form: HeadForm) -> tuple[str, Tensor]:
    """The tensor that ``head`` names, or the one that is meant where it names none."""
    found = _real(trace.output)
    shapes = {item: tuple(tensor.shape) for item, tensor in found.items()}
    if head.item is not None and head.item not in found:
        known = ", ".join(repr(item[:MOST_OF_A_NAME]) for item in list(found)[:MOST_OUTPUTS]) or "none"
        raise BadTarget(
            f"This model returns no real numbers under {head.item[:MOST_OF_A_NAME]!r}; there are {known}. Choose one "
            "of them as Head.item."
        )
    item = meant(shapes if head.item is None else {head.item: shapes[head.item]}, form)
    if item is None:
        raise BadTarget(f"This model returns {output_text(trace.output)}: {_WANTED[form]}. {_instead(trace)}")
    if is_constant(found[item], beside_places=form == "boxes"):
        raise BadTarget(CONSTANT)
    return item, found[item]


def _only_row(tensor: Tensor, head: Head, images: int) -> Tensor:
    """The row that is meant, (K,)."""
    if tensor.dim() == 1 and len(tensor) == images > 1:
        tensor = tensor[:, None]
    rows = tensor.reshape(1, -1) if tensor.dim() < 2 else tensor
    if head.row is None and len(rows) > 1:
        advice = "Pass one image: x[i:i+1]." if len(rows) == images else "Choose one: Head(row=0) is the first."
        raise BadTarget(
            f"The output holds {len(rows)} rows of class scores; a class target explains one at a time. {advice}"
        )
    if not 0 <= (head.row or 0) < len(rows):
        raise BadTarget(
            f"Row {head.row} does not exist: the output has rows 0 to {len(rows) - 1}. Choose one of them as Head.row."
        )
    return rows[head.row or 0]


def _boxes_last(tensor: Tensor, said: bool | None) -> bool:
    if said is None and tensor.shape[1] == tensor.shape[2]:
        raise BadTarget(
            f"The output {tuple(tensor.shape)} has two equally long axes, so its shape does not show which of them "
            "counts the boxes. Set boxes_last: True if it is the last."
        )
    return tensor.shape[2] > tensor.shape[1] if said is None else said


def _instead(trace: Trace) -> str:
    """What to ask for if there is no such tensor: what can be read from the first output."""
    real = _real(trace.output)
    found = {_form(tensor, real): item for item, tensor in reversed(list(real.items()))}
    if "map" in found:
        return (
            "Choose the score of a region of it (gv.RegionScore), or one unit of it on the Neurons page: layer output "
            f"{Site('', 0, found['map'][:MOST_OF_A_NAME])}, then channel (the class), row and column."
        )
    if "row" in found:
        return "Choose the score of one of its classes (gv.ClassScore), or one of its values (gv.Combination)."
    if "boxes" in found:
        return (
            "If it holds boxes, choose the score of one of them (gv.BoxScore); else one of its values (gv.Combination)."
        )
    if found:
        return (
            "Choose one of its values (gv.Combination), or the sum of all (gv.SiteSum); on the command line "
            f"--score '{_value_in_the_middle(found['other'], real[found['other']])}'."
        )
    return "Choose a unit, a channel or the sum of a site as the target."


def _value_in_the_middle(item: str, tensor: Tensor) -> str:
    """One value of an output as a score in JSON."""
    middle = [n // 2 for n in tensor.shape]
    site = {"site": {"path": "", "item": item}} if item else {}
    return json.dumps({"kind": "combination", "terms": [{"index": middle}]} | site, separators=(",", ":"))


# -------------------------------------------------------------------------------------------------------- what it means


def _kind(
    head: Head, output: Tensor, scores: Tensor, axis: int, form: HeadForm, as_shares: bool
) -> tuple[OutputKind, KnownFrom]:
    """What the values are, and how that is known: from the question, from the last operation, or by a guess.

    Raises:
        BadTarget: they are said to be probabilities, or logarithms of these, and cannot be.
    """
    if head.reading is not None:
        _check_shares(head.reading, scores)
        return head.reading, "person"
    if (found := kind_of(output, scores, axis, beside_places=form == "boxes")) is not None:
        return found, "graph"
    guessed = _guess(form, scores, axis)
    return ("sigmoid_logits" if as_shares and guessed == "numbers" else guessed), "guess"


def _check_shares(reading: OutputKind, scores: Tensor) -> None:
    low, high = scores.detach().amin().item(), scores.detach().amax().item()
    match reading:
        case "probabilities":
            fits, rule = low >= -ROUNDED and high <= 1 + ROUNDED, "a probability is between 0 and 1"
        case "log_probabilities":
            fits, rule = high <= ROUNDED, "the logarithm of a probability is never above 0"
        case _:
            return
    if not fits and math.isfinite(high - low):
        numbers = f"numbers go from {low:.4g} to {high:.4g}" if low < high else f"number is {low:.4g}"
        raise BadTarget(
            f"This output is read as {reading.replace('_', '-')}, but its {numbers}, and {rule}. Choose another output "
            "kind."
        )


def _guess(form: HeadForm, scores: Tensor, axis: int) -> OutputKind:
    """The most likely reading: one number may be anything, and detectors have a sigmoid for each class. Several are
    probabilities where none is negative and they add up to 1, an embedding where their vector has length one, and else
    logits of a softmax."""
    if form == "boxes":
        return "sigmoid_logits"
    if form == "other" or scores.shape[axis] <= 1:
        return "numbers"
    if are_shares(scores, axis):
        return "probabilities"
    length = scores.detach().double().norm().item() if form == "row" else math.nan
    return "numbers" if abs(length - 1) <= OF_LENGTH_ONE else "softmax_logits"


def _info(item: str, tensor: Tensor, form: HeadForm, given: OutputKind | None, known_from: KnownFrom) -> HeadInfo:
    shape = tuple(tensor.shape)
    scores, axis = _scores(tensor, form)
    classes = 0 if form == "other" else scores.shape[axis]
    independent = form == "row" and are_independent(scores, axis)
    if given is not None:
        return HeadInfo(item, shape, form, given, known_from, classes, independent)
    kind, known = _kind(Head(), tensor, scores, axis, form, as_shares=False)
    return HeadInfo(item, shape, form, kind, known, classes, independent)


def _scores(tensor: Tensor, form: HeadForm) -> tuple[Tensor, int]:
    """The numbers of classes in a tensor, and the axis that counts these."""
    match form:
        case "row":
            return (tensor if tensor.dim() else tensor[None]), -1
        case "map":
            return tensor, 1
        case "boxes":
            axis = 1 if _boxes_last(tensor, None) else 2
            return tensor.narrow(axis, PLACES, tensor.shape[axis] - PLACES), axis
        case _:
            return (tensor if tensor.dim() else tensor[None]), -1
