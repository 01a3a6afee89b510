"""A load: people who work, some who attack, workers that are killed, and the comparison with what is right."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import own_loop
from tests.hostile import archives, exported_files, pictures
from tests.load import bringing, heavy, serial
from tests.load.attacks import FAILS, foreign_handshakes, hanging_uploads, tabs_with_model
from tests.load.bystander import bystander
from tests.load.people import Diary, Person
from tests.load.report import Report
from tests.load.requests import Door
from tests.load.running import App, Watch, running
from tests.load.tab import Tab

SETTINGS = {"GRADVIZ_THREADS": "1", "GRADVIZ_SESSIONS": "60"}
"""Under load and alone: the last bits of a matrix product depend on how many threads make it. The hostile ones open a
few tabs more than one each."""
LAST_WAIT_S = 150.0
"""How long is waited, at the end, for what was asked."""
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who asks, and for how long."""

    seconds: float
    people: int
    seed: int = 0
    hostile: bool = True
    pause_s: tuple[float, float] = (10.0, 20.0)
    """Between two questions of one person."""
    kill_every_s: float = 10.0


def load(folder: Path, crowd: Crowd) -> Report:
    """Let them all at an app whose files lie in ``folder``, then ask a fresh one the same, one question at a time."""
    _prepare(crowd)
    with running(folder, SETTINGS) as app, Watch(app) as watch:
        start = time.monotonic()
        diary, killed = own_loop.run(_everybody(app, crowd))
        seconds = time.monotonic() - start
    with running(folder, SETTINGS) as app:
        wrong = own_loop.run(serial.wrong(app, diary.seen))
    return Report(diary, wrong, watch, seconds, killed)


def _prepare(crowd: Crowd) -> None:
    """Make the files beforehand: it takes the processor."""
    heavy.wide(), heavy.sorts(), heavy.slow()
    for seed in range(crowd.people):
        if seed % 12 == 1:
            heavy.small(seed)


async def _everybody(app: App, crowd: Crowd) -> tuple[Diary, int]:
    async with bystander(app.door()) as first:  # what a new server does once is done before anybody comes
        await first.ask_preset()
        await first.upload()
    diary, over = Diary(), asyncio.Event()
    people = [
        Person(app.door(f"127.0.1.{number + 1}"), 1000 * crowd.seed + number, crowd.pause_s, diary)
        for number in range(crowd.people)
    ]
    work = asyncio.gather(*(person.work(over) for person in people))
    async with _killing(app, crowd) as killed, _hostile(app, crowd):
        await asyncio.sleep(crowd.seconds)
        over.set()
        await asyncio.wait_for(work, LAST_WAIT_S)
    return diary, len(killed)


@asynccontextmanager
async def _killing(app: App, crowd: Crowd) -> AsyncIterator[list[float]]:
    """A worker is killed every few seconds, for as long as the context lasts; the list says when."""
    killed: list[float] = []

    async def kill() -> None:
        dice = random.Random(crowd.seed)
        while True:
            await asyncio.sleep(crowd.kill_every_s)
            if await asyncio.to_thread(app.kill_a_worker, dice):
                killed.append(time.monotonic())

    task = asyncio.create_task(kill())
    try:
        yield killed
    finally:
        task.cancel()


@asynccontextmanager
async def _hostile(app: App, crowd: Crowd) -> AsyncIterator[None]:
    """Three who attack, each from an address of their own, for as long as the context lasts."""
    if not crowd.hostile:
        yield
        return
    doors = [app.door(f"127.0.2.{number}") for number in (1, 2, 3)]
    async with (
        tabs_with_model(doors[0], "wide.pt2", heavy.wide(), 1),
        tabs_with_model(doors[1], "sorts.pt2", heavy.sorts(), 1),
        tabs_with_model(doors[1], "slow.pt2", heavy.slow(), 1),
    ):
        task = asyncio.create_task(_nuisance(doors[2]))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _nuisance(door: Door) -> None:
    """Hostile files one after the other, uploads that hang, handshakes of a foreign page."""
    while True:
        for name, data in _hostile_files():
            with suppress(*FAILS):
                tab = await Tab.opened(door)
                try:
                    if name.endswith(".pt2"):
                        await bringing.model(tab, name, data)
                    else:
                        await bringing.picture(tab, name, data)
                finally:
                    await tab.close()
        with suppress(*FAILS):
            async with hanging_uploads(door, 2, 264 * MB, 100 * MB, control=True):
                await foreign_handshakes(door, 5)
                await asyncio.sleep(10)


def _hostile_files() -> Iterable[tuple[str, bytes]]:
    for module in (archives, exported_files, pictures):
        for case in module.CASES[:5]:
            yield case.file, case.make()
