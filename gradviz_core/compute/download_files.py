"""Files that are being downloaded. They are kept on disk, so that the worker that made one is free as soon as it is
written, however slowly it is read; and a file is complete before it is sent.

Each is an unnamed temporary file, which the operating system deletes when it is closed, whichever process ends.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.protocol import PART, SLOWEST
from gradviz_core.compute.sockets import SILENCE_S
from gradviz_core.errors import Busy, GradVizError, StoreFull

ROOM = 1_000_000_000
"""Bytes that all these files may take together."""
SHARE = 0.5
"""The share of it that one address may take."""


class DownloadFiles:
    """The space for such files."""

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        """Nothing is written yet. ``folder`` need not exist."""
        self._folder, self._room = folder, room
        self._lock = threading.Lock()
        self._readers: dict[Asker, int] = {}
        """Bytes held for each asker."""

    @contextlib.contextmanager
    def reserve(self, asker: Asker) -> Iterator[DownloadFile]:
        """A place for one file, until the end of the ``with``.

        Raises:
            Busy: this asker is already downloading a file.
        """
        with self._lock:
            if asker in self._readers:
                raise Busy("Another file is being sent to this page. Wait until it is finished, or stop it.")
            self._readers[asker] = 0
        file = DownloadFile(self, asker)
        try:
            yield file
        finally:
            file.close()
            with self._lock:
                del self._readers[asker]

    def open(self, asker: Asker, size: int) -> IO[bytes]:
        """An empty file for ``size`` bytes.

        Raises:
            Busy: other files take the room there is.
            StoreFull: the folder cannot be written.
        """
        with self._lock:
            at_address = sum(held for other, held in self._readers.items() if other.address == asker.address)
            here, in_all = at_address + size, sum(self._readers.values()) + size
            if (here > SHARE * self._room and at_address) or in_all > self._room:
                raise Busy(
                    f"The file is {size / 1e6:.0f} MB, and other downloads leave no space for it at the moment. "
                    "Try again in a minute."
                )
            self._readers[asker] = size
        with _writing():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return tempfile.TemporaryFile(dir=self._folder, prefix="download-")


class DownloadFile:
    """One file: written completely by one thread, then read by another, which may close it at any time."""

    def __init__(self, files: DownloadFiles, asker: Asker) -> None:
        """Nothing is there yet."""
        self._files, self._asker = files, asker
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._closed = False
        self.size: int | None = None
        """Its length in bytes; None until it is complete."""

    def make_room(self, size: int) -> None:
        """Make room for ``size`` bytes.

        Raises:
            Busy: other files take the room there is, or nobody waits for this one any more.
            StoreFull: the folder cannot be written.
        """
        with self._lock:
            if self._closed or self._file is not None:
                raise Busy("This download has been cancelled.")
            self._file = self._files.open(self._asker, size)

    def take(self, size: int, parts: Iterator[bytes]) -> GradVizError | None:
        """Write the file; returns what went wrong. What cannot be written is read and dropped, so that the sender does
        not block."""
        trouble: GradVizError | None = None
        for part in parts:
            if trouble is None:
                trouble = self._write(part)
        self.size = size if trouble is None else None
        return trouble

    def _write(self, part: bytes) -> GradVizError | None:
        with self._lock:
            try:
                if self._file is not None:
                    with _writing():
                        self._file.write(part)
                        self._file.flush()
            except GradVizError as error:
                return error
        return None

    def parts(self) -> Iterator[bytes]:
        """The content, once the file is complete. Raises ``TimeoutError`` if it is read too slowly."""
        assert self._file is not None
        assert self.size is not None
        end = time.monotonic() + SILENCE_S + self.size / SLOWEST
        self._file.seek(0)
        while part := self._file.read(PART):
            if time.monotonic() > end:
                raise TimeoutError(f"a file of {self.size} bytes was taken too slowly")
            yield part

    def close(self) -> None:
        """Delete the file, even while it is written or read."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFull(
            "The file could not be prepared: the disk of this server is full or cannot be written. Try again later, or "
            "ask the operator of this server to free some space."
        ) from error
