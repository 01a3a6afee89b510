"""The service with the real answering code: the same numbers as in this process, and torch only where it belongs."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from gradviz_core.compute import inline
from gradviz_core.compute.askers import Asker
from gradviz_core.compute.client import Client
from gradviz_core.compute.rows import Row
from gradviz_core.errors import BadModel, ComputeError, UnknownModel
from gradviz_core.models import catalogue
from gradviz_core.models.catalogue import ASSETS
from gradviz_core.settings import Settings
from gradviz_core.types import INPUT, FlowQuestion, GradientQuestion, PerturbationQuestion, Question, SurveyQuestion
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.types.targets import ClassScore
from tests.compute.conftest import processes_of, until
from tests.crowding import crowding
from tests.load import heavy
from tests.load.bystander import picture

MODEL, IMAGE = "preset/digits-mlp", "sample/circle"
MOST_GROWTH_MB = 100
"""Of two workers together, in a sum of a thousand terms."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose workers answer for real, on the CPU."""
    settings = Settings(workers=2, threads=1, device="cpu", store=tmp_path_factory.mktemp("store"))
    client = Client(settings)
    client.ask(SurveyQuestion(model=MODEL, image=IMAGE))  # once it has answered, all that it starts is there
    yield client
    client.close()
    assert until(lambda: processes_of(settings.store) == [])


@pytest.mark.parametrize("kind", [SurveyQuestion, GradientQuestion, FlowQuestion, PerturbationQuestion])
def test_a_worker_gives_the_same_arrays_as_this_process(real: Client, kind: type[SurveyQuestion]) -> None:
    question: Question = kind(model=MODEL, image=IMAGE)
    there, here = real.ask(question), inline.ask(question)
    assert there.question == question
    assert there.arrays.keys() == here.arrays.keys()
    for name, array in here.arrays.items():
        assert there.arrays[name].dtype == array.dtype
        np.testing.assert_allclose(there.arrays[name], array, rtol=1e-5, atol=1e-7)


def test_a_confined_worker_answers_about_a_photo_with_the_weights_that_it_read_before(real: Client) -> None:
    photo = Path(catalogue.sample_file("cat")).read_bytes()
    model = "preset/efficientnet-lite0"
    uploaded = real.ask(GradientQuestion(model=model, image=real.upload_image(photo).key))
    assert real.status().confined, real.status().confinement
    sample = real.ask(GradientQuestion(model=model, image="sample/cat"))
    gradient = sample.gradients[INPUT]
    np.testing.assert_allclose(
        uploaded.gradients[INPUT], gradient, rtol=1e-4, atol=1e-6 * float(np.abs(gradient).max())
    )


def test_a_confined_worker_goes_through_captum(real: Client) -> None:
    """Which loads matplotlib, where nothing can be written."""
    photo = Path(catalogue.sample_file("digit-3")).read_bytes()
    questions = [
        GradientQuestion(model=MODEL, image=image, method="deeplift", target=ClassScore(3))
        for image in (real.upload_image(photo).key, "sample/digit-3")
    ]
    there, here = real.ask(questions[0]), inline.ask(questions[1])
    np.testing.assert_allclose(there.attributions[INPUT], here.attributions[INPUT], rtol=1e-4, atol=1e-6)
    assert there.notes[-1].startswith("captum rewrote 2 × ReLU.")


def test_an_unknown_model_is_told_as_in_this_process(real: Client) -> None:
    question = SurveyQuestion(model="preset/no-such", image=IMAGE)
    with pytest.raises(UnknownModel) as there:
        real.ask(question)
    with pytest.raises(UnknownModel) as here:
        inline.ask(question)
    assert str(there.value) == str(here.value)


def test_the_service_has_not_loaded_torch_and_its_workers_have(real: Client) -> None:
    assert until(lambda: real.status().ready == 2, 30)
    status = real.status()
    workers = psutil.Process(status.pid).children(recursive=True)
    assert status.device == "cpu"
    assert "libtorch" not in Path(f"/proc/{status.pid}/maps").read_text()
    assert sum("libtorch" in Path(f"/proc/{worker.pid}/maps").read_text() for worker in workers) >= status.ready


def test_a_confined_worker_gives_the_same_arrays_as_a_trusted_one(real: Client) -> None:
    sample = catalogue.image_file(catalogue.sample_image("star")).read_bytes()
    model, upload = "torchvision/squeezenet1_1@random-1", real.upload_image(sample).key
    theirs = real.ask(GradientQuestion(model=model, image="sample/star"))
    mine = real.ask(GradientQuestion(model=model, image=upload))
    for name, array in theirs.arrays.items():
        np.testing.assert_allclose(mine.arrays[name], array, rtol=1e-5, atol=1e-7)


def test_an_uploaded_model_is_answered_as_the_one_it_was_saved_from(real: Client) -> None:
    weights = (ASSETS / "models" / "digits-mlp.safetensors").read_bytes()
    report = real.upload_model(weights)
    assert report.file == hashlib.sha256(weights).hexdigest()
    assert report.fits[0].architecture == MODEL
    labels = real.read_labels(b"\n".join(b"digit %d" % n for n in range(report.fits[0].classes)))
    recipe = Recipe(report.file, MODEL, "Mine", labels, catalogue.preset("digits-mlp").preprocessing)
    key = real.keep_recipe(recipe)
    mine = real.ask(GradientQuestion(model=key, image=IMAGE))
    theirs = real.ask(GradientQuestion(model=MODEL, image=IMAGE))
    for name, array in theirs.arrays.items():
        np.testing.assert_allclose(mine.arrays[name], array, rtol=1e-5, atol=1e-7)


def test_the_service_holds_no_upload_in_memory(real: Client) -> None:
    service = psutil.Process(real.status().pid)
    before = service.memory_info().rss
    with pytest.raises(BadModel):
        real.upload_model(b"no model" + bytes(100_000_000))
    peak = int(Path(f"/proc/{service.pid}/status").read_text().split("VmHWM:")[1].split("kB")[0]) * 1024
    assert peak - before < 30_000_000


def test_after_a_kill_a_worker_with_torch_is_there_in_no_time(real: Client) -> None:
    """The fork server has imported torch already; importing it again would take seconds."""
    assert until(lambda: real.status().ready == 2)
    service = psutil.Process(real.status().pid)
    workers = [p for p in service.children(recursive=True) if p.ppid() != service.pid]  # children of the fork server
    for worker in workers:
        os.kill(worker.pid, signal.SIGKILL)
    assert until(lambda: not any(psutil.pid_exists(worker.pid) for worker in workers))
    start, crowded = time.monotonic(), crowding()
    real.ask(SurveyQuestion(model=MODEL, image=IMAGE))
    assert time.monotonic() - start < 3 * max(crowded, crowding())


class Bystander:
    """Somebody at another address than the attacker, who never asks the same twice."""

    def __init__(self, client: Client) -> None:
        self.client, self.asker, self.turn = client, Asker("192.0.2.1", "bystander"), 0

    def times(self) -> tuple[float, float]:
        """Seconds that a gradient of a preset takes; and those that a picture and a small model take together, from
        their upload to the gradient."""
        self.turn += 1
        target = ClassScore(self.turn)
        start = time.monotonic()
        self.client.ask(GradientQuestion(model="preset/shapes-cnn", image="sample/star", target=target), self.asker)
        preset = time.monotonic()
        image = self.client.upload_image(picture(self.turn), None, self.asker).key
        model = brought(self.client, heavy.small(self.turn), 32, self.asker)
        self.client.ask(SurveyQuestion(model=model, image=image), self.asker)
        self.client.ask(GradientQuestion(model=model, image=image), self.asker)
        return preset - start, time.monotonic() - preset


def brought(client: Client, data: bytes, side: int, asker: Asker) -> str:
    """Key of a model that was uploaded."""
    steps = Preprocessing((side, side), None, (0.0,) * 3, (1.0,) * 3)
    return client.keep_recipe(Recipe(client.upload_model(data, asker).file, "", "Brought", (), steps), asker)


def test_a_bystander_hardly_waits_while_six_tabs_compute_without_end(real: Client) -> None:
    """A model that counts as cheap enough, and takes many seconds of a processor for each gradient."""
    bystander, crowded = Bystander(real), crowding()
    bystander.times()  # all workers are there, and have what they need
    preset, upload = bystander.times()
    attacker = [Asker("203.0.113.9", f"tab {number}") for number in range(6)]
    model = brought(real, heavy.slow(), 48, attacker[0])
    closed = threading.Event()

    def look() -> None:
        if closed.is_set() and threading.current_thread().name.startswith("tab"):
            raise ComputeError("The tab is closed.")

    def ask_on_and_on(tab: Asker) -> None:
        for number in itertools.count():
            real.ask(GradientQuestion(model=model, image=IMAGE, target=ClassScore(number % 6)), tab)

    real.while_waiting(look)
    with ThreadPoolExecutor(6, "tab") as threads:
        tabs = [threads.submit(ask_on_and_on, tab) for tab in attacker]
        assert until(lambda: real.status().queued == 4)
        waits = [bystander.times() for _ in range(2)]
        closed.set()
        assert all("closed" in str(tab.exception(30)) for tab in tabs)
    assert until(lambda: real.status().busy == 0, 30), "what they asked for is let go"
    crowded = max(crowded, crowding())
    assert max(wait for wait, _ in waits) < preset + 4 * crowded
    assert max(wait for _, wait in waits) < upload + 10 * crowded


def long_sum(model: str, method: str, counts: str, count: int) -> GradientQuestion:
    options = ((counts, float(count)),)
    return GradientQuestion(model=model, image=IMAGE, target=ClassScore(1), method=method, options=options)


def test_a_row_of_parts_makes_what_the_whole_question_gives(real: Client) -> None:
    question = long_sum(MODEL, "smoothgrad", "draws", 52)
    row = Row(question, real.begin)
    row.begin(real.ask(row.first))
    while not row.is_whole:
        row.take()
    found, true = row.answer(), inline.ask(question)
    assert (found.question, found.target) == (question, true.target)
    slopes, expected = found.attributions[INPUT], true.attributions[INPUT]
    np.testing.assert_allclose(slopes, expected, rtol=1e-5, atol=1e-6 * float(np.abs(expected).max()))


@pytest.mark.sweep
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "counts", "count"), [("smoothgrad", "draws", 1024), ("integrated_gradients", "steps", 1000)]
)
def test_a_thousand_terms_take_the_memory_of_a_few(real: Client, method: str, counts: str, count: int) -> None:
    """Of both workers together, ResNet-18 at 224×224: what they hold after 64 terms, and at most until the last."""
    row = Row(long_sum("torchvision/resnet18@random-0", method, counts, count), real.begin)
    row.begin(real.ask(row.first))
    held: list[tuple[int, float]] = []
    while not row.is_whole:
        row.take()
        held.append((row.done, sum(psutil.Process(pid).memory_info().rss for pid in workers_of(real)) / 1e6))
    first = next(megabytes for done, megabytes in held if done >= 64)
    most = max(megabytes for _, megabytes in held)
    assert most - first < MOST_GROWTH_MB, f"{first:.0f} MB after 64 terms, at most {most:.0f} MB until the last"


def workers_of(client: Client) -> list[int]:
    """The processes below the service: the server that forks, and the workers."""
    assert client.service_pid is not None
    return [child.pid for child in psutil.Process(client.service_pid).children(recursive=True)]
