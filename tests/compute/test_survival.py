"""Killing the service, and killing the app: who is left, and who comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.errors import ServiceStarting
from gradviz_core.settings import Settings
from tests.compute.conftest import FAKES, ask, processes_of, until, worker_of
from tests.crowding import soon

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(chosen: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of a service of the test's own; the parameter is the device."""
    device = getattr(request, "param", "cpu")
    return chosen.model_copy(update={"store": tmp_path, "deadline_s": 60.0, "queue": 8, "device": device})


@pytest.fixture
def own(settings: Settings) -> Iterator[Client]:
    """A client with a service of its own."""
    client = Client(settings, FAKES)
    yield client
    client.close()
    assert until(lambda: processes_of(settings.store) == [])


def _status_busy(client: Client) -> int:
    return client.status().busy


@pytest.mark.parametrize("settings", ["cpu", "cuda"], indirect=True)
@pytest.mark.parametrize("endless", ["spin", "hold"])
def test_a_killed_service_takes_its_workers_along_and_the_next_question_finds_a_new_one(
    own: Client, settings: Settings, endless: str
) -> None:
    """``hold`` is native code that never lets go of the interpreter: no thread of the worker can run. Workers that may
    use a GPU are spawned, not forked."""
    ask(own, "echo")
    before = set(processes_of(settings.store))
    assert len(before) >= 3
    with ThreadPoolExecutor(1) as threads:
        doomed = threads.submit(ask, own, endless)
        assert until(lambda: _status_busy(own) == 1)
        old = own.service_pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        with pytest.raises(ServiceStarting, match="stopped in the middle of the question"):
            doomed.result()
    start = time.monotonic()
    assert worker_of(ask(own, "echo")) not in before
    assert time.monotonic() - start < soon(3)
    assert own.service_pid not in {None, old}
    assert until(lambda: not before & set(processes_of(settings.store)))


def test_a_service_killed_while_nobody_asks_is_not_missed(own: Client) -> None:
    ask(own, "echo")
    old = own.service_pid
    assert old is not None
    os.kill(old, signal.SIGKILL)
    assert until(lambda: own.service_pid is None)
    ask(own, "echo")


APP = """
import signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, wherever these tests were started
from gradviz_core.compute.client import Client
from gradviz_core.settings import Settings
from gradviz_core.types import SurveyQuestion
client = Client(Settings(), "tests.compute.fakes:Scripted")
for model in sys.argv[1:]:
    question = SurveyQuestion(model=model, image="x")
    threading.Thread(target=client.ask, args=(question,), daemon=True).start()
while client.status().busy < len(sys.argv) - 1:
    time.sleep(0.02)
print("busy", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("models", [(), ("spin", "hold")], ids=["idle", "busy"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_nothing_outlives_the_app(settings: Settings, models: tuple[str, ...], end: signal.Signals) -> None:
    environment = os.environ | settings.as_environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", APP, *models]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"busy\n"
        assert len(processes_of(settings.store)) >= 3
        app.send_signal(end)
        app.wait(30)
    assert until(lambda: processes_of(settings.store) == [])


def test_starting_does_not_keep_anybody_waiting(own: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    may_start, start = threading.Event(), LocalService._start

    def held(service: LocalService) -> None:
        assert may_start.wait(60)
        start(service)

    monkeypatch.setattr(LocalService, "_start", held)
    own.start()
    assert own.service_pid is None, "it has come back, and nothing runs yet"
    may_start.set()
    with ThreadPoolExecutor(4) as threads:  # meanwhile, many ask: there is still one service
        assert len({worker_of(answer) for answer in threads.map(lambda _: ask(own, "echo"), range(8))}) <= 2


def test_a_closed_client_starts_nothing_any_more(settings: Settings) -> None:
    client = Client(settings, FAKES)
    client.close()
    client.start()
    with pytest.raises(ServiceStarting, match="is closed"):
        client.status()
    assert processes_of(settings.store) == []


def test_a_service_that_cannot_start_says_so(chosen: Settings, tmp_path: Path) -> None:
    client = Client(chosen.model_copy(update={"store": tmp_path, "workers": -1}), FAKES)  # a copy is not checked
    with pytest.raises(ServiceStarting, match="the server's log says why"):
        ask(client, "echo")
    client.close()
