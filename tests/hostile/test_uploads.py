"""Each hostile file, uploaded through the real pages to a real service with confined workers.

Of every one is asserted: the sentence it must get, no traceback and no path, under ten seconds, the workers' memory
under its limit, no canary, and a second session that was answered meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from tests.hostile import archives, driving, exported_files, pickles, pictures, safetensors_files, tensors, watching
from tests.hostile.case import CANARY, Case
from tests.hostile.conftest import MEMORY_MB, World

SECONDS = 10.0
MODELS = (*archives.CASES, *pickles.CASES, *tensors.CASES, *safetensors_files.CASES, *exported_files.CASES)


@contextmanager
def nothing_happens(world: World) -> Iterator[None]:
    """Whatever is done inside costs little, makes no canary, kills no worker, and disturbs nobody."""
    CANARY.unlink(missing_ok=True)
    watching.forget_peaks(world.service)
    before = set(watching.workers(world.service))
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS
    assert world.bystander.answers_once_more(SECONDS), "the second session waits"
    assert world.bystander.complaints == []
    assert watching.peak_mb(world.service) < MEMORY_MB
    assert before <= set(watching.workers(world.service)), "a worker died"
    assert not CANARY.exists(), "code in the upload has run"


def judge(app: AppTest, case: Case, name: str) -> None:
    """The page says what it must, and goes on."""
    said = driving.texts(app)
    assert not app.exception
    assert driving.private(said) == []
    assert any(re.search(case.says, text, re.DOTALL) for text in said), (case.says, [e.value for e in app.error], said)
    if case.fate == "kept":
        assert app.query_params.get(name, "").startswith("upload/"), [e.value for e in app.error]
    else:
        assert name not in app.query_params
        assert app.error
    assert app.get("plotly_chart"), "the page goes on"


def go(world: World, case: Case, name: str, upload: Callable[[AppTest, Case, bytes], None]) -> None:
    data = case.make()
    app = driving.opened()
    with nothing_happens(world):
        upload(app, case, data)
    judge(app, case, name)


@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
def test_model(app_of: World, case: Case) -> None:
    go(app_of, case, "model", driving.upload_model)


@pytest.mark.parametrize("case", pictures.CASES, ids=lambda case: case.name)
def test_picture(app_of: World, case: Case) -> None:
    go(app_of, case, "image", driving.upload_picture)


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*MODELS, *pictures.CASES)]
    assert len(names) == len(set(names)) >= 75
