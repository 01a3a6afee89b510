"""Which shards there are, and which are done: those whose rows are there. Nothing else is remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gradviz_core.batch import tables
from gradviz_core.batch.plan import Plan
from gradviz_core.batch.setup import Setup

UNREAD = b"unread"
"""In the metadata of a rows file: the positions whose images could not be read, or had changed."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Some positions of one question; computed by one worker from its first to its last image."""

    asked: int
    """Which of the questions of the setup."""
    number: int
    first: int
    last: int
    """First position, and the one after the last."""


def shards(setup: Setup, plan: Plan) -> tuple[Shard, ...]:
    """All shards, question by question."""
    return tuple(
        Shard(asked, start // setup.shard, start, min(start + setup.shard, last))
        for asked in range(len(setup.asked))
        for first, last in plan.ranges
        for start in range(first, last, setup.shard)
    )


def rows_file(folder: Path, setup: Setup, shard: Shard) -> Path:
    """Where the rows of a shard lie once it is done."""
    return folder / "rows" / setup.asked[shard.asked].name / f"{shard.number:06}.parquet"


def is_done(folder: Path, setup: Setup, shard: Shard) -> bool:
    """Whether its rows are there."""
    return tables.count(rows_file(folder, setup, shard)) == shard.last - shard.first


def unread(folder: Path, setup: Setup, shard: Shard) -> list[int]:
    """The positions of a shard that is done whose images could not be read then."""
    found: list[int] = json.loads(tables.metadata(rows_file(folder, setup, shard))[UNREAD])
    return found


def missing(folder: Path, setup: Setup, plan: Plan) -> list[Shard]:
    """The shards that are not done."""
    return [shard for shard in shards(setup, plan) if not is_done(folder, setup, shard)]


def wanted(folder: Path, setup: Setup, plan: Plan) -> list[Shard]:
    """The shards that are not done, and those with images that could not be read then and can be now."""
    readable = {position for position, one in plan.at_positions().items() if one.size >= 0}
    return [
        shard
        for shard in shards(setup, plan)
        if not is_done(folder, setup, shard) or readable.intersection(unread(folder, setup, shard))
    ]
