"""The app without a browser: opened at an address, its questions answered in this process."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.compute.protocol import Status
from gradviz_core.drawing.screen import fit
from gradviz_core.errors import ServiceStarting
from gradviz_core.types import Answer, GradientAnswer, GradientQuestion, Question, keys
from gradviz_core.types.looks import Look
from gradviz_core.uploads import store
from pages.shell.words import TO_A_TERM
from tests import streamlit_once  # noqa: F401 - it acts where it is imported

ROOT = Path(__file__).parents[1]
SALIENCY, NEURONS, MAPS = (f"pages/explore/{name}.py" for name in ("saliency", "neurons", "feature_maps"))
STATUS = Status(
    device="cpu",
    workers=2,
    ready=2,
    busy=0,
    queued=0,
    threads=1,
    answered=3,
    pid=1,
    upload_workers=2,
    confinement="Uploads run in processes that can open no file.",
)


def not_ahead(question: Question, look: Look | None = None) -> Part:
    """Nothing can be asked ahead of its time, but the parts of a sum: the page asks when it needs the answer."""
    if isinstance(question, GradientQuestion) and question.part is not None:
        return Part(question)
    raise ServiceStarting("There is no service.")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sum, answered once it is read."""

    question: GradientQuestion

    def answer(self) -> GradientAnswer:
        return client.ask(self.question)

    def drop(self) -> None:
        """Nothing is on its way."""


def answer_here(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """Answer questions in this process; the list says which were asked. Nothing is checked."""
    questions: list[Question] = []

    def ask(question: Question) -> Answer:
        questions.append(question)
        return inline.ask(question)

    monkeypatch.setattr(client, "ask", ask)
    monkeypatch.setattr(client, "show", lambda question, look: fit(client.ask(question), look))
    monkeypatch.setattr(client, "begin", not_ahead)
    monkeypatch.setattr(client, "check", lambda question, left, asker: None)
    monkeypatch.setattr(client, "stop_check", lambda: None)
    monkeypatch.setattr(client, "recipe", lambda key: store.here().recipe(keys.digest(key) or ""))
    monkeypatch.setattr(client, "before_large", lambda act: None)
    monkeypatch.setattr(client, "start", lambda: None)
    monkeypatch.setattr(client, "status", lambda: STATUS)
    return questions


WITH_A_MODEL = ("pages/explore/", "pages/understand/", "pages/learn/doctor.py")


def opened(page: str = SALIENCY, **choices: str) -> AppTest:
    """A page at these choices; without any at the small model for shapes, where it shows one. With any choice "/" is
    Input saliency, without one it is the story."""
    if not choices and page.startswith(WITH_A_MODEL):
        choices = {"model": "preset/shapes-cnn"}
    app = AppTest.from_file(str(ROOT / "navigation.py"), default_timeout=60)
    for name, value in choices.items():
        app.query_params[name] = value
    if page == SALIENCY and not choices:
        app.switch_page(page)
    app.run()
    if page != SALIENCY:
        app.switch_page(page).run()
    assert not app.exception
    return app


def chart(app: AppTest, key: str) -> dict[str, Any]:
    """The figure whose key is ``chart_<key>``."""
    (found,) = [e for e in app.get("plotly_chart") if e.proto.id.endswith(f"-chart_{key}")]
    figure: dict[str, Any] = json.loads(found.proto.spec)
    return figure


def values(figure: dict[str, Any]) -> np.ndarray:
    """The numbers of a figure's heatmap."""
    (trace,) = [t for t in figure["data"] if t["type"] == "heatmap"]
    z = trace["z"]
    shape = [int(n) for n in z["shape"].split(",")]
    return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape)


def texts(app: AppTest) -> list[str]:
    """What stands on the page, as a person reads it: without escapes and links, and every space alike."""
    return [read(m.value).replace("\N{NO-BREAK SPACE}", " ") for m in app.markdown]


def read(markdown: str) -> str:
    """The words, without escapes; a term is not followed by the address of the glossary."""
    return _TO_A_TERM.sub(r"\1", markdown).replace("\\", "")


_TO_A_TERM = re.compile(rf"\[([^\]]*)\]\([^)]*{re.escape(TO_A_TERM)}[^)]*\)")


def errors(app: AppTest) -> list[str]:
    return [e.value for e in app.error]
