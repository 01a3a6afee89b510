"""The verdicts of finite differences on the gradients that are on somebody's screen: asked for once the page is drawn,
and handed to the browser, which looks for its own every now and then.

That look is a small request of its own. It runs no part of the page, so it cannot get in the way of a click.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from gradviz_core.compute import client
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.doctor import verdicts
from gradviz_core.errors import ComputeError, GradVizError
from gradviz_core.serving.lru_cache import LruCache
from gradviz_core.text.codec import question_to_json
from gradviz_core.text.shown_text import keeping_direction, visible
from gradviz_core.types import ProofAnswer, ProofQuestion
from gradviz_core.types.findings import Proof, counted

PATH = "check"
"""The part of the address before the token."""
MOST_BYTES = 4_000_000
"""Most that the verdicts which are kept hold together."""
MOST_LINES = 50
"""Most lines that are kept for one session while its page is drawn; the oldest go first."""
Verdict = Proof | GradVizError
"""What was found, or why nothing can be."""
Ask = Callable[[ProofQuestion, threading.Event, Asker], ProofAnswer | None]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def by_the_service(question: ProofQuestion, left: threading.Event, asker: Asker) -> ProofAnswer | None:
    """The compute service's answer."""
    return client.check(question, left, asker)


class Checks:
    """The verdicts that were found, and the checks that are asked for because somebody sees their picture now. Any
    number of threads may use it at once."""

    def __init__(self, ask: Ask = by_the_service) -> None:
        """Nothing is known yet. ``ask`` waits for an answer, and gives None once its event is set."""
        self._ask_for = ask
        self._lock = threading.Lock()
        self._found: LruCache[Verdict] = LruCache(MOST_BYTES)
        self._asked: dict[str, threading.Event] = {}
        self._lines: dict[str, dict[str, str]] = {}
        """Of each session: the token behind which it finds the verdict on a question, by the question's text."""
        self._texts: dict[str, str] = {}
        """The text of the question behind each of these tokens."""

    def found(self, question: ProofQuestion) -> Verdict | None:
        """The verdict; None where it is not known yet."""
        return self._found.get(question_to_json(question))

    @property
    def any_asked(self) -> bool:
        """Whether a check is waited for."""
        return bool(self._asked)

    def token_for(self, session: str, question: ProofQuestion) -> str:
        """The token behind which this session's browser finds the verdict, for as long as its page has that line. A
        verdict that could not be had for want of a worker is forgotten: it may go better this time."""
        text = question_to_json(question)
        with self._lock:
            if isinstance(self._found.get(text), ComputeError):
                self._found.drop(text)
            lines = self._lines.get(session, {})
            token = lines.get(text) or secrets.token_urlsafe(24)
            newest = {one: its for one, its in lines.items() if one != text} | {text: token}
            self._keep_lines(session, dict(list(newest.items())[-MOST_LINES:]))
        return token

    def behind(self, token: str) -> tuple[bool, Verdict | None]:
        """Whether a page has a line with this token, and the verdict that it waits for, once there is one."""
        text = self._texts.get(token)
        return text is not None, self._found.get(text) if text is not None else None

    def show(self, session: str, questions: Mapping[str, ProofQuestion], asker: Asker = ANYONE) -> None:
        """Ask for the verdicts that this session's page shows now, and leave those that nobody sees any more."""
        new = {}
        with self._lock:
            lines = self._lines.get(session, {})
            self._keep_lines(session, {text: lines.get(text) or secrets.token_urlsafe(24) for text in questions})
            self._leave_unseen()
            for text in questions:
                if self._found.get(text) is None and text not in self._asked:
                    new[text] = self._asked[text] = threading.Event()
        for text, left in new.items():
            threading.Thread(target=self._ask, args=(text, questions[text], left, asker), daemon=True).start()

    def leave(self, session: str) -> None:
        """Nobody sees the page of this session any more."""
        with self._lock:
            self._keep_lines(session, {})
            self._leave_unseen()

    def _keep_lines(self, session: str, lines: dict[str, str]) -> None:
        """These are the lines of the session from now on. The lock is held; but ``behind`` does not wait for it, so a
        line that stays is never gone in between."""
        before = self._lines.pop(session, {})
        if lines:
            self._lines[session] = lines
        self._texts |= {token: text for text, token in lines.items()}
        for gone in set(before.values()) - set(lines.values()):
            del self._texts[gone]

    def _leave_unseen(self) -> None:
        seen = set(self._texts.values())
        for text in [text for text in self._asked if text not in seen]:
            self._asked.pop(text).set()

    def _ask(self, text: str, question: ProofQuestion, left: threading.Event, asker: Asker) -> None:
        found: Verdict | None = None
        try:
            if answer := self._ask_for(question, left, asker):
                found = answer.proof
        except GradVizError as error:
            found = error
        finally:
            with self._lock:
                if self._asked.get(text) is left:
                    del self._asked[text]
                if found is not None:
                    self._found.keep(text, found)


@lru_cache(maxsize=1)
def checks() -> Checks:
    """Those of this process."""
    return Checks()


# ------------------------------------------------------------------------------------------------------ as it is shown


@dataclass(frozen=True, slots=True)
class Said:
    """What the line beside a picture says: plain text, for the browser to show as such."""

    icon: str
    words: str
    more: str
    """The whole verdict; empty where the words say all."""
    button: str = "Details"
    """What the button says that shows it."""
    loud: bool = False
    """Whether the gradient is contradicted."""


def said(found: Verdict) -> Said:
    """The line of a verdict."""
    if isinstance(found, GradVizError):
        return Said("remove", _shown(f"Not checked. {found}"), "")
    short = verdicts.in_short(found)
    if found.outcome == "apart":
        return Said("error", _shown(f"{short}. {found.verdict}"), "", loud=True)
    button = f"Why {counted(verdicts.digits(found), 'digit')}?" if found.agrees and found.crossed.count else "Details"
    return Said("check" if found.agrees else "remove", _shown(short), _shown(found.verdict), button)


def _shown(text: str) -> str:
    return keeping_direction(visible(text))


class Lines:
    """The ASGI endpoint at ``/check/{token}``. Its JSON tells whether a page has such a ``line``, and what is ``said``
    there: null while there is no verdict yet."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        there, found = self._checks.behind(scope["path_params"]["token"])
        body = json.dumps({"line": there, "said": asdict(said(found)) if found is not None else None}).encode()
        headers = {
            b"content-type": b"application/json",
            b"content-length": str(len(body)).encode(),
            b"cache-control": b"no-store",
            b"x-content-type-options": b"nosniff",
        }
        await send({"type": "http.response.start", "status": 200, "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})
