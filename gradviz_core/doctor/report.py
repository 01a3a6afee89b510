"""One finding out of a cause and a call, and the two tables beside the findings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from gradviz_core.doctor import words
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Event, Place, is_open
from gradviz_core.doctor.rewriting import rewritten
from gradviz_core.doctor.way_back import Slopes, norm
from gradviz_core.types import Site
from gradviz_core.types.findings import Cause, Finding, LayerReport, LeafReport, Level
from gradviz_core.types.sites import site_name

_LAST = 10**9
Found = tuple[int, Finding]
"""When it happened, and what."""


def finding(
    cause: Cause,
    level: Level,
    event: Event | None,
    lost: Iterable[str] = (),
    weakened: Iterable[str] = (),
    where: str = "",
    more: str = "",
    repair: str = "",
) -> Found:
    """What happens at ``event`` (``where``, if there is none), in words, and its repair: the one given, the author's
    line mended, or the general pattern."""
    place = event.place if event is not None else Place()
    operation = event.name if event is not None else ""
    lost, weakened = tuple(dict.fromkeys(lost)), tuple(dict.fromkeys(weakened))
    found = Finding(
        cause=cause,
        level=level,
        where=where or _module(place),
        file=Path(place.file).name,
        line=place.line,
        text=place.text,
        lost=lost,
        weakened=weakened,
        sentence=words.sentence(cause, operation, lost, weakened, more),
        repair=repair or rewritten(cause, operation, place.text, bool(lost)) or words.repair(cause, operation),
    )
    return (event.number if event is not None else _LAST), found


def explained(found: Iterable[Found]) -> set[str]:
    """The parameters and inputs that lose their gradient by what was found."""
    return {name for _, one in found for name in one.lost}


def above(done: Pass, numbers: Collection[int]) -> list[str]:
    """Leaves from which a gradient would come to these values."""
    return done.record.flow.leaves(done.record.flow.before(numbers, is_open))


def in_order(done: Pass) -> list[str]:
    """Names of leaves in order of first use; those never used last."""

    def when(name: str) -> int:
        event = done.record.first_use.get(done.numbers[name])
        return _LAST if event is None else event.number

    return sorted(done.leaves, key=when)


def owner(name: str) -> str:
    """The module that a parameter belongs to; an input by its own name."""
    path, _, _ = name.rpartition(".")
    return path or name


def of_leaves(done: Pass, back: Slopes) -> tuple[LeafReport, ...]:
    """Inputs first, then parameters."""
    return tuple(
        LeafReport(
            name=name,
            shape=tuple(done.leaves[name].shape),
            trains=done.trains[name],
            gradient=back.states[name],
            norm=math.nan if (slope := back.gradients[name]) is None else norm(slope),
        )
        for name in sorted(in_order(done), key=lambda name: name in done.parameters)
    )


def of_layers(done: Pass) -> tuple[LayerReport, ...]:
    """The activation functions that ran."""
    total = Counter((_module(event.place), event.name) for event, _ in done.activations)
    before: Counter[tuple[str, str]] = Counter()
    found = []
    for event, share in done.activations:
        which = where, function = _module(event.place), event.name
        found.append(
            LayerReport(
                where=where,
                function=function,
                call=before[which],
                calls=total[which],
                file=Path(event.place.file).name,
                line=event.place.line,
                units=share.units,
                share=share.share,
                places=share.places,
            )
        )
        before[which] += 1
    return tuple(found)


def _module(place: Place) -> str:
    if place.module is None:
        return "outside any module"
    return site_name(Site(place.module)) if place.module else "the model itself"
