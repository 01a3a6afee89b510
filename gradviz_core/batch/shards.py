"""Which shards there are, and which are done: those whose rows are there. Nothing else is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gradviz_core.batch import tables
from gradviz_core.batch.plan import Plan
from gradviz_core.batch.setup import Setup


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
    starts = range(0, plan.positions, setup.shard)
    return tuple(
        Shard(asked, number, first, min(first + setup.shard, plan.positions))
        for asked in range(len(setup.asked))
        for number, first in enumerate(starts)
    )


def rows_file(folder: Path, setup: Setup, shard: Shard) -> Path:
    """Where the rows of a shard lie once it is done."""
    return folder / "rows" / setup.asked[shard.asked].name / f"{shard.number:06}.parquet"


def is_done(folder: Path, setup: Setup, shard: Shard) -> bool:
    """Whether its rows are there; the last shard is done again once more images belong to it."""
    return tables.count(rows_file(folder, setup, shard)) == shard.last - shard.first


def missing(folder: Path, setup: Setup, plan: Plan) -> list[Shard]:
    """The shards that are not done."""
    return [shard for shard in shards(setup, plan) if not is_done(folder, setup, shard)]
