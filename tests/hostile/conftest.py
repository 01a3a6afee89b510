"""One app with one compute service for all hostile files, a session that uploads them, and one that goes on working."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from gradviz_core.compute import client
from gradviz_core.compute.client import Client
from gradviz_core.errors import BadModel
from gradviz_core.settings import Settings
from gradviz_core.types import SurveyQuestion
from gradviz_core.types.cards import Recipe
from pages.shell.answer_cache import answer_cache
from tests import handing_in
from tests.hostile import exported_files, weights
from tests.hostile.watching import Bystander

MEMORY_MB = 2000
"""Most memory for data of a confined worker here. An idle one holds about 500 MB."""


@dataclass(frozen=True, slots=True)
class World:
    """What the hostile files act upon."""

    client: Client
    store: Path
    bystander: Bystander

    @property
    def service(self) -> int:
        """Process number of the compute service."""
        assert self.client.service_pid is not None
        return self.client.service_pid


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service with one worker for what is trusted and one for uploads; at the end every question of the bystander
    was answered."""
    store = tmp_path_factory.mktemp("hostile")
    chosen = Settings(workers=1, upload_workers=1, threads=1, device="cpu", store=store, upload_memory_mb=MEMORY_MB)
    asking = Client(chosen)
    _warm_up(asking)
    bystander = Bystander(asking)
    try:
        yield World(asking, store, bystander)
    finally:
        bystander.leave()
        asking.close()
    assert bystander.complaints == []


def _warm_up(asking: Client) -> None:
    """Run an exported model, and look for the architecture of weights that fit none: a new worker takes seconds for
    what it needs once."""
    report = asking.upload_model(exported_files.sound())
    assert report.preprocessing is not None
    recipe = Recipe(report.file, "", "sound", (), report.preprocessing)
    asking.ask(SurveyQuestion(model=asking.keep_recipe(recipe), image="sample/digit-3"))
    with pytest.raises(BadModel):
        asking.upload_model(weights.saved({"unknown": torch.zeros(3)}))


@pytest.fixture
def app_of(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The pages, run in this process, ask that service."""
    monkeypatch.setattr(client, "_client", lambda: world.client)
    monkeypatch.setattr(client, "start", lambda: None)
    handing_in.forget()
    yield world
    answer_cache.clear()
