"""The arrays of several answers as one ``.npz`` file: each comes as a file of its own, and is copied, part by part.

``A/attribution/.input`` is what ``attribution/.input`` was in the file of A.
"""

from __future__ import annotations

import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Protocol

import numpy as np
from numpy.lib import format as npy

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.downloads import LARGEST
from gradviz_core.compute.npz import SAME_TIME
from gradviz_core.compute.protocol import PART
from gradviz_core.errors import Busy, QuestionError
from gradviz_core.serving.offers import Several

PATIENCE_S, PAUSE_S = 5.0, 0.1
"""The service sends one file to an asker at a time: so long it may take to be done with the one before."""


class File(Protocol):
    """A file on its way in from the compute service."""

    @property
    def size(self) -> int:
        """In bytes."""

    def parts(self) -> Iterator[bytes]:
        """Its bytes."""

    def close(self) -> None:
        """Let go of it, read or not."""


Fetch = Callable[[str, str | None, Asker, threading.Event], File | None]
"""Gets the file of a question and of what its check says, for an asker; None once the event is set, when nobody waits
for it any more."""


class Together:
    """A file that was put together in this process, on the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        """It is whole."""
        self._file = file
        self.size = file.seek(0, 2)
        """In bytes."""

    def parts(self) -> Iterator[bytes]:
        """Its bytes."""
        self._file.seek(0)
        while part := self._file.read(PART):
            yield part

    def close(self) -> None:
        """Delete it."""
        self._file.close()


def fetched(fetch: Fetch, several: Several, asker: Asker, left: threading.Event) -> File | None:
    """The files of all questions in one, and what is said of them as ``comparison``. None once ``left`` is set.

    Raises:
        QuestionError: it would be too large.
        GradVizError: as ``fetch`` does.
    """
    whole = _empty()
    try:
        is_whole = _write(whole, fetch, several, asker, left)
    except BaseException:
        whole.close()
        raise
    if not is_whole:
        whole.close()
        return None
    return Together(whole)


def _write(whole: IO[bytes], fetch: Fetch, several: Several, asker: Asker, left: threading.Event) -> bool:
    """Write all of it; False where nobody waits for it any more."""
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        if several.said:
            with archive.open(zipfile.ZipInfo("comparison.npy", SAME_TIME), "w") as member:
                npy.write_array(member, np.array(several.said), allow_pickle=False)
        for name, question in several.questions:
            file = _patiently(fetch, question, asker, left)
            if file is None:
                return False
            try:
                _check_size(whole.tell() + file.size)
                _copy(file, name, archive)
            finally:
                file.close()
    return True


def _empty() -> IO[bytes]:
    return tempfile.TemporaryFile(prefix="gradviz-")


def _patiently(fetch: Fetch, question: str, asker: Asker, left: threading.Event) -> File | None:
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return fetch(question, None, asker, left)
        except Busy:
            if time.monotonic() > end or left.wait(PAUSE_S):
                raise


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise QuestionError(
            f"The file would be {size / 1e6:.0f} MB; the limit is {LARGEST / 1e6:g} MB. Compare fewer maps, or "
            "download each from its own page."
        )


def _copy(file: File, name: str, archive: zipfile.ZipFile) -> None:
    """Every array in the file, under ``name``."""
    with _empty() as spooled:
        for part in file.parts():
            spooled.write(part)
        with zipfile.ZipFile(spooled) as each:
            for entry in each.infolist():
                there = zipfile.ZipInfo(f"{name}/{entry.filename}", SAME_TIME)
                with each.open(entry) as source, archive.open(there, "w", force_zip64=True) as member:
                    while part := source.read(PART):
                        member.write(part)
