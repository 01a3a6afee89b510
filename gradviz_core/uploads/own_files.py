"""Files of whoever runs this process, by the SHA-256 of their bytes.

A command names files that lie anywhere. They have the keys that they would have as uploads, go through the same readers
and limits, and are never copied into the store: whoever reads an upload by its digest gets the bytes that were lent.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from gradviz_core.errors import GradVizError

_LENT: dict[str, bytes] = {}


def lend(data: bytes) -> str:
    """Let these bytes be found in this process, until ``give_back``; their digest."""
    digest = hashlib.sha256(data).hexdigest()
    _LENT[digest] = data
    return digest


def give_back(digest: str) -> None:
    """Let go of what was lent under this digest, if anything was."""
    _LENT.pop(digest, None)


def found(digest: str) -> bytes | None:
    """The bytes that were lent under this digest; None where none were."""
    return _LENT.get(digest)


def read(file: Path, limit: int, what: type[GradVizError]) -> bytes:
    """The bytes of a file.

    Raises:
        GradVizError: of the kind ``what``, where it cannot be read, or has more than ``limit`` bytes.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(limit + 1)
    except OSError as error:
        raise what(f"{file} cannot be read: {error.strerror or error}. Name a file that is there.") from None
    if len(data) > limit:
        raise what(f"{file} has more than {limit / 1e6:g} MB, which is the limit. Choose a smaller file.")
    return data
