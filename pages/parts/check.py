"""One quiet line beside each gradient picture: whether finite differences agree with it. It comes after the picture.

A page draws its lines and ends; then the checks are asked for, in threads, and the compute service takes them up when
it has nothing else to do. A line that has no verdict yet is drawn anew by itself, a few times a second, until it has.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import streamlit as st

from gradviz_core import verdicts
from gradviz_core.askers import ANYONE, Asker
from gradviz_core.codec import question_to_json
from gradviz_core.compute import client
from gradviz_core.errors import ComputeError, GradVizError
from gradviz_core.findings import Proof
from gradviz_core.recent import Recent
from gradviz_core.serving.farewells import farewells
from gradviz_core.types import INPUT, ProofQuestion, Site, Target
from pages.parts import asker as whose
from pages.parts.words import plain

MOST_BYTES = 4_000_000
"""Most that the verdicts which are kept hold together."""
SOON_MS, LATER_MS = 300, 1_500
"""Between two looks at a line that has no verdict yet: at first, and after ``LONG_S`` seconds."""
LONG_S = 10.0
PENDING = "Comparing with finite differences …"
STYLE = """
[class*="st-key-check_"] { min-height: 1.4rem; }
[class*="st-key-check_"], [class*="st-key-check_"] [data-testid=stVerticalBlock] { gap: 0; }
[class*="st-key-check_"] p { line-height: 1.4rem; }
[class*="st-key-later_"] { display: none; }
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  clearTimeout(parentElement.due);
  parentElement.due = setTimeout(() => setTriggerValue("due", data.turn), data.ms);
  return () => clearTimeout(parentElement.due);
}
"""
_later = st.components.v2.component("gradviz_later", html="<span></span>", js=_JS)


def question(model: str, image: str, target: Target, draw: int, wrt: Site = INPUT) -> ProofQuestion:
    """What is asked of the gradient of ``target`` at ``wrt``: three directions, and as few steps as settle it.
    ``draw`` is the seed of the picture."""
    return ProofQuestion(model=model, image=image, target=target, seed=draw, wrt=wrt, every_step=False)


# ------------------------------------------------------------------------------------------------------ what is known


class Checks:
    """The verdicts that were found, and the checks that are asked for because somebody sees their picture now."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = threading.Lock()
        self._found: Recent[Proof | GradVizError] = Recent(MOST_BYTES)
        self._asked: dict[str, threading.Event] = {}
        self._seen: dict[str, frozenset[str]] = {}

    def found(self, text: str) -> Proof | GradVizError | None:
        """The verdict on the question with this text, or why there is none; None where it is not known yet."""
        return self._found.get(text)

    @property
    def any_asked(self) -> bool:
        """Whether a check is waited for."""
        return bool(self._asked)

    def show(self, session: str, questions: Mapping[str, ProofQuestion], asker: Asker = ANYONE) -> None:
        """Ask for the verdicts that this session's page shows now, and leave those that nobody sees any more."""
        with self._lock:
            self._seen[session] = frozenset(questions)
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
            self._seen.pop(session, None)
            self._leave_unseen()

    def _leave_unseen(self) -> None:
        seen = frozenset[str]().union(*self._seen.values())
        for text in [text for text in self._asked if text not in seen]:
            self._asked.pop(text).set()

    def _ask(self, text: str, question: ProofQuestion, left: threading.Event, asker: Asker) -> None:
        found: Proof | GradVizError | None = None
        try:
            if answer := client.check(question, left, asker):
                found = answer.proof
        except GradVizError as error:
            found = error
        with self._lock:
            if self._asked.get(text) is left:
                del self._asked[text]
            if found is not None:
                self._found.keep(text, found)


@st.cache_resource(show_spinner=False)
def checks() -> Checks:
    """The one store of this process."""
    return Checks()


# ------------------------------------------------------------------------------------------------------- on the page


def begin() -> None:
    """Somebody clicked: a check that is under way stops, and no line is drawn yet. Called once in each run."""
    st.session_state["checks_drawn"] = {}
    if checks().any_asked:
        with suppress(ComputeError):  # which stops no page
            client.hush()


def settle() -> None:
    """The page is drawn: ask for the verdicts on its pictures."""
    session = whose.session()
    checks().show(session, st.session_state["checks_drawn"], whose.here())
    farewells().when_gone(session, "checks", partial(checks().leave, session))


def line(question: ProofQuestion) -> None:
    """The verdict on one picture's gradient, now or a moment later."""
    text = question_to_json(question)
    st.session_state["checks_drawn"][text] = question
    with st.container(key=f"check_{zlib.crc32(text.encode())}"):
        st.fragment(_line)(text, time.monotonic())


def _line(text: str, since: float) -> None:
    found = checks().found(text)
    if found is None:
        st.caption(f":material/hourglass_empty: {PENDING}")
        waited = time.monotonic() - since
        _later(
            key=f"later_{zlib.crc32(text.encode())}",
            data={"turn": waited, "ms": SOON_MS if waited < LONG_S else LATER_MS},
            on_due_change=lambda: None,
        )
    elif isinstance(found, GradVizError):
        st.caption(f":material/remove: Not checked. {plain(str(found))}")
    elif found.outcome == "apart":
        st.error(plain(f"{verdicts.in_short(found)}. {found.verdict}"), icon=":material/error:")
    else:
        icon = "check" if found.agrees else "remove"
        st.caption(f":material/{icon}: {plain(verdicts.in_short(found))}", help=plain(found.verdict))


# ----------------------------------------------------------------------------------------------------- in what is kept


def words(question: ProofQuestion) -> str:
    """The verdict as it stands on a picture that is kept."""
    found = checks().found(question_to_json(question))
    if found is None:
        return "The gradient is not checked by finite differences yet"
    return verdicts.in_short(found) if isinstance(found, Proof) else f"The gradient is not checked. {found}"


def receipt(question: ProofQuestion) -> str:
    """The question, the verdict and all the numbers that it rests on, as JSON."""
    found = checks().found(question_to_json(question))
    proof = {"digits": verdicts.digits(found), **asdict(found)} if isinstance(found, Proof) else None
    return json.dumps({"question": json.loads(question_to_json(question)), "line": words(question), "proof": proof})
