"""Choosing one value of an output that is neither classes nor a map nor boxes, or the sum of all its values."""

from __future__ import annotations

from gradviz_core.drawing.captions import shape_text
from gradviz_core.types import Combination, Site, SiteSum, Term
from gradviz_core.types.heads import HeadInfo
from pages.shell import address, widgets
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("element", within=("head",)),)


def choose(info: HeadInfo) -> Combination | SiteSum:
    """One value of the output by its index, written as ``3,5``. The default is the sum of all values, or, for
    probabilities, whose sum may be the same for all inputs, the first value.

    Raises:
        NoSuchChoice: the address names a number that is not there.
    """
    site = Site("", 0, info.item)
    batch, shape = ((0,), info.shape[1:]) if len(info.shape) > 1 and info.shape[0] == 1 else ((), info.shape)
    first = ",".join("0" for _ in shape) if info.reading == "probabilities" else ""
    text = widgets.text(
        "One value of the output",
        "element",
        first or "sum of all values",
        f"Its index in {shape_text(info.shape)}, counted from 0, such as {','.join(str(n // 2) for n in shape)}",
    )
    text = text or first
    if not text:
        return SiteSum(site)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == len(shape) and all(p.isascii() and p.isdigit() and len(p) < 10 for p in parts):
        index = tuple(map(int, parts))
        if all(i < n for i, n in zip(index, shape, strict=True)):
            return Combination((Term((*batch, *index)),), site)
    limits = ", ".join(f"0 to {n - 1}" for n in shape)
    raise address.NoSuchChoice(
        f"The output has no value {text[:60]!r}: its shape is {shape_text(info.shape)}, so the index is within "
        f"({limits}). Enter another.",
        "element",
    )
