"""One compute service for all tests of it, answered by fakes, so that nothing waits for torch; and a look at what is
left of it at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr

from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.settings import Settings
from gradviz_core.types import SurveyAnswer, SurveyQuestion
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads.store import Store

FAKES = "tests.compute.fakes:Scripted"
DEADLINE_S = 2.0


def until(true: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until something is true; False if it does not become so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())


def processes_of(store: Path) -> list[int]:
    """Every process that was started with this store in its environment: a service's, and all those below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("GRADVIZ_STORE") == str(store):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def ask(client: Client, model: str, image: str = "x") -> SurveyAnswer:
    """Ask the fake to do something."""
    answer = client.ask(SurveyQuestion(model=model, image=image))
    assert isinstance(answer, SurveyAnswer)
    return answer


def worker_of(answer: SurveyAnswer) -> int:
    """Number of the process that gave this answer."""
    return int(answer.notes[0])


def kept(settings: Settings, data: bytes = b"what was uploaded") -> str:
    """Digest of a file that is put into the service's store behind its back."""
    return Store(settings.store, 1_000_000_000, 30).put(data)


def uploaded(client: Client, settings: Settings, title: str) -> str:
    """Key of an uploaded model of a file of its own; a confined worker does what its title says."""
    return client.keep_recipe(
        Recipe(kept(settings, title.encode()), "", title, (), Preprocessing((1, 1), None, (0.0,), (1.0,)))
    )


@pytest.fixture(scope="session")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the shared service."""
    store = tmp_path_factory.mktemp("store")
    return Settings(workers=2, threads=1, deadline_s=DEADLINE_S, queue=2, device="cpu", store=store, upload_mb=1.0)


@pytest.fixture(scope="session")
def service(chosen: Settings) -> Iterator[LocalService]:
    """A service that answers with fakes; at the end none of its processes is left, and no socket."""
    service = LocalService(chosen, FAKES)
    address, _ = service.address_and_key()
    yield service
    service.close()
    assert until(lambda: processes_of(chosen.store) == [])
    assert not Path(address.removeprefix("unix:")).parent.exists()


@pytest.fixture
def client(service: LocalService, chosen: Settings) -> Iterator[Client]:
    """A client of the shared service, whose two workers are ready and have nothing to do."""
    address, key = service.address_and_key()
    client = Client(chosen.model_copy(update={"compute_address": address, "compute_key": SecretStr(key.decode())}))

    def calm() -> bool:
        now = client.status()
        return (now.ready, now.busy, now.queued) == (2, 0, 0)

    assert until(calm)
    yield client
    client.close()
