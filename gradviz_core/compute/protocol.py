"""The protocol between client, service and workers.

A message is two frames of bytes: a word, and a body. Requests of a client are

    ask            question as JSON        -> answer as bytes, made to fit a screen
    show           question, look as JSON  -> the same, for one way to draw it
    check          question as JSON        -> answer as bytes, once nothing else is to be done
    arrays         ``Wanted`` as JSON      -> nothing, after a file of whole arrays
    stop-check     -                       -> nothing; the running check stops, and none starts for a moment
    status         -                       -> status as JSON
    arrive         Announcement as JSON    -> ``go``; then the file follows (see below)
    rescale-image  Rescaling as JSON       -> image report as JSON
    read-labels    bytes of a small file   -> labels as JSON
    keep-recipe    recipe as JSON          -> key of the model
    recipe         key of the model        -> recipe as JSON

Before a request a client may say ``for`` (body: ``Asker`` as JSON), which has no reply: the request that follows is
that asker's. A request without it is anybody's.

Replies are ``ok`` with a body as above, or ``error`` (body: an error as JSON). Before one of ``LARGE`` bytes or more
comes ``large`` (body: its size in decimal), so that the client can make room first.

An upload is announced with ``arrive``; the service says ``go``, or at once why not, and only then does the file follow,
in frames of ``PART`` bytes at most. It lies with the service until the connection closes. On that connection the client
then says ``look``, as often as it likes until the reply is ``ok``: the body is, as JSON, the values of black and of
full colour, or null; the reply is an image report, a model report or labels, as the announcement says. An image or a
model is kept then. In the other direction ``file`` (body: its size in decimal) and such frames come before the reply.

To its workers the service says ``ask``, ``show``, ``check``, ``arrays`` (``downloads.py`` says how the file comes),
``upload-image``, ``rescale-image``, ``upload-model``, ``read-labels`` (``worker.py`` has their bodies), and ``fetch``
(body: key of a model whose weights are to be on the disk). While a worker is at a job it may also say ``stop``; the
reply is then ``stopped``, or what came just before. A worker also says ``ready`` (body: ``Ready``), once, and ``last``:
an ``error`` after which it ends. Frames are bytes and only bytes: no objects travel.

``sockets.py`` says how the two ends find each other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gradviz_core.compute import sockets
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.errors import ComputeError
from gradviz_core.types.cards import UploadKind

Message = tuple[str, bytes]

LONGEST_WORD = 16
LABELS_BYTES = 1_000_000
"""Largest file of labels."""
LARGE = 2_000_000
"""Bytes from which on a reply is large. An answer about an ImageNet model at 224 pixels has 1.4 MB."""
PART = 1_000_000
"""Bytes of a file that travel as one frame."""
SLOWEST = 50_000
"""Bytes a second below which a file is given up, however steadily it drips in: as slow as the app lets a browser be."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the service."""

    device: str
    """Where the workers compute; empty until the first one is ready."""
    workers: int
    """Worker processes there should be."""
    ready: int
    """Worker processes that are up."""
    busy: int
    """Questions being answered now."""
    queued: int
    """Questions that wait for a worker."""
    threads: int
    """Cores each worker computes on."""
    answered: int
    """Questions and uploads taken up since the service started, those that failed included."""
    pid: int
    """Process number of the service."""
    upload_workers: int = 0
    """Confined worker processes there should be, once an upload was made; ``busy``, ``queued`` and ``answered`` count
    theirs too, the others do not."""
    confined: bool = True
    """Whether all that is to hold the confined workers does hold them."""
    confinement: str = ""
    """What holds them, or what is missing, in words."""

    def to_json(self) -> bytes:
        """The status as JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Status:
        """The status that ``to_json`` wrote."""
        return Status(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says of itself when it is ready."""

    device: str
    """Where it computes."""
    confined: bool
    """False where it was to be confined and is not, or not in every way."""
    confinement: str
    """What holds it, in words; empty where nothing is to."""

    def to_json(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Ready:
        """What ``to_json`` wrote."""
        return Ready(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a client says of a file before it sends it."""

    kind: UploadKind
    size: Annotated[int, Field(ge=0)]
    """In bytes."""

    def to_json(self) -> bytes:
        """The announcement as JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Announcement:
        """The announcement that ``to_json`` wrote. Raises ``ComputeError`` for anything else."""
        try:
            return _ANNOUNCEMENTS.validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise ComputeError("The upload does not fit this version of the compute service. Restart both.") from error


@dataclass(frozen=True, slots=True)
class Rescaling:
    """How a picture of more than 8 bits that was uploaded is to be scaled."""

    key: str
    value_range: tuple[float, float] | None
    """The values of black and of full colour; None for what its file or its largest number says."""

    def to_json(self) -> bytes:
        """The wish as JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Rescaling:
        """The wish that ``to_json`` wrote. Raises ``ComputeError`` for anything else."""
        try:
            return _RESCALINGS.validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise ComputeError(
                "The scaling of an image does not fit this version of the compute service. Restart both."
            ) from error


_ANNOUNCEMENTS = TypeAdapter(Announcement)
_RESCALINGS = TypeAdapter(Rescaling)
_RANGES: TypeAdapter[tuple[float, float] | None] = TypeAdapter(tuple[float, float] | None)


def value_range_from_json(text: bytes) -> tuple[float, float] | None:
    """The body of ``look``. Raises ``ComputeError`` for anything else."""
    try:
        return _RANGES.validate_json(text, strict=True)
    except ValidationError as error:
        raise ComputeError(
            "A request to read a file does not fit this version of the compute service. Restart both."
        ) from error


# ------------------------------------------------------------------------------------------------------------ messages


def write_message(connection: Connection, word: str, body: bytes = b"") -> None:
    """Send one message. Raises ``OSError`` where the other end is gone."""
    connection.send_bytes(word.encode())
    connection.send_bytes(body)


def write_request(connection: Connection, asker: Asker, word: str, body: bytes = b"") -> None:
    """Send a client's request, and for whom it is. Raises ``OSError`` where the other end is gone."""
    if asker != ANYONE:
        write_message(connection, "for", asker.to_json())
    write_message(connection, word, body)


def read_message(connection: Connection, longest: int | None = None) -> Message:
    """Wait for one message. Raises ``EOFError`` or ``OSError`` where the other end is gone, or sends a body of more
    than ``longest`` bytes."""
    word = connection.recv_bytes(LONGEST_WORD).decode("ascii", "replace")
    return word, connection.recv_bytes(longest)


def send_file(connection: Connection, data: memoryview) -> None:
    """Send a file that was announced. Raises ``OSError`` where the other end is gone."""
    for start in range(0, len(data), PART):
        connection.send_bytes(data[start : start + PART])


def receive_file(connection: Connection, size: int) -> Iterator[bytes]:
    """The parts of a file as they come. Raises ``EOFError`` or ``OSError`` where the other end is gone, sends more than
    it announced, or is too slow."""
    left, end = size, time.monotonic() + sockets.SILENCE_S + size / SLOWEST
    while left:
        part = connection.recv_bytes(min(left, PART))
        left -= len(part)
        if not part or time.monotonic() > end:
            raise TimeoutError(f"{size - left} of {size} bytes came in the time there was")
        yield part


def too_large(size: int, limit_mb: float, what: str) -> str:
    """The sentence for an upload of ``size`` bytes, which is over the limit; both sides check."""
    return f"The file is {size / 1e6:.1f} MB; the limit is {limit_mb:g} MB. Choose a smaller {what}."
