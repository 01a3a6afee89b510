"""What a returned tensor of some shape can be, and which of several is meant."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.types.heads import HeadForm

PLACES = 4
"""Numbers of a box that stand before its classes, unless someone says otherwise."""
Shape = tuple[int, ...]


def form_of(shape: Shape) -> HeadForm:
    """What a tensor of this shape can be."""
    match shape:
        case () | (_,) | (_, _):
            return "row"
        case (1, _, _, _):
            return "map"
        case (1, a, b) if a != b and min(a, b) > PLACES:
            return "boxes"
    return "other"


def meant(shapes: Mapping[str, Shape], form: HeadForm) -> str | None:
    """Of several outputs the one that a score of this form is read from where none is named: the one named ``logits``,
    else the first. What has just the shape goes first: a loss beside the classes is not meant, nor are places alone.

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
