"""Choosing one number of an output that is neither classes nor a map nor boxes, or the sum of all of them."""

from __future__ import annotations

from gradviz_core.drawing.captions import shape_text
from gradviz_core.types import Combination, Site, SiteSum, Term
from gradviz_core.types.heads import HeadInfo
from pages.shell import address
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("element", within=("head",)),)


def choose(info: HeadInfo) -> Combination | SiteSum:
    """One number of the output by its index, written as ``3,5``. By default it is the sum of all, or, where they are
    probabilities, which may add up to the same for all inputs, the first.

    Raises:
        NoSuchChoice: the address names a number that is not there.
    """
    site = Site("", 0, info.item)
    batch, shape = ((0,), info.shape[1:]) if len(info.shape) > 1 and info.shape[0] == 1 else ((), info.shape)
    first = ",".join("0" for _ in shape) if info.reading == "probabilities" else ""
    text = address.text(
        "One number of the output",
        "element",
        first or "sum of all numbers",
        f"Where it lies in {shape_text(info.shape)}, counted from 0: such as {','.join(str(n // 2) for n in shape)}",
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
        f"The output has no number {text[:60]!r}: it is {shape_text(info.shape)}, so the index is within ({limits}). "
        "Write another.",
        "element",
    )
