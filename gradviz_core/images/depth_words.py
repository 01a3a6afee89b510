"""How a picture of 9 to 16 bits was scaled to 8, in sentences."""

from __future__ import annotations

from gradviz_core.types.cards import Scaling

FEW_LEVELS = 32
"""Fewer levels than this, and it is said how many are left."""
COPIED = "Grey was copied to red, green and blue."
_WHO = {
    "file": "as stated in the file",
    "largest": "inferred from the largest value",
    "person": "as chosen here",
}


def notes(scaling: Scaling, *, grey: bool) -> list[str]:
    """``Scaled from 12 of its 16 bits (0 to 4095) to 8, as stated in the file.``, and what else matters."""
    said = [_from(scaling, grey)]
    if scaling.outside:
        said.append(f"{scaling.outside:,} of its numbers lie outside this range and were clipped.")
    if scaling.levels < FEW_LEVELS:
        said.append(f"Only {scaling.levels} of the 256 levels {'is' if scaling.levels == 1 else 'are'} left.")
    return said


def _from(scaling: Scaling, grey: bool) -> str:
    if scaling.chosen == "all":
        kept = "" if grey else ": the upper 8 bits of each colour were kept"
        return f"Scaled from {scaling.bits} bits to 8{kept}."
    numbers = f"{scaling.low:g} to {scaling.high:g}"
    used = scaling.used
    what = f"numbers {numbers}" if used is None else f"{used} of its {scaling.bits} bits ({numbers})"
    return f"Scaled from {what} to 8{' bits' if used is None else ''}, {_WHO[scaling.chosen]}."
