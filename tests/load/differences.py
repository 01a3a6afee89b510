"""Where two pages differ, in words: so that a page that shows other numbers than it should can be understood."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

MOST = 4
"""How many differences of one pair of pages are told."""
LONGEST = 80


def differences(found: Mapping[str, str], alone: Mapping[str, str]) -> list[str]:
    """How the charts of a page differ from those of the same page asked for alone; the first few differences."""
    missing = [f"{key} is missing" for key in alone if key not in found]
    more = [f"{key} should not be there" for key in found if key not in alone]
    shared = [key for key in found if key in alone and found[key] != alone[key]]
    changed = (said for key in shared for said in _between(json.loads(found[key]), json.loads(alone[key]), key))
    return [*missing, *more, *islice(changed, MOST)]


def _between(found: Any, alone: Any, where: str) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(alone, dict):
        if "bdata" in found and "bdata" in alone:
            yield from _arrays(found, alone, where)
            return
        for key in sorted(found.keys() | alone.keys()):
            yield from _between(found.get(key), alone.get(key), f"{where}.{key}")
    elif isinstance(found, list) and isinstance(alone, list) and len(found) == len(alone):
        for at, (one, other) in enumerate(zip(found, alone, strict=True)):
            yield from _between(one, other, f"{where}[{at}]")
    elif found != alone:
        yield f"{where}: {str(found)[:LONGEST]!r}, alone {str(alone)[:LONGEST]!r}"


def _arrays(found: Mapping[str, str], alone: Mapping[str, str], where: str) -> Iterator[str]:
    one, other = (np.frombuffer(base64.b64decode(each["bdata"]), each["dtype"]) for each in (found, alone))
    if one.shape != other.shape or found.get("shape") != alone.get("shape"):
        yield f"{where}: {one.size} numbers, alone {other.size}"
    elif len(differing := np.flatnonzero((one != other) & ~((one != one) & (other != other)))):
        at = differing[0]
        yield f"{where}: {len(differing)} of {one.size} numbers, the first {one[at]}, alone {other[at]}"
