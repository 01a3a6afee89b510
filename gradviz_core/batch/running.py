"""A batch on this machine, from what was asked to the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradviz_core.answering import Answerer
from gradviz_core.batch import beginning, results, setup, shards, tables
from gradviz_core.batch import folder as folders
from gradviz_core.batch import plan as plans
from gradviz_core.batch.plan import Plan
from gradviz_core.batch.results import Finished
from gradviz_core.batch.setup import Asked, ModelFile, Setup
from gradviz_core.batch.shards import Shard
from gradviz_core.batch.sources import Found
from gradviz_core.batch.workers import Workers
from gradviz_core.errors import QuestionError
from gradviz_core.settings import cpu_count, settings
from gradviz_core.types import GradientQuestion, keys
from gradviz_core.uploads import own_files

BESIDES = 4_096
"""Bytes of a row and of a map beside its numbers, about."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A folder that is ready to be computed."""

    folder: Path
    setup: Setup
    plan: Plan
    seconds: tuple[float, ...] = ()
    """Of an image, for each question, as the first images took them on one thread; empty for a folder that is begun."""

    @property
    def bytes(self) -> int:
        """How large the results will be, at most: maps are compressed."""
        each = sum(one.bytes_of_maps // (2 if self.setup.float16 else 1) + BESIDES for one in self.setup.asked)
        return self.plan.positions * each

    def hours(self, workers: int) -> float:
        """How long all of it takes, by the first images."""
        return self.plan.positions * sum(self.seconds) / workers / 3600


Question = tuple[GradientQuestion, ModelFile]


def prepare(
    folder: Path, found: Sequence[Found], asked: Sequence[Question], *, float16: bool = False, shard: int | None = None
) -> Batch:
    """Plan the images, and look what the questions take; nothing is written. Model files of ``asked`` are lent.

    ``shard`` is how many images are one shard of a new folder; by default ``setup.shard_size`` says it.

    Raises:
        QuestionError: a question cannot be answered, or the folder is about something else.
        ComputeError: the extra is not installed.
    """
    tables.check_installed()
    beginning.use_one_thread()
    before = setup.load(folder)
    plan = plans.grown(plans.load(folder), found, before.shard) if before else plans.grown(Plan(), found, 1)
    if len({setup.unasked(question) for question, _ in asked}) < len(asked):
        raise QuestionError("The same question is asked twice. Ask each once.")
    answerer = Answerer(settings().device, remember=False)
    if before is not None:
        now = replace(before, asked=tuple(beginning.as_asked(*one, answerer) for one in asked), float16=float16)
        setup.check_same(before, now)
        return Batch(folder, replace(now, asked=tuple(map(_as_before, before.asked, now.asked))), plan)
    first = beginning.first_images(plan)
    try:
        tried = [beginning.try_out(question, model, first, answerer) for question, model in asked]
    finally:
        for key in first:
            own_files.give_back(keys.digest(key) or "")
    size = shard or setup.shard_size(plan.positions, max(one.asked.bytes_of_maps for one in tried))
    now = Setup(tuple(one.asked for one in tried), size, float16)
    return Batch(folder, now, plan, tuple(one.seconds for one in tried))


def _as_before(before: Asked, now: Asked) -> Asked:
    """As the folder was begun; the model's file may lie elsewhere now."""
    return replace(before, model=now.model)


def begin(batch: Batch) -> None:
    """Write the setup, the plan and the arrays that the maps go into."""
    batch.folder.mkdir(parents=True, exist_ok=True)
    setup.save(batch.folder, batch.setup)
    plans.save(batch.folder, batch.plan)
    folders.make_arrays(batch.folder, batch.setup, batch.plan.end)


def missing(batch: Batch, part: tuple[int, int] = (1, 1)) -> list[Shard]:
    """The shards that are to be done: those of the ``i``-th of ``n`` parts, counted from 1, that are not done yet, or
    have images that could not be read and can be now."""
    which, parts = part
    mine = set(shards.shards(batch.setup, batch.plan)[which - 1 :: parts])
    return [shard for shard in shards.wanted(batch.folder, batch.setup, batch.plan) if shard in mine]


def run(
    batch: Batch,
    todo: Sequence[Shard],
    workers: int,
    images_done: Callable[[int], None],
    shard_done: Callable[[Shard], None],
) -> None:
    """Compute these shards with so many processes."""
    Workers(batch.folder, workers, images_done, shard_done).run(todo)


def finish(batch: Batch) -> Finished | None:
    """Write the results; None where shards are missing, which other jobs do."""
    if shards.missing(batch.folder, batch.setup, batch.plan):
        return None
    return results.write(batch.folder, batch.setup, batch.plan)


def usual_workers() -> int:
    """As many as cores on the CPU; one on a GPU."""
    return cpu_count() if Answerer(settings().device, remember=False).device.type == "cpu" else 1
