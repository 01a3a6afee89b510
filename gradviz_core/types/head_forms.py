"""What an output tensor can be by its shape, and which of several outputs is used."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.types.heads import HeadForm

PLACES = 4
"""How many values of a box come before its class scores, unless stated otherwise."""
Shape = tuple[int, ...]


def form_of(shape: Shape) -> HeadForm:
    """What a tensor of this shape can hold."""
    match shape:
        case () | (_,) | (_, _):
            return "row"
        case (1, _, _, _):
            return "map"
        case (1, a, b) if a != b and min(a, b) > PLACES:
            return "boxes"
    return "other"


def meant(shapes: Mapping[str, Shape], form: HeadForm) -> str | None:
    """The output that a score of this form is read from where none is named: the one named ``logits``, else the first.
    An output of exactly this shape is preferred, so that a loss beside the class scores is not used, nor the positions
    of boxes alone.

    None where none has this form.
    """
    fitting = [item for item, shape in shapes.items() if fits(shape, form)]
    if form == "row":
        fitting = [item for item in fitting if len(shapes[item]) == 2 and shapes[item][0] == 1] or fitting
    if form == "boxes":
        fitting = [item for item in fitting if form_of(shapes[item]) == "boxes"] or fitting
    named = [item for item in fitting if item.rpartition(".")[2] == "logits"]
    return next(iter(named or fitting), None)


def fits(shape: Shape, form: HeadForm) -> bool:
    """Whether a score of this form can be read from such a tensor; any table of one image may hold boxes."""
    if form == "boxes":
        return len(shape) == 3 and shape[0] == 1
    return form_of(shape) == form
