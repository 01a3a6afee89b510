"""Each hostile file, handed to a real service with confined workers: those that work once they are read our way, and
one of each kind that is refused, through the real pages; the others straight through the client.

Of every one is asserted: the sentence it must get, no traceback and no path, under ten seconds, the workers' memory
under its limit, no canary, and a second session that was answered meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute.client import Client
from gradviz_core.errors import BadImage, BadModel, GradVizError
from gradviz_core.types import SurveyQuestion
from pages.uploads.recipe_form import proposal
from tests.advice import ends_with_advice, tells_what_to_do
from tests.crowding import crowding
from tests.hostile import (
    archives,
    band_files,
    checkpoints,
    dicom_files,
    driving,
    exported_files,
    exported_operators,
    heif_files,
    pickles,
    pictures,
    safetensors_files,
    tensors,
    watching,
)
from tests.hostile.case import CANARY, Case
from tests.hostile.conftest import MEMORY_MB, World

SECONDS = 10.0
KINDS = (
    *(archives.CASES, pickles.CASES, tensors.CASES, safetensors_files.CASES, exported_files.CASES),
    checkpoints.CASES,
    exported_operators.CASES,
)
PICTURE_KINDS = (pictures.CASES, heif_files.CASES, dicom_files.CASES, band_files.CASES)
PICTURES = tuple(case for cases in PICTURE_KINDS for case in cases)
MODELS = tuple(case for cases in KINDS for case in cases)
SHOWN = {
    *(case.name for case in (*MODELS, *PICTURES) if case.fate == "kept"),
    *(next(case.name for case in cases if case.fate == "refused") for cases in (*KINDS, *PICTURE_KINDS)),
    *(case.name for case in (*MODELS, *PICTURES) if re.search(r"[^\w.-]", case.file)),
}
"""Names of those that go through the pages; those with a name that attacks too."""


@contextmanager
def nothing_happens(world: World) -> Iterator[None]:
    """Whatever is done inside costs little, makes no canary, kills no worker, and disturbs nobody."""
    CANARY.unlink(missing_ok=True)
    watching.forget_peaks(world.service)
    before = set(watching.workers(world.service))
    start = time.monotonic()
    yield
    seconds = time.monotonic() - start
    assert seconds < SECONDS or seconds < SECONDS * crowding()
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


def refused(world: World, case: Case, hand_in: Callable[[Client, Case, bytes], None]) -> None:
    """It gets its sentence."""
    data = case.make()
    with nothing_happens(world), pytest.raises(GradVizError) as caught:
        hand_in(world.client, case, data)
    said = str(caught.value)
    assert driving.private([said]) == []
    assert re.search(case.says, said, re.DOTALL), (case.says, said)
    if isinstance(caught.value, BadModel):
        assert ends_with_advice(said), said
    if isinstance(caught.value, BadImage):
        assert tells_what_to_do(said), said


def bring_model(client: Client, case: Case, data: bytes) -> None:
    """As the pages do it: as the architecture that fits best, unless the case names one, and run once."""
    recipe = proposal(client.upload_model(data), case.file)
    key = client.keep_recipe(replace(recipe, architecture=case.architecture or recipe.architecture))
    client.ask(SurveyQuestion(model=key, image=driving.PICTURE))


def bring_picture(client: Client, case: Case, data: bytes) -> None:
    """As the pages do it: an array runs from 0 to 1."""
    key = client.upload_image(data, (0.0, 1.0) if case.file.endswith(".npy") else None).key
    client.ask(SurveyQuestion(model="preset/digits-mlp", image=key))


def on_the_page(world: World, case: Case, name: str, upload: Callable[[AppTest, Case, bytes], None]) -> None:
    data = case.make()
    app = driving.opened()
    with nothing_happens(world):
        upload(app, case, data)
    judge(app, case, name)


@pytest.mark.parametrize("case", MODELS, ids=lambda case: case.name)
def test_model(app_of: World, case: Case) -> None:
    if case.name in SHOWN:
        on_the_page(app_of, case, "model", driving.upload_model)
    else:
        refused(app_of, case, bring_model)


@pytest.mark.parametrize("case", PICTURES, ids=lambda case: case.name)
def test_picture(app_of: World, case: Case) -> None:
    if case.name in SHOWN:
        on_the_page(app_of, case, "image", driving.upload_picture)
    else:
        refused(app_of, case, bring_picture)


def test_there_are_enough_of_them_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*MODELS, *PICTURES)]
    assert len(names) == len(set(names)) >= 75
