"""Each image's position, for good: by the digest of its bytes, in the order in which images were first seen.

Two images of the same bytes have one position and are computed once. Images that come later begin a shard of their own
after those that are there, so what is done stays done, to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
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
    not read again for its digest. -1 where it could not be read this time."""
    changed: int = -1
    sha256: str = ""
    """Empty where it could not be read."""
    position: int = -1
    error: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All images of a folder, in the order of the results."""

    images: tuple[Planned, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    """The positions that are taken, also by files that have changed since: for each time that images came the first,
    which begins a shard, and the one after the last."""

    @property
    def positions(self) -> int:
        """How many positions are taken."""
        return sum(last - first for first, last in self.ranges)

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.ranges[-1][1] if self.ranges else 0

    def at_positions(self) -> dict[int, Planned]:
        """An image for each position that is still wanted: the first of those with the same bytes that can be read."""
        known = [one for one in reversed(self.images) if one.position >= 0]
        return {one.position: one for one in sorted(known, key=lambda one: one.size >= 0)}


def load(folder: Path) -> Plan:
    """The plan of a folder; an empty one where there is none yet."""
    file = _file(folder)
    if not file.exists():
        return Plan()
    each = [
        Planned(Found(**{name: row[name] for name in Found.__slots__}), *(row[name] for name in _OWN))
        for row in tables.read(file)
    ]
    ranges = json.loads(tables.metadata(file)[_RANGES])
    return Plan(tuple(each), tuple((first, last) for first, last in ranges))


def grown(plan: Plan, found: Iterable[Found], shard: int) -> Plan:
    """The plan with these images: those that it has stay where they are, and the others come after them, from the next
    shard of so many positions on."""
    known = {one.found.row: one for one in plan.images}
    named = {row: one.found for row, one in known.items()} | {one.row: one for one in map(_writable, found)}
    with ThreadPoolExecutor(READERS) as readers:
        images = [*readers.map(lambda row: _seen(named[row], known.get(row)), named)]
    positions = {one.sha256: one.position for one in plan.images if one.position >= 0}
    first = last = -(-plan.end // shard) * shard
    for one in images:
        if one.sha256 and one.sha256 not in positions:
            positions[one.sha256], last = last, last + 1
    placed = [replace(one, position=positions.get(one.sha256, -1)) for one in _told_apart(images)]
    return Plan(tuple(placed), (*plan.ranges, (first, last)) if last > first else plan.ranges)


def _told_apart(images: list[Planned]) -> list[Planned]:
    """Two files that their lists call by one name are called by their places."""
    places: defaultdict[str, set[str]] = defaultdict(set)
    for one in images:
        places[one.found.name].add(one.found.place)
    return [
        replace(one, found=replace(one.found, name=one.found.place)) if len(places[one.found.name]) > 1 else one
        for one in images
    ]


def save(folder: Path, plan: Plan) -> None:
    """Write the plan."""
    rows = [asdict(one.found) | {name: getattr(one, name) for name in _OWN} for one in plan.images]
    tables.write(_file(folder), rows, _schema().with_metadata({_RANGES: json.dumps(plan.ranges).encode()}))


_RANGES = b"ranges"
"""In the metadata of the file."""
_OWN = ("size", "changed", "sha256", "position", "error")


def _file(folder: Path) -> Path:
    return folder / "plan.parquet"


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole = {"offset", "length", "size", "changed", "position"}
    names = (*Found.__slots__, *_OWN)
    return pa.schema([(name, pa.int64() if name in whole else pa.string()) for name in names])


def _seen(found: Found, before: Planned | None) -> Planned:
    """The image with its digest, which is read where the file is new or has changed. What was known of a file that
    cannot be read for now stays."""
    found = replace(found, name=before.found.name) if before else found
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
        if before and before.sha256:
            return replace(before, found=found, size=-1, changed=-1)
        words = str(error) if isinstance(error, BadImage) else f"{found.file} cannot be read: {error.strerror}."
        return Planned(found, error=words)


def _writable(found: Found) -> Found:
    """Tables hold UTF-8 alone, so other bytes of a path are written as escapes."""
    name, file = (text.encode("utf-8", "backslashreplace").decode("utf-8") for text in (found.name, found.file))
    return replace(found, name=name, file=file)
