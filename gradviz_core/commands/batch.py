"""``gradviz batch``: one or more questions about many images, into one folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradviz_core.commands.model_flags import Model
from gradviz_core.commands.named import model_file
from gradviz_core.commands.progress import Progress
from gradviz_core.commands.question_flags import Typed, flags, read_json
from gradviz_core.errors import QuestionError
from gradviz_core.text.codec import question_from_json
from gradviz_core.types import GradientQuestion

if TYPE_CHECKING:
    from gradviz_core.batch.running import Batch
    from gradviz_core.batch.setup import ModelFile

SOME_FAILED = 3
"""The exit status where some rows are errors."""


class Part(click.ParamType[tuple[int, int]]):
    """``2/8``: the second of eight parts."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The two numbers; a usage error where they are none."""
        if isinstance(value, tuple):
            return value
        which, sign, parts = value.partition("/")
        if not (sign and which.isdecimal() and parts.isdecimal() and 1 <= int(which) <= int(parts) <= 1_000_000):
            self.fail(f"{value!r} is no part: write two numbers, such as 1/8 to 8/8", param, ctx)
        return int(which), int(parts)


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--out", "folder", metavar="FOLDER", type=Path, required=True, help="Where the results go.")
@flags
@click.option(
    "--questions",
    metavar="FILE|-",
    help="A JSON list of questions without image, instead of --method, --option, --score, --at, --fast and --seed. "
    "--model is for those that name none.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Processes; by default one for each core.")
@click.option("--float16", is_flag=True, help="Maps of half the size; the receipt says how far they are off.")
@click.option("--shard", "part", type=Part(), default=(1, 1), help="Do the i-th of n parts alone, as one of n jobs.")
@click.option("--dry-run", is_flag=True, help="Count images, bytes and hours; compute and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Lines of JSON on standard output: one a shard, and the end.")
def batch(
    images: tuple[str, ...],
    folder: Path,
    model: str | None,
    architecture: str,
    labels: Path | None,
    preprocessing: str,
    method: str,
    options: tuple[str, ...],
    score: str,
    at: tuple[str, ...],
    fast: bool,
    seed: int,
    questions: str | None,
    workers: int | None,
    float16: bool,
    part: tuple[int, int],
    dry_run: bool,
    as_json: bool,
) -> int:
    """Answer questions about many images, into one folder.

    IMAGES are folders, text lists, tables (.csv or .parquet with the columns image, label and id), WebDataset .tar
    files that are not compressed, or images.

    \b
    gradviz batch photos --out results --model torchvision/resnet50@IMAGENET1K_V2
    gradviz batch test.csv --out results --model mine.pt2 --method integrated_gradients --score 3

    The same command goes on where it was stopped, however that was. The exit status is 0 when all is done, 3 when some
    rows are errors, 1 when it was refused, and 130 after Ctrl-C.
    """  # noqa: D301 - the sign tells click to keep the lines
    from gradviz_core.batch import running, sources, tables

    tables.check_installed()
    typed = Typed(method, options, score, at, seed, fast)
    if questions is not None and typed != Typed():
        raise click.UsageError("--questions says all of them: leave out --method, --option, --score, --at and --seed.")
    own = Model(model, architecture, labels, preprocessing)
    asked = [_one(typed, own)] if questions is None else _all(read_json(questions), own)
    prepared = running.prepare(folder, sources.find(images), asked, float16=float16)
    count = workers or running.usual_workers()
    if dry_run:
        _print_plan(prepared, count, as_json)
        return 0
    running.begin(prepared)
    return _run(prepared, count, part, as_json)


def _run(prepared: Batch, workers: int, part: tuple[int, int], as_json: bool) -> int:
    from gradviz_core.batch import running

    todo = running.missing(prepared, part)
    images = sum(shard.last - shard.first for shard in todo)
    began, left = time.perf_counter(), len(todo)
    progress = Progress(images, as_json)

    def done(_: object) -> None:
        nonlocal left
        left -= 1
        progress.shard(left)

    try:
        running.run(prepared, todo, workers, progress.images, done)
    except KeyboardInterrupt:
        progress.close()
        click.echo(f"Stopped with {left} of {len(todo)} shards to do. The same command goes on from here.", err=True)
        raise click.Abort from None
    progress.close()
    finished = running.finish(prepared)
    seconds = time.perf_counter() - began
    if finished is None:
        _say({"finished": False}, "This part is done. The last one to be done writes results.parquet.", as_json)
        return 0
    said: dict[str, object] = {
        "finished": True,
        "folder": str(prepared.folder),
        "rows": finished.rows,
        "errors": finished.errors,
        "float16_error": finished.float16_error,
        "seconds": seconds,
    }
    lines = [f"{finished.rows} rows, {finished.errors} of them errors, in {prepared.folder / 'results.parquet'}"]
    if images:
        lines.append(f"{images} maps in {seconds:.1f} s, {1000 * seconds / images:.1f} ms each")
    if finished.float16_error is not None:
        lines.append(f"float16: off by at most {finished.float16_error:.2g} of the largest number of a map")
    _say(said, "\n".join(lines), as_json)
    return SOME_FAILED if finished.errors else 0


def _one(typed: Typed, own: Model) -> tuple[GradientQuestion, ModelFile]:
    return typed.question(own.key(), ""), _file_of(own, own.named)


def _all(said: object, own: Model) -> list[tuple[GradientQuestion, ModelFile]]:
    """The questions of a file, with keys in the place of model files.

    Raises:
        QuestionError: it is no list of questions about gradients.
    """
    each: list[Any] = said if isinstance(said, list) else [said]
    if not each or not all(isinstance(one, dict) for one in each):
        raise QuestionError("The file holds no list of questions. Write a JSON list of objects, each one question.")
    found = []
    for one in each:
        if one.get("kind", "gradient") != "gradient":
            raise QuestionError(
                f"A batch asks for gradients and maps, and one question is of the kind {one['kind']!r}."
            )
        named = own.named if one.get("model") is None else str(one["model"])
        typed = own if named == own.named else Model(named, "", None, "")
        question = question_from_json(json.dumps({"kind": "gradient", **one, "model": typed.key(), "image": ""}))
        assert isinstance(question, GradientQuestion)
        if question.part is not None:
            raise QuestionError("A part of a sum is no map. Leave part out.")
        found.append((question, _file_of(typed, named)))
    return found


def _file_of(model: Model, named: str | None) -> ModelFile:
    """The model's file, as the folder's setup keeps it; empty for a key."""
    from gradviz_core.batch.setup import ModelFile

    file = model_file(named or "") if named else None
    if file is None:
        return ModelFile()
    labels = str(model.labels.resolve()) if model.labels else ""
    return ModelFile(str(file.resolve()), model.architecture, labels, model.preprocessing)


def _print_plan(prepared: Batch, workers: int, as_json: bool) -> None:
    errors = sum(bool(one.error) for one in prepared.plan.images)
    hours = prepared.hours(workers) if prepared.seconds else None
    said: dict[str, object] = {
        "images": len(prepared.plan.images),
        "unreadable": errors,
        "maps": prepared.plan.positions * len(prepared.setup.asked),
        "bytes": prepared.bytes,
        "hours": hours,
        "workers": workers,
    }
    time_needed = "" if hours is None else f", about {hours:.2g} hours with {workers} workers"
    words = (
        f"{said['images']} images, {errors} of which cannot be read; {said['maps']} maps, "
        f"up to {prepared.bytes / 1e9:.3g} GB{time_needed}. Nothing was written."
    )
    _say(said, words, as_json)


def _say(said: dict[str, object], words: str, as_json: bool) -> None:
    click.echo(json.dumps(said, separators=(",", ":")) if as_json else words)
