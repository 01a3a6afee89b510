"""Compute one shard: a row and the maps of each of its images. The same shard gives the same numbers, always."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.answers import pictures, several
from gradviz_core.answers.load import Model
from gradviz_core.batch import sources
from gradviz_core.batch.plan import Planned
from gradviz_core.batch.setup import GROUP, Asked
from gradviz_core.batch.shards import Shard
from gradviz_core.errors import BadImage, GradVizError
from gradviz_core.types import ClassProbability, FloatArray, GradientAnswer, Site, Target, keys
from gradviz_core.types.sites import site_name
from gradviz_core.uploads import own_files

CHANGED = "{name} has changed since it was planned. Run the same command again: it is then planned anew."
LONGEST_ERROR = 1_000
ONCE_IT_CAN = "Run the same command again once it can be read: it is then computed."
NO_IMAGE = "No image with these bytes is named any more."


@dataclass(slots=True)
class Row:
    """What is found of one position."""

    position: int
    sha256: str = ""
    """Of the bytes of the image's file."""
    target: str = ""
    """The class that the score is of, where it is that of one: its number."""
    prediction: str = ""
    predicted: int | None = None
    probability: float | None = None
    score: float | None = None
    l1: float | None = None
    l2: float | None = None
    """Norms of the map at the first site that the question names: Σ|a| and √Σa²."""
    gap: float | None = None
    """Completeness gap there, of a complete method."""
    seconds: float = 0.0
    error: str = ""
    unread: bool = False
    """Whether the image's file could not be read, or had changed: it is tried again once it can be read."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A shard, before it is written."""

    rows: list[Row]
    maps: dict[str, FloatArray]
    """(images, ...) at each site, by its text; NaN where there is none."""


def compute(
    asked: Asked,
    shard: Shard,
    planned: Mapping[int, Planned],
    answerer: Answerer,
    done: Callable[[int], None] = lambda _: None,
) -> Computed:
    """The rows and maps of a shard. ``done`` is told how many more images are behind it."""
    count = shard.last - shard.first
    made = Computed(
        [Row(position) for position in range(shard.first, shard.last)],
        {site: np.full((count, *shape), np.nan, np.float32) for site, shape in asked.shapes},
    )
    for start in range(0, count, GROUP):
        _group(asked, made, range(start, min(start + GROUP, count)), planned, answerer)
        done(min(GROUP, count - start))
    return made


def _group(asked: Asked, made: Computed, places: range, planned: Mapping[int, Planned], answerer: Answerer) -> None:
    """Some neighbours, as the rows of one pass where they can be."""
    began = time.perf_counter()
    lent: dict[int, str] = {}
    for place in places:
        row = made.rows[place]
        with _said_in(row):
            lent[place] = _lend(row, planned.get(row.position))
    try:
        if not _in_rows(asked, made, lent, answerer, began):
            for place, key in lent.items():
                _alone(asked, made, place, key, answerer)
    finally:
        for key in lent.values():
            own_files.give_back(keys.digest(key) or "")


def _in_rows(asked: Asked, made: Computed, lent: Mapping[int, str], answerer: Answerer, began: float) -> bool:
    """Answer several images in one pass; False where that cannot be, and nothing was kept."""
    if not asked.in_rows:
        return False
    model = answerer.model(asked.question.model)
    sound = [place for place, key in lent.items() if _is_seen(key, model)]
    if len(sound) < 2:
        return False
    model = answerer.model_for(asked.question, several.first_input(model, lent[sound[0]]))
    found = several.rows(model, asked.question, [lent[place] for place in sound])
    if found is None:
        return False
    for place, one in zip(sound, found, strict=True):
        _keep(made, place, one.target, one.score, one.prediction, {asked.shapes[0][0]: one.gradient})
        made.rows[place].seconds = (time.perf_counter() - began) / len(sound)
    for place in lent.keys() - set(sound):  # it says what is wrong
        _alone(asked, made, place, lent[place], answerer)
    return True


def _alone(asked: Asked, made: Computed, place: int, key: str, answerer: Answerer) -> None:
    began, row = time.perf_counter(), made.rows[place]
    with _said_in(row):
        answer = answerer.answer(replace(asked.question, image=key))
        maps = {str(site): array for site, array in answer.attributions.items()}
        _check_maps(asked, answer)
        _keep(made, place, answer.target, answer.score, answer.prediction, maps)
        row.gap = next(iter(answer.gaps.values()), None)
    row.seconds = time.perf_counter() - began


def _lend(row: Row, planned: Planned | None) -> str:
    """The key of the image at a row's position, which is lent to this process.

    Raises:
        BadImage: it cannot be read, or has changed.
    """
    row.unread = True
    if planned is None:
        raise BadImage(NO_IMAGE)
    try:
        data = sources.read(planned.found)
    except BadImage as error:
        raise BadImage(f"{error} {ONCE_IT_CAN}") from None
    row.sha256 = hashlib.sha256(data).hexdigest()
    if row.sha256 != planned.sha256:
        raise BadImage(CHANGED.format(name=planned.found.name))
    row.unread = False
    return keys.upload(own_files.lend(images.kept(data)))


def _is_seen(key: str, model: Model) -> bool:
    try:
        pictures.as_seen(key, model.card.preprocessing)
    except GradVizError:
        return False
    return True


def _check_maps(asked: Asked, answer: GradientAnswer) -> None:
    for site, shape in asked.shapes:
        found = answer.attributions.get(Site.parse(site))
        if found is None:
            raise BadImage(f"No gradient reaches {site_name(Site.parse(site))} for this image.")
        if found.shape[1:] != shape:
            raise BadImage(f"The map at {site} has the shape {found.shape[1:]} for this image, and {shape} for others.")


def _keep(
    made: Computed,
    place: int,
    target: Target,
    score: float,
    prediction: tuple[ClassProbability, ...],
    maps: Mapping[str, FloatArray],
) -> None:
    row = made.rows[place]
    row.score, row.target = score, "" if target.explains is None else str(target.explains)
    if prediction:
        row.prediction, row.predicted = prediction[0].label, prediction[0].index
        row.probability = prediction[0].probability
    for site in made.maps:
        made.maps[site][place] = maps[site][0]
    first = maps[next(iter(made.maps))].astype(np.float64)
    row.l1, row.l2 = float(np.abs(first).sum()), float(np.sqrt(np.square(first).sum()))


class _said_in:  # noqa: N801 - used as a with statement reads
    """What goes wrong with an image becomes the error of its row."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        said = str(error) if isinstance(error, GradVizError) else f"{type(error).__name__}: {error}"
        self._row.error = said.strip().splitlines()[0][:LONGEST_ERROR]
        return True
