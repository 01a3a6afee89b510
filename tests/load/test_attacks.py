"""One person attacks, another works on: the app says within a second that it is well, the other waits hardly longer
than alone, and ten seconds after the attacker has left nothing is left of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from gradviz_core.settings import Settings
from tests import own_loop
from tests.load import heavy
from tests.load.attacks import foreign_handshakes, handshake, hanging_uploads, tabs_with_model
from tests.load.bystander import bystander
from tests.load.running import App, Watch, running

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]
HEALTH_S = 1.0
APP_MB = 500.0
WAIT_PRESET_S, WAIT_UPLOAD_S = 2.0, 10.0
"""How much longer than alone a bystander may wait. This and all other times are those of a machine that has nothing
else to do; on a crowded one they are as many times longer as a computation takes there."""
GONE_S = 10.0
ROOM_MB = 100.0
"""What Python and its allocator may keep of memory that is free again."""
ATTACK_S = 5.0
ATTACKER, HONEST = "127.0.0.66", "127.0.0.7"
MB = 1_000_000
LIMITS = {"GRADVIZ_UPLOAD_MEMORY_MB": "3000", "GRADVIZ_THREADS": "1", "GRADVIZ_WORKERS": "2"}


@dataclass(frozen=True, slots=True)
class Waited:
    """How long a bystander waited at most, and what they were shown instead of what they had asked for."""

    preset_s: float
    upload_s: float
    complaints: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scene:
    """A running app, and how it is without an attack."""

    app: App
    alone: Waited


@pytest.fixture(scope="module")
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word, where the network of a firewall would be."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, black_hole: int) -> Iterator[Scene]:
    """One app for all attacks. Whatever it looks up outside goes into the black hole, and it spools into a folder that
    can be looked into."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "tmp").mkdir()
    hole = f"http://127.0.0.1:{black_hole}"
    outside = {"HTTP_PROXY": hole, "HTTPS_PROXY": hole, "http_proxy": hole, "https_proxy": hole, "NO_PROXY": ""}
    with running(folder, LIMITS | outside | {"TMPDIR": str(folder / "tmp")}) as app:
        yield Scene(app, own_loop.run(_alone(app)))


async def _alone(app: App) -> Waited:
    await _works_on(app, 0)  # what a new server does once is done
    waited = await _works_on(app, 4)
    assert not waited.complaints
    return waited


async def _works_on(app: App, seconds: float) -> Waited:
    """A bystander works for so long, at least until each thing was done once."""
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    async with bystander(app.door(HONEST)) as working:
        preset_s, upload_s = await working.work_on(over)
        return Waited(preset_s, upload_s, working.complaints)


def _attacked(scene: Scene, attack: Callable[[App], Coroutine[Any, Any, Waited]]) -> None:
    """Run an attack, which says how long a bystander waited meanwhile, and hold it to all that is promised."""
    before_mb = scene.app.megabytes()["app"]
    with Watch(scene.app) as watch:
        waited = own_loop.run(attack(scene.app))
        left = time.monotonic()
        while _left(scene.app, before_mb) and time.monotonic() < left + watch.crowding * GONE_S:
            time.sleep(0.2)
        leftover = _left(scene.app, before_mb)
    crowded = watch.crowding
    found = "; ".join(
        [
            f"health {watch.slowest_s:.2f} s on a machine {crowded:.1f} times as slow for its other work",
            f"preset {waited.preset_s:.2f} s, alone {scene.alone.preset_s:.2f} s",
            f"upload {waited.upload_s:.2f} s, alone {scene.alone.upload_s:.2f} s",
            f"app {watch.most_mb('app'):.0f} MB, worker {watch.most_mb('worker'):.0f} MB",
            f"left: {leftover or 'nothing'}",
            f"the bystander was told {waited.complaints or 'nothing'}",
        ]
    )
    assert not waited.complaints, found
    assert watch.health_s < HEALTH_S, found
    assert waited.preset_s < scene.alone.preset_s + crowded * WAIT_PRESET_S, found
    assert waited.upload_s < scene.alone.upload_s + crowded * WAIT_UPLOAD_S, found
    assert watch.most_mb("app") < APP_MB, found
    assert watch.most_mb("worker") < float(LIMITS["GRADVIZ_UPLOAD_MEMORY_MB"]), found
    assert not leftover, found


def _left(app: App, before_mb: float) -> str:
    """What an attacker who has left still takes from the others; nothing, as it should be."""
    left = {
        "MB spooled": _spooled_mb(app),
        "MB arriving": sum(map(_size_mb, (app.store / "arriving").glob("*"))),
        "MB more in the app": max(0.0, app.megabytes()["app"] - before_mb - ROOM_MB),
        "busy workers": _busy(app.workers(confined=True)),
    }
    return ", ".join(f"{size:.0f} {name}" for name, size in left.items() if size >= 1)


def _spooled_mb(app: App) -> float:
    """What lies in the folder for temporary files, and in files of the app's process that have no name any more."""
    return sum(map(_size_mb, (app.folder / "tmp").rglob("*"))) + sum(_nameless_mb(app))


def _nameless_mb(app: App) -> Iterator[float]:
    for link in Path(f"/proc/{app.process.pid}/fd").glob("*"):
        with suppress(OSError):
            if str(link.readlink()).endswith("(deleted)"):
                yield link.stat().st_size / MB


def _size_mb(path: Path) -> float:
    try:
        return path.stat().st_size / MB if path.is_file() else 0.0
    except OSError:
        return 0.0


def _busy(workers: Sequence[psutil.Process]) -> int:
    """How many of these processes compute now."""
    before = [_seconds(worker) for worker in workers]
    time.sleep(0.5)
    return sum(_seconds(worker) - was > 0.1 for worker, was in zip(workers, before, strict=True))


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


# ---------------------------------------------------------------------------------------------------------- the attacks


def test_pages_that_weigh_much(scene: Scene) -> None:
    """Five sessions with a model that takes a picture of 4096x4096."""

    async def attack(app: App) -> Waited:
        async with tabs_with_model(app.door(ATTACKER), "wide.pt2", heavy.wide(), 5):
            return await _works_on(app, ATTACK_S)

    _attacked(scene, attack)


@pytest.mark.parametrize("kind", ["sorts", "slow"])
def test_tabs_whose_questions_last(scene: Scene, kind: str) -> None:
    """Six tabs of one person: sorting four million numbers 300 times, or convolutions up to the limit."""
    data = {"sorts": heavy.sorts, "slow": heavy.slow}[kind]()

    async def attack(app: App) -> Waited:
        async with tabs_with_model(app.door(ATTACKER), f"{kind}.pt2", data, 6):
            await asyncio.sleep(3)
            return await _works_on(app, ATTACK_S)

    _attacked(scene, attack)


@pytest.mark.parametrize(("count", "megabytes", "control"), [(2, 264, True), (4, 300, False)])
def test_uploads_that_hang(scene: Scene, count: int, megabytes: int, control: bool) -> None:
    """Two that a control asked for and that stop before their end, and four that nobody asked for. They are spooled
    nowhere, and are in nobody's way."""
    most_spooled = 0.0

    async def attack(app: App) -> Waited:
        nonlocal most_spooled
        size = megabytes * MB
        async with hanging_uploads(app.door(ATTACKER), count, size, size - 10 * MB, control=control):
            most_spooled = _spooled_mb(app)
            return await _works_on(app, 3)

    _attacked(scene, attack)
    assert most_spooled < 10


def test_handshakes_of_a_foreign_page(scene: Scene) -> None:
    """Each would have the app look itself up outside, twice, for a second each time."""

    async def attack(app: App) -> Waited:
        door = app.door(ATTACKER)
        shaking = asyncio.create_task(foreign_handshakes(door, 5))
        waited = await _works_on(app, 2)
        assert set(await shaking) == {403}
        return waited

    _attacked(scene, attack)


def test_a_name_that_is_not_served_is_refused_and_the_setting_named(scene: Scene) -> None:
    """A page of a foreign name that was made to point here (rebinding) asks with its own name as host and origin."""
    status, said = handshake(scene.app.door(ATTACKER), "http://rebound.example", "rebound.example")
    assert status in {400, 403, 421}
    assert "GRADVIZ_HOSTS" in said


def test_the_settings_of_these_tests_are_settings() -> None:
    assert all(name.removeprefix("GRADVIZ_").lower() in Settings.model_fields for name in LIMITS)
