"""What is watched while a hostile file is being dealt with: the workers' memory, and a second person's work."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from gradviz_core.compute.client import Client
from gradviz_core.errors import GradVizError
from gradviz_core.types import ClassScore, GradientQuestion

PAUSE_S = 0.1
"""Between two questions of the second session, unless somebody waits for the next."""
FORGET_PEAK = "5"
"""Written to ``/proc/<pid>/clear_refs`` it sets the peak back to what is held now (``man 5 proc``)."""


@dataclass
class Bystander:
    """A second session, which asks a harmless question again and again; never the same one twice in a row."""

    client: Client

    def __post_init__(self) -> None:
        self.answered = 0
        self.slowest_s = 0.0
        self.complaints: list[str] = []
        self._over, self._awaited = threading.Event(), threading.Event()
        self._answer = threading.Condition()
        self._thread = threading.Thread(target=self._ask_again_and_again, name="bystander")
        self._thread.start()

    def _ask_again_and_again(self) -> None:
        while not self._over.is_set():
            self._awaited.wait(PAUSE_S)
            target = ClassScore(self.answered % 10)
            start = time.monotonic()
            try:
                self.client.ask(GradientQuestion(model="preset/digits-mlp", image="sample/digit-3", target=target))
            except GradVizError as error:
                self.complaints.append(str(error))
            self.slowest_s = max(self.slowest_s, time.monotonic() - start)
            with self._answer:
                self.answered += 1
                self._answer.notify_all()

    def answers_once_more(self, seconds: float) -> bool:
        """Wait until a question that was asked after now has been answered."""
        self._awaited.set()
        with self._answer:
            wanted = self.answered + 2  # the next one may be on its way already
            came = self._answer.wait_for(lambda: self.answered >= wanted, seconds)
        self._awaited.clear()
        return came

    def leave(self) -> None:
        """Ask no more."""
        self._over.set()
        self._awaited.set()
        self._thread.join()


def workers(service: int) -> list[int]:
    """Process numbers of everything below the service."""
    return [child.pid for child in psutil.Process(service).children(recursive=True)]


def forget_peaks(service: int) -> None:
    """Measure the peak memory of all workers from now on."""
    for pid in workers(service):
        try:
            Path(f"/proc/{pid}/clear_refs").write_text(FORGET_PEAK)
        except OSError:
            continue  # it has just ended; or it is confined, and then its peak is that of its whole life


def peak_mb(service: int) -> float:
    """The most memory that any worker has held, in megabytes."""
    return max(map(_peak_mb, workers(service)), default=0.0)


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0) / 1000
