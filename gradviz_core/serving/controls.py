"""Which control of which session waits for a file, and what it takes. A page says so when it draws one."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gradviz_core.errors import UploadRefused
from gradviz_core.types.cards import UploadKind

LONGEST_NAME = 60
"""Characters of a file's name that a sentence shows."""


@dataclass(frozen=True, slots=True)
class Control:
    """What one control takes."""

    kind: UploadKind
    endings: tuple[str, ...]
    """Extensions of the files, in small letters, without the dot."""
    what: str
    """The same in words: ``a .txt or .json file``."""
    most_mb: float
    """Largest file, in megabytes of 1,000,000 bytes."""
    others: tuple[tuple[str, str], ...] = ()
    """Other extensions that people try, each with what such a file is and what to do instead."""

    @property
    def most_bytes(self) -> int:
        """Largest file, in bytes."""
        return int(self.most_mb * 1_000_000)

    def check(self, name: str, size: int) -> None:
        """Raise ``UploadRefused`` for a file with another extension, an empty one, and one that is too large."""
        shown = repr(name[:LONGEST_NAME])
        if ending(name) not in self.endings:
            known = dict(self.others).get(ending(name))
            raise UploadRefused(
                f"{shown} is {known}" if known else f"{shown} has an unsupported type. Choose {self.what}."
            )
        if not size:
            raise UploadRefused(f"{shown} is empty. Choose another file.")
        if size > self.most_bytes:
            raise UploadRefused(
                f"{shown} has {size_text(size)}; the limit is {self.most_mb:g} MB. Choose a smaller file."
            )


def ending(name: str) -> str:
    """The extension of a file, in small letters, without the dot."""
    return PurePath(name).suffix.lower().removeprefix(".")


def size_text(size: int) -> str:
    """``46.8 MB``, ``312 kB``."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1e3))} kB"


def meant(controls: Sequence[Control], name: str) -> Control:
    """The control that a file of this name was chosen in, as far as its extension tells; else the first one."""
    return next((control for control in controls if ending(name) in control.endings), controls[0])


class Controls:
    """The controls that wait, by session and by name; any number of threads may use it at once."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[str, Control]] = {}

    def draw(self, session: str, name: str, control: Control) -> None:
        """A control was drawn and waits from now on."""
        with self._lock:
            named = self._waiting.setdefault(session, {})
            named.pop(name, None)  # the one drawn last stands last
            named[name] = control

    def keep_only(self, session: str, names: Collection[str]) -> None:
        """A page was drawn to its end: its other controls are no longer there."""
        with self._lock:
            named = self._waiting.get(session, {})
            for name in named.keys() - set(names):
                del named[name]

    def of(self, session: str) -> tuple[Control, ...]:
        """The controls of a session that wait, the one drawn last first: a dialog comes before the page behind it."""
        with self._lock:
            return tuple(reversed(self._waiting.get(session, {}).values()))

    def forget(self, session: str) -> None:
        """A session has ended."""
        with self._lock:
            self._waiting.pop(session, None)

    def sessions(self) -> set[str]:
        """The sessions that have drawn a control."""
        with self._lock:
            return set(self._waiting)
