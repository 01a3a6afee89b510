"""Downloading pretrained weights once, into the folder where torch looks for them."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch

from gradviz_core.errors import WeightsMissing

CONNECT_SECONDS = 6.0
"""Longest wait for the server's first answer; the error comes within 10 seconds."""
_CHUNK = 1 << 20
_DIGEST_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.")


def fetch(url: str) -> Path:
    """The file of pretrained weights, downloaded when it is not there yet.

    An interrupted download continues where it stopped. A file that was put there by hand is used as it is.

    Raises:
        WeightsMissing: it is not there and cannot be fetched; the message names the file and its folder.
    """
    name = Path(urlparse(url).path).name
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / name
    if file.is_file():
        return file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _complete(file, url)
    except (OSError, EOFError, HTTPException, ValueError) as error:
        raise WeightsMissing(
            f"The weights {name} are not on this machine and could not be downloaded. Put the file into the folder "
            "hub/checkpoints under TORCH_HOME (by default .cache/torch in the home folder of the user who runs "
            "GradViz), or choose random weights or a preset."
        ) from error
    return file


def _complete(file: Path, url: str) -> None:
    part = file.with_suffix(file.suffix + ".part")
    with part.open("ab") as out:
        _claim(out)
        if not file.is_file():  # else another worker has just finished it
            _download(url, out)
    if not file.is_file():
        _check_digest(part, file.name)
        part.replace(file)


def _claim(out: BinaryIO) -> None:
    """Keep other workers from writing the same half-finished file; closing it lets go, even when a worker is killed.

    Raises ``OSError`` where another one is at it.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _download(url: str, out: BinaryIO) -> None:
    """Append to ``out`` what is still missing."""
    start = out.tell()
    try:
        reply = _open(Request(url, headers={"Range": f"bytes={start}-"} if start else {}))  # noqa: S310
    except HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing is missing: the last try was stopped just before the end
            return
        raise
    with reply:
        if getattr(reply, "status", 200) != 206:
            out.truncate(0)
        expected = int(reply.headers.get("Content-Length") or 0)
        arrived = 0
        while chunk := reply.read(_CHUNK):
            arrived += out.write(chunk)
    if arrived < expected:
        raise EOFError(f"{arrived} of {expected} bytes arrived")


def _open(request: Request) -> HTTPResponse:
    """``urlopen`` within ``CONNECT_SECONDS``, the name look-up included, which its own time-out leaves out."""
    box: list[HTTPResponse | Exception] = []

    def connect() -> None:
        try:
            box.append(urlopen(request, timeout=CONNECT_SECONDS))  # noqa: S310
        except (OSError, HTTPException) as error:
            box.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS + 1)
    if not box:
        raise TimeoutError(f"no answer within {CONNECT_SECONDS:g} seconds")
    if isinstance(box[0], Exception):
        raise box[0]
    return box[0]


def _check_digest(part: Path, name: str) -> None:
    """The name of an official file ends in the start of its SHA-256."""
    expected = _DIGEST_IN_NAME.search(name)
    with part.open("rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    if expected and not digest.startswith(expected[1]):
        part.unlink()
        raise ValueError(f"{name} arrived damaged")
