"""Each image's position, for good: by the digest of its bytes, in the order in which images were first seen.

Two images of the same bytes have one position and are computed once. Images that come later get positions after those
that are there, so what is done stays done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradviz_core.batch import sources, tables
from gradviz_core.batch.sources import Found
from gradviz_core.errors import BadImage

if TYPE_CHECKING:
    import pyarrow as pa

READERS = 4
"""Files that are read at once to find their digests."""


@dataclass(frozen=True, slots=True)
class Planned:
    """An image of the plan."""

    found: Found
    size: int = -1
    """Bytes of the file that holds it, and when it was last changed, in nanoseconds: as long as both stay, the file is
    not read again for its digest."""
    changed: int = -1
    sha256: str = ""
    """Empty where it could not be read."""
    position: int = -1
    error: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All images of a folder, in the order of the results."""

    images: tuple[Planned, ...]
    positions: int
    """How many positions are taken; also by files that have changed since."""

    def at_positions(self) -> dict[int, Planned]:
        """An image for each position that is still wanted: the first of those with the same bytes."""
        return {one.position: one for one in reversed(self.images) if one.position >= 0}


def load(folder: Path) -> Plan:
    """The plan of a folder; an empty one where there is none yet."""
    file = _file(folder)
    if not file.exists():
        return Plan((), 0)
    rows = tables.read(file)
    each = [
        Planned(Found(**{name: row[name] for name in Found.__slots__}), *(row[name] for name in _OWN)) for row in rows
    ]
    return Plan(tuple(each), max((row["positions"] for row in rows), default=0))


def grown(plan: Plan, found: Iterable[Found]) -> Plan:
    """The plan with these images: those that it has stay where they are, and the others come after them."""
    known = {one.found.name: one for one in plan.images}
    named = {_writable(one.name): one for one in found}
    with ThreadPoolExecutor(READERS) as readers:
        seen = dict(zip(named, readers.map(lambda name: _seen(named[name], known.get(name)), named), strict=True))
    images = [seen.get(name, one) for name, one in known.items()]
    images += [one for name, one in seen.items() if name not in known]
    positions = {one.sha256: one.position for one in plan.images if one.position >= 0}
    taken, placed = plan.positions, []
    for one in images:
        if one.sha256 and one.sha256 not in positions:
            positions[one.sha256], taken = taken, taken + 1
        placed.append(replace(one, position=positions.get(one.sha256, -1)))
    return Plan(tuple(placed), taken)


def save(folder: Path, plan: Plan) -> None:
    """Write the plan."""
    rows = [asdict(one.found) | {name: getattr(one, name) for name in _OWN} for one in plan.images]
    tables.write(_file(folder), [row | {"positions": plan.positions} for row in rows], _schema())


_OWN = ("size", "changed", "sha256", "position", "error")


def _file(folder: Path) -> Path:
    return folder / "plan.parquet"


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole = {"offset", "length", "size", "changed", "position", "positions"}
    names = (*Found.__slots__, *_OWN, "positions")
    return pa.schema([(name, pa.int64() if name in whole else pa.string()) for name in names])


def _seen(found: Found, before: Planned | None) -> Planned:
    """The image with its digest, which is read where the file is new or has changed."""
    found = replace(found, name=_writable(found.name), file=_writable(found.file))
    try:
        state = Path(found.file).stat()
        size, changed = state.st_size, state.st_mtime_ns
        if (
            before
            and before.sha256
            and (before.size, before.changed, before.found.offset) == (size, changed, found.offset)
        ):
            return replace(before, found=found)
        return Planned(found, size, changed, hashlib.sha256(sources.read(found)).hexdigest())
    except (OSError, BadImage) as error:
        words = str(error) if isinstance(error, BadImage) else f"{found.file} cannot be read: {error.strerror}."
        return Planned(found, error=words)


def _writable(text: str) -> str:
    """A path with bytes that are no UTF-8 cannot stand in a table."""
    return text.encode("utf-8", "replace").decode("utf-8")
