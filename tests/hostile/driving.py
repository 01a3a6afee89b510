"""The real pages without a browser: uploading through them, and reading what they say."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests import (
    handing_in,
    streamlit_once,  # noqa: F401 - it acts where it is imported
)
from tests.hostile.case import CANARY, CODE, Case

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
SALIENCY = "pages/explore/saliency.py"
PICTURE = "sample/digit-3"


def opened(page: str = SALIENCY, **choices: str) -> AppTest:
    """The app at this address. With any choice "/" is Input saliency, without one it is the story."""
    app = AppTest.from_file(str(ROOT / "navigation.py"), default_timeout=PATIENCE_S)
    for name, value in choices.items():
        app.query_params[name] = value
    if page == SALIENCY and not choices:
        app.switch_page(page)
    app.run()
    return app if page == SALIENCY else app.switch_page(page).run()


def upload_model(app: AppTest, case: Case, data: bytes) -> None:
    """Bring a model: choose the file, and use it if that is offered. What was said on the way is kept."""
    app.button(key="bring").click().run()
    choose_model(app, case.file, data)
    said = texts(app)
    if case.architecture and any((select.key or "").endswith("_architecture") for select in app.selectbox):
        _ending(app.selectbox, "_architecture").select(case.architecture).run()
    use(app)
    app.session_state["said_on_the_way"] = said


def choose_model(app: AppTest, name: str, data: bytes) -> None:
    """Choose a file in the dialog."""
    handing_in.choose(_uploader(app, "model_file"), name, data)


def upload_labels(app: AppTest, name: str, data: bytes) -> None:
    """Choose a file of labels in the form."""
    handing_in.choose(_uploader(app, r"draft_\d+_labels_file"), name, data)


def fill(app: AppTest, field: str, text: str) -> None:
    """Write into a field of the form."""
    (found,) = [w for w in app.text_input if re.search(rf"_{field}(_\d+)?$", w.key or "")]
    found.set_value(text).run()


def use(app: AppTest) -> None:
    """Press the button, if the form has one that can be pressed."""
    if any((button.key or "").endswith("_use") and not button.disabled for button in app.button):
        _ending(app.button, "_use").click().run()


def upload_picture(app: AppTest, case: Case, data: bytes) -> None:
    """Upload a picture; an array runs from 0 to 1."""
    handing_in.choose(_uploader(app, "upload"), case.file, data)
    if any(button.key == "upload_array" for button in app.button):
        app.button(key="upload_array").click().run()


def _uploader(app: AppTest, name: str):  # type: ignore[no-untyped-def]
    (found,) = [w for w in app.file_uploader if re.fullmatch(rf"{name}_\d+", w.key or "")]
    return found


def _ending(widgets, ending: str):  # type: ignore[no-untyped-def]
    (found,) = [w for w in widgets if (w.key or "").endswith(ending)]
    return found


def texts(app: AppTest) -> list[str]:
    """All that the page says, without the backslashes that keep it plain."""
    said = [
        str(getattr(e, "value", ""))
        for kind in ("error", "warning", "info", "markdown", "caption", "text")
        for e in app.get(kind)
    ]
    said += app.session_state["said_on_the_way"] if "said_on_the_way" in app.session_state else []  # noqa: SIM401 - it has no get
    return [re.sub(r"\\(.)", r"\1", text) for text in said if text]


PRIVATE = [
    "/home/secret",
    *map(str, (ROOT, Path.home(), Path(sys.prefix), Path(sys.base_prefix), tempfile.gettempdir())),
]


TYPED = "|".join(map(re.escape, (CODE, CODE[:60], str(CANARY))))
"""What a test typed itself, which a sentence may quote, cut short."""


def private(said: list[str]) -> list[str]:
    """What is said that names a place on this machine, or shows a traceback."""
    cleaned = [re.sub(TYPED, "", text) for text in said]
    return [text for text in cleaned if "Traceback" in text or any(f"{place}/" in text for place in PRIVATE)]
