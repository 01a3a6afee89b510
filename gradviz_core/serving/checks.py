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

from gradviz_core import verdicts
from gradviz_core.askers import ANYONE, Asker
from gradviz_core.codec import question_to_json
from gradviz_core.compute import client
from gradviz_core.errors import ComputeError, GradVizError
from gradviz_core.findings import Proof
from gradviz_core.recent import Recent
from gradviz_core.shown_text import visible
from gradviz_core.types import ProofAnswer, ProofQuestion

PATH = "check"
"""The part of the address before the token."""
MOST_BYTES = 4_000_000
"""Most that the verdicts which are kept hold together."""
MOST_LINES = 50
"""Lines of one session whose page was never drawn to its end, the last ones."""
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
        self._found: Recent[Verdict] = Recent(MOST_BYTES)
        self._asked: dict[str, threading.Event] = {}
        self._lines: dict[str, dict[str, str]] = {}
        """Of each session: the token behind which it finds the verdict on a question, by the question's text."""

    def found(self, question: ProofQuestion) -> Verdict | None:
        """The verdict; None where it is not known yet."""
        return self._found.get(question_to_json(question))

    @property
    def any_asked(self) -> bool:
        """Whether a check is waited for."""
        return bool(self._asked)

    def line(self, session: str, question: ProofQuestion) -> str:
        """The token behind which this session's browser finds the verdict, for as long as its page has that line."""
        text = question_to_json(question)
        with self._lock:
            lines = self._lines.setdefault(session, {})
            token = lines.pop(text, "") or secrets.token_urlsafe(24)
            lines[text] = token
            for oldest in list(lines)[:-MOST_LINES]:
                del lines[oldest]
        return token

    def behind(self, token: str) -> str | None:
        """The text of the question whose verdict is found behind a token; None where no page has such a line."""
        with self._lock:
            every = (line for lines in self._lines.values() for line in lines.items())
            return next((text for text, its in every if its == token), None)

    def known(self, text: str) -> Verdict | None:
        """As ``found``, by the text of the question."""
        return self._found.get(text)

    def show(self, session: str, questions: Mapping[str, ProofQuestion], asker: Asker = ANYONE) -> None:
        """Ask for the verdicts that this session's page shows now, and leave those that nobody sees any more."""
        with self._lock:
            lines = self._lines.get(session, {})
            self._lines[session] = {text: lines.get(text) or secrets.token_urlsafe(24) for text in questions}
            self._leave_unseen()
            for text in questions:
                if isinstance(self._found.get(text), ComputeError):
                    self._found.drop(text)  # it may go better this time
            new = [text for text in questions if self._found.get(text) is None and text not in self._asked]
            for text in new:
                left = self._asked[text] = threading.Event()
                thread = threading.Thread(target=self._ask, args=(text, questions[text], left, asker), daemon=True)
                thread.start()

    def leave(self, session: str) -> None:
        """Nobody sees the page of this session any more."""
        with self._lock:
            self._lines.pop(session, None)
            self._leave_unseen()

    def _leave_unseen(self) -> None:
        seen = {text for lines in self._lines.values() for text in lines}
        for text in [text for text in self._asked if text not in seen]:
            self._asked.pop(text).set()

    def _ask(self, text: str, question: ProofQuestion, left: threading.Event, asker: Asker) -> None:
        found: Verdict | None = None
        try:
            if answer := self._ask_for(question, left, asker):
                found = answer.proof
        except GradVizError as error:
            found = error
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
    loud: bool = False
    """Whether the gradient is contradicted."""


def said(found: Verdict) -> Said:
    """The line of a verdict."""
    if isinstance(found, GradVizError):
        return Said("remove", visible(f"Not checked. {found}"), "")
    short = visible(verdicts.in_short(found))
    if found.outcome == "apart":
        return Said("error", visible(f"{short}. {found.verdict}"), "", loud=True)
    return Said("check" if found.agrees else "remove", short, visible(found.verdict))


class Lines:
    """The ASGI endpoint at ``/check/{token}``: the line as JSON; 204 while it is not known yet, and 410 where no page
    has it any more."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        text = self._checks.behind(scope["path_params"]["token"])
        found = self._checks.known(text) if text is not None else None
        status = 410 if text is None else 204 if found is None else 200
        body = json.dumps(asdict(said(found))).encode() if found is not None else b""
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        if found is not None:
            headers |= {"content-type": "application/json", "content-length": str(len(body))}
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})
