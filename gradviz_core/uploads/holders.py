"""Who brought which upload, so that in a full store whoever holds the most gives way first.

    <store>/holders/<digest>-<mark>    an empty file: the one with this mark brought the upload with this digest
    <store>/holders/secret             what marks are made with

A holder is named by any text, the address of a client for instance. Its mark is the first half of HMAC-SHA256(secret,
text): a plain hash of an address is undone by trying all of them, and the folder, or a copy of it, must not be a list
of who uploaded what. An upload that two people brought counts whole for both, and stays as long as it may stay for one.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import hmac
import os
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MOST = 8
"""Holders that are noted of one upload, the first ones: it is theirs, whoever brings it later."""
NOBODY = ""
"""The mark of what was brought before there were marks, or by somebody without a name."""
_KEY_FILE = "secret"
_MARK = 32


@dataclass(frozen=True, slots=True)
class Kept:
    """An upload that lies in the store."""

    path: Path
    used: float
    """When it was last used."""
    size: int
    """Bytes that it takes on the disk."""
    holders: frozenset[str]
    """Marks of those who brought it; ``NOBODY`` alone where that is not known."""


class Holders:
    """The marks in one folder. Its only writer is the store, under the store's lock."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or written yet."""
        self._folder = folder
        self._key = b""

    def mark(self, holder: str) -> str:
        """The mark of a holder; that of no text is ``NOBODY``. Raises ``OSError`` where no secret can be kept."""
        if not holder:
            return NOBODY
        self._key = self._key or self._secret()
        return hmac.new(self._key, holder.encode(), hashlib.sha256).hexdigest()[:_MARK]

    def note(self, digest: str, mark: str, *, first: bool) -> None:
        """Note who brought an upload; ``first`` says that nobody brought it before.

        Raises:
            OSError: that cannot be written.
        """
        if mark != NOBODY and (first or len([*self._folder.glob(f"{digest}-*")]) < MOST):
            (self._folder / f"{digest}-{mark}").touch(mode=0o600)

    def all(self) -> Mapping[str, frozenset[str]]:
        """The marks of every upload, by its digest. Raises ``OSError`` where the folder cannot be read."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for path in self._folder.iterdir():
            digest, _, mark = path.name.partition("-")
            if mark:
                found[digest].add(mark)
        return {digest: frozenset(marks) for digest, marks in found.items()}

    def forget_all_but(self, digests: Iterable[str]) -> None:
        """Drop the marks of what is not here any more. Raises ``OSError`` where the folder cannot be read."""
        here = set(digests)
        for path in self._folder.iterdir():
            if path.name != _KEY_FILE and path.name.partition("-")[0] not in here:
                path.unlink(missing_ok=True)

    def _secret(self) -> bytes:
        place = self._folder / _KEY_FILE
        with contextlib.suppress(FileExistsError):
            number = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(secrets.token_bytes(32))
        return place.read_bytes()


def giving_way(kept: Iterable[Kept], needed: int, held: int) -> list[Kept]:
    """What makes ``needed`` bytes of room for somebody who then holds ``held`` bytes: always the longest unused of
    whoever holds the most, as long as that one holds more than the newcomer will. Empty where that is not enough.

    An upload of several holders goes only where even the one of them that holds the least holds more than the newcomer.
    """
    holds: Counter[str] = Counter()
    by_holders: defaultdict[frozenset[str], list[Kept]] = defaultdict(list)
    for one in kept:
        by_holders[one.holders].append(one)
        for mark in one.holders:
            holds[mark] += one.size
    queues = {marks: deque(sorted(some, key=lambda one: one.used)) for marks, some in by_holders.items()}
    largest_first = [(-min(holds[mark] for mark in marks), sorted(marks)) for marks in queues]
    heapq.heapify(largest_first)
    leaving: list[Kept] = []
    while needed > 0 and largest_first:
        before, names = heapq.heappop(largest_first)
        marks = frozenset(names)
        least = min(holds[mark] for mark in marks)
        if least == -before:
            if least <= held:
                return []
            leaving.append(queues[marks].popleft())
            needed -= leaving[-1].size
            for mark in marks:
                holds[mark] -= leaving[-1].size
        if queues[marks]:
            heapq.heappush(largest_first, (-min(holds[mark] for mark in marks), names))
    return leaving if needed <= 0 else []
