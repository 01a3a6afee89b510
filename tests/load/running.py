"""A real app under watch: its processes and what they hold, how fast it says that it is well, and its workers, which
can be killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from socket import socket

import psutil  # type: ignore[import-untyped]

from tests.crowding import crowding
from tests.leftovers import folder_of_a_server
from tests.load.requests import Door, request

ROOT = Path(__file__).parents[2]
START_S = 90.0
LOOK_S = 0.1
"""Between two looks at the health and, ten times rarer, at the memory."""


LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class App:
    """A running app: where it is, its process, and the folder with its log and its store."""

    port: int
    process: psutil.Process
    folder: Path

    def door(self, source: str = "127.0.0.1") -> Door:
        """The app as it is reached from an address of this machine."""
        return Door(self.port, source)

    @property
    def store(self) -> Path:
        """The folder of uploads."""
        return self.folder / "uploads"

    @property
    def log(self) -> str:
        """What the app has written so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def service(self) -> psutil.Process | None:
        """The compute service, where it is there."""
        return next((each for each in _children(self.process) if "gradviz_core.compute" in _command(each)), None)

    def workers(self, *, confined: bool | None = None) -> list[psutil.Process]:
        """The workers, or only those that are confined, or not: the former let others go first."""
        service = self.service()
        below = [] if service is None else _children(service)
        found = [worker for each in below if "forkserver" in _command(each) for worker in _children(each)]
        if confined is None:
            return found
        return [worker for worker in found if (_niceness(worker) > 0) == confined]

    def megabytes(self) -> dict[str, float]:
        """What is resident, in megabytes: of the app's process, the service's, and the largest worker's."""
        service = self.service()
        return {
            "app": resident_mb(self.process),
            "service": resident_mb(service) if service else 0.0,
            "worker": max(map(resident_mb, self.workers()), default=0.0),
        }

    def kill_a_worker(self, dice: random.Random) -> bool:
        """Kill a worker, as the kernel does where memory runs out; False where there is none just now."""
        workers = self.workers()
        if not workers:
            return False
        with suppress(psutil.NoSuchProcess):
            dice.choice(workers).send_signal(signal.SIGKILL)
        return True


@contextmanager
def running(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[App]:
    """The app on a free port, with a store and a log in ``folder``; ended, and all its processes with it."""
    with folder_of_a_server() as temporary:
        own = {"GRADVIZ_STORE": str(folder / "uploads"), "GRADVIZ_DEVICE": "cpu", "TMPDIR": temporary}
        yield from _running(folder, own | dict(environment or {}))


def _running(folder: Path, environment: Mapping[str, str]) -> Iterator[App]:
    with closing(socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    options = ["--server.headless=true", "--server.address=127.0.0.1"]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        app = App(port, psutil.Process(process.pid), folder)
        _wait_until_up(app, process)
        yield app
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


def _wait_until_up(app: App, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended as soon as it was started: {app.log[-2000:]}")
        with suppress(OSError):
            if request(app.door(), "GET", "/_stcore/health")[1] == b"ok":
                return
        time.sleep(0.1)
    raise RuntimeError(f"the app was not there after {START_S:g} seconds: {app.log[-2000:]}")


@dataclass
class Watch:
    """How an app fares, from other threads: how long it takes to say that it is well, and what it holds."""

    app: App
    slowest_s: float = 0.0
    """The longest that the health was waited for."""
    crowding: float = 1.0
    """How many times longer everything takes here because the machine has other work, before and after."""
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    """Seconds since the start, and the megabytes then."""

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._start = time.monotonic()
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._weigh)]

    def __enter__(self) -> Watch:
        self.crowding = max(self.crowding, crowding())
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.crowding = max(self.crowding, crowding())

    @property
    def health_s(self) -> float:
        """How long the health would have been waited for, had the machine had nothing else to do."""
        return self.slowest_s / self.crowding

    def most_mb(self, what: str) -> float:
        """The most that was resident: of the ``app``, the ``service``, or a ``worker``."""
        return max((held[what] for _, held in self.memory), default=0.0)

    def _ask(self) -> None:
        while not self._over.wait(LOOK_S):
            asked = time.monotonic()
            with suppress(OSError, HTTPException):
                if request(self.app.door(), "GET", "/_stcore/health", timeout_s=LONGEST_S)[1] == b"ok":
                    self.slowest_s = max(self.slowest_s, time.monotonic() - asked)
                    continue
            self.slowest_s = LONGEST_S

    def _weigh(self) -> None:
        while True:
            self.memory.append((time.monotonic() - self._start, self.app.megabytes()))
            if self._over.wait(5 * LOOK_S):
                return


def resident_mb(process: psutil.Process) -> float:
    """What a process holds in memory, in megabytes; 0 of one that has ended."""
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children())
    except psutil.NoSuchProcess:
        return []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _niceness(process: psutil.Process) -> int:
    try:
        return int(process.nice())
    except psutil.NoSuchProcess:
        return 0
