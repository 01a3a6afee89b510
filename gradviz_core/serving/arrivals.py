"""What is on its way in and what has come in, by session and by client; and how much of it there may be.

A file's bytes are with the compute service. Here is who may ask about them, and what lets go of them: the page, the
browser, the end of the session, or time.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from gradviz_core.errors import UploadRefused
from gradviz_core.serving.controls import Controls, size_text
from gradviz_core.serving.session_limits import RETURN_S
from gradviz_core.settings import Settings, settings
from gradviz_core.types.cards import ImageReport, ModelReport

log = logging.getLogger("gradviz.serving")

SESSION_FILES = 12
"""Files of one session that may be on their way, or wait for their page."""
ADDRESS_FILES = 12
"""Files from one address."""
FILES = 24
"""Files in all."""
ADDRESS_LARGEST = 2
"""As many of the largest files there may be may be on their way from one address, or wait for their page."""
LARGEST = 6
"""And in all."""
FRAME = 10_000
"""Bytes around a file that its request may have."""
GONE_S = 4.0
"""Seconds after which the files of a session without a connection are let go of; a browser that reconnects takes one or
two."""
ENDED_S = RETURN_S + 3
"""And after which nothing more is known of it: it cannot come back."""
HELD_S = 180.0
"""Seconds for which a file waits for its page, which may be busy for two minutes, or ask for the range of an array."""
MOST_NOTES = 20
"""Files of one session that its page has not taken up, those that were refused included."""
LOOK_S = 1.0
"""How often ended sessions are looked for."""


class Delivery(Protocol):
    """A file at the compute service, which keeps it for as long as this is open."""

    def write(self, part: bytes) -> None:
        """Send the next bytes. Raises ``GradVizError`` where the service is gone."""

    def image(self, value_range: tuple[float, float] | None = None) -> ImageReport:
        """Keep the file as an image."""

    def model(self) -> ModelReport:
        """Keep the file as a model."""

    def labels(self) -> tuple[str, ...]:
        """The labels in the file."""

    def close(self) -> None:
        """Let go of the file, whatever is being done with it."""


@dataclass(eq=False, slots=True)
class Incoming:
    """One file, from the moment its request has come."""

    session: str
    file_id: str
    """Its name in Streamlit's addresses."""
    address: str
    """Of the client."""
    size: int
    """In bytes."""
    name: str = ""
    delivery: Delivery | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    """What its page names it by."""
    since: float = 0.0
    """When all of it had come; 0 before that."""
    kept: bool = False
    """Whether the service has kept it."""
    gone: bool = False
    """Whether it was let go of."""


class Arrivals:
    """All files of one app that are on their way or wait for their page; any number of threads may use it at once."""

    def __init__(self, limits: Settings) -> None:
        """Nothing has come yet."""
        self.controls = Controls()
        self._limits = limits
        self._lock = threading.Lock()
        self._files: dict[str, Incoming] = {}
        """By token."""
        self._kept: dict[str, int] = {}
        """Bytes that each session has had kept."""
        self._notes: dict[str, set[str]] = {}
        """Files of each session that Streamlit holds a note of."""
        self._seen: dict[str, float] = {}
        """When each session was last there."""

    # ---------------------------------------------------------------------------------------------------- on its way in

    def begin(self, session: str, file_id: str, address: str, size: int) -> Incoming:
        """Make room for a file. Raises ``UploadRefused`` where there is none."""
        largest = max(self._limits.model_bytes, self._limits.upload_bytes) + FRAME
        with self._lock:
            self._check_session(session, size)
            by_address = [file for file in self._files.values() if file.address == address]
            if len(by_address) >= ADDRESS_FILES or _bytes(by_address) + size > ADDRESS_LARGEST * largest:
                raise UploadRefused(
                    f"Files of {size_text(_bytes(by_address))} are already being uploaded from your address; with "
                    "this one there would be too many, or they would be too large. Wait until one has finished."
                )
            everybody = self._files.values()
            if len(everybody) >= FILES or _bytes(everybody) + size > LARGEST * largest:
                raise UploadRefused(
                    "Too many files are being uploaded at the moment. Choose the file again in a minute."
                )
            incoming = Incoming(session, file_id, address, size)
            self._files[incoming.token] = incoming
            return incoming

    def _check_session(self, session: str, size: int) -> None:
        files = self._where(lambda file: file.session == session and not file.kept)
        if len(files) >= SESSION_FILES:
            raise UploadRefused(
                f"{len(files)} files of this page are being uploaded. Wait until one of them has finished."
            )
        most, used = self._limits.session_mb, self._kept.get(session, 0) + _bytes(files)
        if used + size > most * 1_000_000:
            raise UploadRefused(
                f"The file has {size_text(size)}, and this session has uploaded {size_text(used)} of the {most:g} MB "
                "allowed. Choose a smaller file, or use one that is already uploaded."
            )

    def came(self, incoming: Incoming) -> bool:
        """All of it is there, and its page may ask for it; False where it was let go of meanwhile. What came for the
        same control before it goes."""
        with self._lock:
            incoming.since = time.monotonic()
        self._let_go_where(lambda file: file is not incoming and _same(file, incoming))
        return not incoming.gone

    def note(self, session: str, file_id: str) -> bool:
        """Streamlit is to be handed a note about this file; False where it holds too many for this session."""
        with self._lock:
            notes = self._notes.setdefault(session, set())
            if file_id not in notes and len(notes) >= MOST_NOTES:
                return False
            notes.add(file_id)
            return True

    # ------------------------------------------------------------------------------------------------------- for a page

    def find(self, session: str, token: str) -> Incoming:
        """The file that a note of this session names. Raises ``UploadRefused`` where it is not here, or no longer."""
        with self._lock:
            incoming = self._files.get(token)
        if incoming is None or incoming.session != session or not incoming.since:
            raise UploadRefused("The file has been removed. Choose it again.")
        return incoming

    def keep(self, incoming: Incoming) -> None:
        """The service has kept the file: it counts for its session."""
        with self._lock:
            if not incoming.kept:
                self._kept[incoming.session] = self._kept.get(incoming.session, 0) + incoming.size
                incoming.kept = True

    def uploaded(self, session: str) -> int:
        """Bytes that a session has had kept."""
        with self._lock:
            return self._kept.get(session, 0)

    def let_go(self, incoming: Incoming) -> None:
        """The file is gone, if the service has not kept it, and its room is free."""
        with self._lock:
            self._files.pop(incoming.token, None)
            incoming.gone = True
            delivery = incoming.delivery
        if delivery is not None:
            delivery.close()

    def removed(self, session: str, file_id: str) -> None:
        """Streamlit's note about this file is gone, and so is the file."""
        with self._lock:
            self._notes.get(session, set()).discard(file_id)
        self._let_go_where(lambda file: (file.session, file.file_id) == (session, file_id))

    # ------------------------------------------------------------------------------------------------------- sessions

    def watch(self, known: Callable[[str], bool]) -> None:
        """From now on let go of what belongs to sessions that ``known`` denies, and of what waits too long."""
        threading.Thread(target=self._keep_looking, args=(known,), daemon=True, name="arrivals").start()

    def look(self, known: Callable[[str], bool]) -> None:
        """Look once for sessions that have ended, and for files that wait too long."""
        now = time.monotonic()
        with self._lock:
            sessions = {file.session for file in self._files.values()} | self._kept.keys() | self._notes.keys()
        away: dict[str, float] = {}
        for session in sessions | self.controls.sessions():
            if known(session):
                self._seen[session] = now
            else:
                away[session] = now - self._seen.setdefault(session, now)
        self._let_go_where(lambda file: away.get(file.session, 0.0) > GONE_S)
        for session in (session for session, seconds in away.items() if seconds > ENDED_S):
            self._forget(session)
        self._let_go_where(lambda file: bool(file.since) and now - file.since > HELD_S)

    def _keep_looking(self, known: Callable[[str], bool]) -> None:
        while True:
            time.sleep(LOOK_S)
            try:
                self.look(known)
            except Exception:
                log.exception("sessions that have ended could not be looked for")

    def _forget(self, session: str) -> None:
        self.controls.forget(session)
        with self._lock:
            for of_session in (self._kept, self._notes, self._seen):
                of_session.pop(session, None)

    def _let_go_where(self, wanted: Callable[[Incoming], bool]) -> None:
        with self._lock:
            files = self._where(wanted)
        for file in files:
            self.let_go(file)

    def _where(self, wanted: Callable[[Incoming], bool]) -> list[Incoming]:
        return [file for file in self._files.values() if wanted(file)]


@lru_cache(maxsize=1)
def here() -> Arrivals:
    """Those of this process."""
    return Arrivals(settings())


def _bytes(files: Iterable[Incoming]) -> int:
    return sum(file.size for file in files)


def _same(one: Incoming, other: Incoming) -> bool:
    return (one.session, one.file_id) == (other.session, other.file_id)
