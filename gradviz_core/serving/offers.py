"""What can be downloaded at this moment: what some page offers to its own session. A link to it cannot be guessed,
names nothing, and is worth nothing once its page is closed."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from gradviz_core.compute.askers import Asker

PATH = "download"
"""The part of the address before the token."""
MOST_BYTES = 8_000_000
"""Most that all offers hold together; those that were drawn longest ago make room."""
WEIGHT = 1_000
"""Bytes that an offer is counted with, beside its question."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """The arrays of the answer to a question, whole, in one file."""

    question: str
    """As JSON."""
    check: Callable[[], str] | None
    """Gives what finite differences say of the gradient by then, as JSON."""


@dataclass(frozen=True, slots=True)
class Several:
    """The arrays of the answers to several questions in one file."""

    questions: tuple[tuple[str, str], ...]
    """The name that each has in the file, which all of its arrays begin with, and the question as JSON."""
    said: str
    """What is said of all of them together, as JSON; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Page:
    """A picture as a page of its own. The browser, which has the picture, adds it at the end."""

    title: Callable[[], list[str]]
    """Gives the lines above it."""
    light: bool = False
    """Whether it fetches Plotly when it is opened, instead of holding it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One file."""

    asker: Asker
    """The session that it is offered to."""
    file: str
    """The name that it gets, in plain letters."""
    what: Arrays | Several | Page

    @property
    def size(self) -> int:
        """Bytes that it counts with."""
        match self.what:
            case Arrays(question=question):
                return WEIGHT + len(question)
            case Several(questions=questions, said=said):
                return WEIGHT + len(said) + sum(len(question) for _, question in questions)
            case _:
                return WEIGHT


class Offers:
    """All offers of this process. Any number of threads may use them at once."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Nothing is offered yet, and every session counts as there until ``knows`` is set."""
        self._most = most_bytes
        self._lock = threading.Lock()
        self._offers: OrderedDict[str, tuple[str, Offer]] = OrderedDict()
        self._tokens: dict[tuple[str, str], str] = {}
        self.knows: Callable[[str], bool] = lambda session: True
        """Whether a session is still there, by the name that its page is known by."""

    def offer(self, session: str, offer: Offer) -> str:
        """The token behind which this file is from now on. A file of the same name that the same session was offered
        before is there no longer, and its token is the new one's."""
        with self._lock:
            token = self._tokens.setdefault((session, offer.file), secrets.token_urlsafe(32))
            self._offers[token] = (session, offer)
            self._offers.move_to_end(token)
            while len(self._offers) > 1 and self.size > self._most:
                self._forget(next(iter(self._offers)))
        return token

    def find(self, token: str) -> Offer | None:
        """The offer behind a token; None where there is none, or none any more."""
        with self._lock:
            session, offer = self._offers.get(token, ("", None))
            return offer if offer is not None and self.knows(session) else None

    def forget(self, session: str) -> None:
        """Let go of all that was offered to a session."""
        with self._lock:
            for token in [token for token, (whose, _) in self._offers.items() if whose == session]:
                self._forget(token)

    @property
    def size(self) -> int:
        """Bytes that all offers count with."""
        return sum(offer.size for _, offer in self._offers.values())

    def _forget(self, token: str) -> None:
        session, offer = self._offers.pop(token)
        del self._tokens[session, offer.file]


@lru_cache(maxsize=1)
def offers() -> Offers:
    """The offers of this process."""
    return Offers()
