"""Checks of targets that are written by hand: their words, numbers and sites. No torch."""

from __future__ import annotations

from typing import Any, SupportsIndex, get_args

from gradviz_core.errors import BadTarget
from gradviz_core.types.heads import Head, OutputKind, Reduce, ScoreScale
from gradviz_core.types.subjects import Site
from gradviz_core.types.targets import KINDS, Unit

_WORDS: dict[str, tuple[str, ...]] = {"scale": get_args(ScoreScale), "reduce": get_args(Reduce)}
_NUMBERS = ("index", "other", "label", "box", "channel")


def check(target: object) -> None:
    """Check that it is a target, with known words, whole numbers and a ``Site``.

    Raises:
        BadTarget: something in it is not.
    """
    if not isinstance(target, KINDS):
        raise BadTarget(f"{target!r} is not a target. Write gv.ClassScore(3) for class 3, or one of the other targets.")
    names: tuple[str, ...] = type(target).__slots__
    found: dict[str, Any] = {name: getattr(target, name) for name in names}
    for name, known in _WORDS.items():
        _check_word(name, found.get(name, known[0]), known)
    if "head" in found:
        _check_head(found["head"])
    if not isinstance(found.get("site", Site("")), Site):
        raise BadTarget(f"{found['site']!r} is not a site. Write Site({str(found['site'])!r}).")
    if isinstance(target, Unit) and not isinstance(target.index, tuple):
        raise BadTarget(f"{target.index!r} is not the index of a unit. Write a tuple with one number for each axis.")
    for name in _NUMBERS:
        number = found.get(name)
        for one in number if isinstance(number, tuple) else (number,):
            if isinstance(one, bool) or not (one is None or isinstance(one, SupportsIndex)):
                raise BadTarget(f"{name} is {one!r} in {type(target).__name__}; it must be a whole number.")


def _check_head(head: object) -> None:
    if not isinstance(head, Head):
        raise BadTarget(f"{head!r} is not a head. Write gv.Head({str(head)!r}) for the output of that name.")
    given: object = head.item
    if not (given is None or isinstance(given, str)):
        raise BadTarget(f"The item of a head is {given!r}; it must be a string. Write gv.Head({str(given)!r}).")
    if head.reading is not None:
        _check_word("reading", head.reading, get_args(OutputKind))


def _check_word(name: str, word: object, known: tuple[str, ...]) -> None:
    if word not in known:
        raise BadTarget(f"There is no {name} {word!r}. Choose one of {', '.join(known)}.")
