"""The two pools: uploads are worked on by confined workers alone, and what happens there disturbs nobody else."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from gradviz_core.compute import sandbox, worker_log
from gradviz_core.compute.client import Client
from gradviz_core.compute.slot import Job, WorkerProcess
from gradviz_core.compute.worker import Plan
from gradviz_core.compute.worker_processes import worker_context
from gradviz_core.errors import Busy, ComputeError, DeadlineExceeded, UnknownImage, UnknownModel, WorkerDied
from gradviz_core.settings import Settings
from gradviz_core.text import log_lines
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import GradientQuestion, SurveyQuestion
from gradviz_core.types.cards import Preprocessing, Recipe
from tests.compute.conftest import DEADLINE_S, FAKES, ask, kept, until, uploaded, worker_of
from tests.crowding import soon


def pids(client: Client, model: str) -> set[int]:
    """Process numbers of both workers of a pool, each of which has done what ``model`` says, which is to sleep. Asked
    again while one of them is not there yet."""
    found: set[int] = set()

    def both() -> bool:
        with ThreadPoolExecutor(2) as threads:
            found.update(worker_of(answer) for answer in threads.map(lambda i: ask(client, model, f"0.{i}"), (4, 5)))
        return len(found) == 2

    assert until(both), found
    return found


def test_whatever_touches_an_upload_is_done_by_other_processes(client: Client, chosen: Settings) -> None:
    trusted, confined = pids(client, "sleep"), pids(client, uploaded(client, chosen, "sleep"))
    assert len(trusted) == len(confined) == 2
    assert not trusted & confined
    assert worker_of(ask(client, "echo", f"upload/{kept(chosen)}")) in confined
    assert worker_of(ask(client, uploaded(client, chosen, "echo"), "x")) in confined
    assert worker_of(ask(client, "echo", "upload/no digest")) in confined
    assert worker_of(ask(client, "echo")) in trusted


def test_an_upload_that_an_option_names_is_one_too(client: Client, chosen: Settings, tmp_path: Path) -> None:
    """The fake writes to the file that its image names, which no confined worker can."""
    board, key = tmp_path / "board", f"upload/{kept(chosen)}"
    Path(f"{board}.go").touch()
    question = GradientQuestion(model="part", image=str(board), method="integrated_gradients", part=(0, 1))
    assert client.ask(question).question == question
    with_another = replace(question, options=(("baseline", "image"), ("baseline_image", key)))
    with pytest.raises(ComputeError):
        client.ask(with_another)
    assert client.ask(replace(question, options=(("baseline_image", "sample/star"),))).score == 0.0
    with pytest.raises(UnknownImage, match="has been removed"):
        client.ask(replace(with_another, options=(("baseline", "image"), ("baseline_image", f"upload/{'0' * 64}"))))


def test_a_confined_worker_is_confined(client: Client, chosen: Settings) -> None:
    """What each wall holds is for the tests of the sandbox; here, that the worker stands behind them."""
    told = dict(note.split(": ", 1) for note in ask(client, uploaded(client, chosen, "break out")).notes[2:])
    seen = told.pop("variables").removeprefix("done, ").split()
    assert set(told.values()) == {"denied"}, told
    assert not list(chosen.store.rglob("canary"))
    assert "GRADVIZ_STORE" in seen
    assert {"GRADVIZ_COMPUTE_KEY", "PYTHONPATH", "USER"} & set(seen) == set()


def test_the_status_says_what_holds_the_workers(client: Client, chosen: Settings) -> None:
    """Not what the kernel could hold them with: what they said of themselves once they were held."""
    assert until(lambda: client.status().confinement != sandbox.probe().in_words())
    status = client.status()
    assert status.upload_workers == 2
    assert status.confined
    assert status.confinement == replace(sandbox.probe(), memory_mb=chosen.upload_memory_mb).in_words()


@pytest.mark.parametrize("endless", ["spin", "hold"])
def test_endless_uploads_hold_up_no_other_question(client: Client, chosen: Settings, endless: str) -> None:
    key, sleep = uploaded(client, chosen, endless), uploaded(client, chosen, "sleep")
    pids(client, sleep)
    with ThreadPoolExecutor(3) as threads:
        doomed = [threads.submit(ask, client, key, name) for name in "ab"]
        assert until(lambda: client.status().busy == 2)
        behind = threads.submit(ask, client, sleep, "0")
        answered = 0
        while not all(job.done() for job in doomed):
            ask(client, "echo")
            answered += 1
        for job in doomed:
            with pytest.raises(DeadlineExceeded, match=f"longer than {DEADLINE_S:g} s"):
                job.result()
        assert answered > 20
        assert worker_of(behind.result()) > 0
    assert len(pids(client, sleep)) == 2


def test_a_file_that_overruns_twice_is_refused_whatever_recipe_names_it(client: Client, chosen: Settings) -> None:
    title = "sleep"
    file = kept(chosen, b"a file of its own that overruns")
    steps = Preprocessing((1, 1), None, (0.0,), (1.0,))
    first, other = (client.keep_recipe(Recipe(file, "", title, labels, steps)) for labels in ((), ("one",)))
    for _ in range(2):
        with pytest.raises(DeadlineExceeded, match="longer than"):
            ask(client, first, str(2 * DEADLINE_S))
    for key in (first, other):
        start = time.monotonic()
        with pytest.raises(DeadlineExceeded, match="was stopped 2 times within 10 minutes"):
            ask(client, key, "0")
        assert time.monotonic() - start < soon(0.3)
    assert worker_of(ask(client, uploaded(client, chosen, "echo"), "0")) > 0


def test_a_flood_of_uploads_fills_its_own_queue_only(client: Client, chosen: Settings) -> None:
    sleep = uploaded(client, chosen, "sleep")
    pids(client, sleep)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(ask, client, sleep, "1") for _ in range(4)]
        assert until(lambda: (client.status().busy, client.status().queued) == (2, 2))
        with pytest.raises(Busy, match="2 questions are already waiting"):
            ask(client, sleep, "0")
        ask(client, "echo")
        assert all(worker_of(question.result()) for question in waiting)


def test_a_confined_worker_killed_in_the_middle_takes_one_question_along(client: Client, chosen: Settings) -> None:
    sleep, trusted = uploaded(client, chosen, "sleep"), pids(client, "sleep")
    victim = worker_of(ask(client, sleep, "0.9"))  # the same question again goes to the same worker
    with ThreadPoolExecutor(2) as threads:
        doomed = threads.submit(ask, client, sleep, "0.9")
        assert until(lambda: client.status().busy == 1)
        time.sleep(0.2)
        other = threads.submit(ask, client, "sleep", "0.4")
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="signal 9"):
            doomed.result()
        assert worker_of(other.result()) in trusted
    assert victim not in pids(client, sleep)
    assert pids(client, "sleep") == trusted


def test_what_a_confined_worker_says_gets_into_the_log_in_plain_characters(caplog: pytest.LogCaptureFixture) -> None:
    plan = Plan(FAKES, "cpu", memory_mb=600, confined=True)
    worker = WorkerProcess(worker_context(plan), plan, "worker of a test")
    try:
        question = SurveyQuestion(model="shout", image="x")
        assert worker.work(Job("ask", question_to_json(question).encode()), 20)[0] == "ok"
        assert f"confined worker {worker.pid}: \\x1b[2Jforged" in caplog.text
        assert "\x1b" not in caplog.text
        assert until(lambda: "says too much; the rest of this minute is dropped" in caplog.text)
    finally:
        worker.end()
    assert until(lambda: "bytes more before it ended" in caplog.text)
    assert len(caplog.text) < 3 * worker_log.MOST_A_MINUTE


def test_a_worker_that_has_said_too_much_is_heard_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload that takes a worker over could silence the log of it for the rest of its life: of a minute, now."""
    log_reader, log_writer = multiprocessing.Pipe(duplex=False)
    worker_log.forward_output(log_reader, 7)
    for _ in range(20):
        os.write(log_writer.fileno(), b"much ado " * 455 + b"\n")
    assert until(lambda: "confined worker 7 says too much" in caplog.text)
    os.write(log_writer.fileno(), b"lost\n")
    time.sleep(0.1)
    monkeypatch.setattr(log_lines, "MINUTE_S", 0.0)  # it is over
    os.write(log_writer.fileno(), b"Fatal Python error\n")
    assert until(lambda: "confined worker 7: Fatal Python error" in caplog.text)
    log_writer.close()
    assert "lost" not in caplog.text
    (said,) = re.findall(r"confined worker 7 said ([\d,]+) bytes more in a minute", caplog.text)
    passed_on = sum(line.count("much ado ") * 9 for line in caplog.text.splitlines())
    assert 20 * 4096 - passed_on - 50 < int(said.replace(",", "")) < 20 * 4096 - passed_on + 4096 + 50


def test_what_is_no_longer_here_is_told_without_a_worker(client: Client, chosen: Settings) -> None:
    before = client.status().answered
    with pytest.raises(UnknownImage, match="The uploaded image of this address has been removed"):
        ask(client, "echo", f"upload/{'1' * 64}")
    with pytest.raises(UnknownModel, match="The uploaded model of this address has been removed"):
        ask(client, f"upload/{'1' * 64}")
    key = uploaded(client, chosen, "unused")
    (chosen.store / "files" / client.recipe(key).file).unlink()
    with pytest.raises(UnknownModel, match="Upload it again"):
        ask(client, key)
    assert client.status().answered == before


def test_what_is_used_stays(client: Client, chosen: Settings) -> None:
    """A question makes the image, the recipe and its file young again."""
    image, model = kept(chosen, b"an image"), uploaded(client, chosen, "echo")
    paths = [chosen.store / "files" / image, chosen.store / "recipes" / model.removeprefix("upload/")]
    paths.append(chosen.store / "files" / client.recipe(model).file)
    for path in paths:
        os.utime(path, (0, 0))
    ask(client, model, f"upload/{image}")
    assert all(path.stat().st_mtime > time.time() - 60 for path in paths)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only pretrained weights that this machine has, and no way to others."""
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (folder / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"weights")
    return folder


def test_weights_are_fetched_by_a_trusted_worker_first(chosen: Settings, tmp_path: Path, weights: Path) -> None:
    model = "torchvision/squeezenet1_1@IMAGENET1K_V1"
    client = Client(chosen.model_copy(update={"store": tmp_path / "store", "deadline_s": 60.0}), FAKES)
    try:
        image = client.upload_image(_PIXEL).key
        with pytest.raises(UnknownModel, match="torchvision has no classification model 'no-such'"):
            ask(client, "torchvision/no-such@IMAGENET1K_V1", image)
        served = [client.status().answered]
        for _ in range(2):
            ask(client, model, image)
            served.append(client.status().answered)
        assert (served[1] - served[0], served[2] - served[1]) == (2, 1)  # the second time, they are known to be there
        assert [path.name for path in weights.iterdir()] == ["squeezenet1_1-b8a52dc0.pth"]
    finally:
        client.close()


_PIXEL = b"BM:\0\0\0\0\0\0\0006\0\0\0(\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0\0\0\0\0\4\0\0\0" + bytes(20)
"""A black pixel, as BMP."""
