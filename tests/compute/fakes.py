"""An answerer for tests: the question's model key says what the worker does to itself, the image key how much. Where
the model is an uploaded one, its title says it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gradviz_core.errors import BadTarget, Stopped
from gradviz_core.settings import settings
from gradviz_core.types import (
    INPUT,
    Answer,
    GradientAnswer,
    GradientQuestion,
    ModelCard,
    Preprocessing,
    ProofAnswer,
    ProofQuestion,
    Question,
    Receipt,
    SurveyAnswer,
    SurveyQuestion,
    keys,
)
from gradviz_core.types.findings import Proof
from gradviz_core.uploads import store

CARD = ModelCard("fake", "Fake", "For tests.", 0, (), Preprocessing((1, 1), None, (0.0,), (1.0,)))


class Scripted:
    """Does what the model key says."""

    device = "cpu"

    def __init__(self, device: str | None) -> None:
        """Any device will do."""
        self.served = 0

    def warm_up(self) -> None:
        """There is nothing to wait for."""

    def check(self, question: ProofQuestion, told_to_stop: Callable[[], bool]) -> Answer:
        """Write into the file that the image key names, until it is told to stop; the model key may say otherwise."""
        _write(question.image, f"check begins {os.getpid()}")
        if question.model == "a while":
            time.sleep(0.3)
        while question.model not in ("done at once", "a while"):
            if question.model != "deaf" and told_to_stop():
                _write(question.image, "check stops")
                raise Stopped
            time.sleep(0.005)
        return ProofAnswer(
            question=question,
            target=question.target,
            proof=Proof((), 0.0, str(os.getpid()), "agrees"),
            notes=(),
            receipt=Receipt("cpu", (), 0.0),
            arrays={},
        )

    def answer(self, question: Question, told_to_stop: Callable[[], bool]) -> Answer:
        """Obey, then answer with this process's number and how often it was asked. Only what works hears."""
        self.served += 1
        if isinstance(question, GradientQuestion):
            return _part(question, told_to_stop)
        assert isinstance(question, SurveyQuestion)
        array, told = np.zeros(0, np.float32), tuple[str, ...]()
        match _deed(question.model):
            case "write":
                _write(question.image, "click begins")
            case "sleep":
                time.sleep(float(question.image))
            case "work":
                _work(float(question.image), told_to_stop)
            case "write and work":
                path, seconds = question.image.split()
                _write(path, "begins")
                _work(float(seconds), told_to_stop)
            case "tell and sleep":
                Path(question.image).write_text(str(os.getpid()))
                time.sleep(1.5)
            case "spin":
                while True:
                    pass
            case "hold":  # native code that never lets go of the interpreter
                ctypes.PyDLL(None).sleep(1000)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)
            case "hog":
                array = np.ones(int(question.image), np.float64)
            case "array":
                array = np.ones(int(question.image) // 4, np.float32)
            case "bug":
                raise KeyError("/etc/secret")
            case "gpu bug":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "break out":
                told = tuple(f"{name}: {_outcome(deed)}" for name, deed in DEEDS.items())
            case "shout":
                os.write(2, b"\x1b[2Jforged\n")
                for _ in range(200):
                    os.write(1, b"much ado " * 1000 + b"\n")
            case "refuse":
                raise BadTarget("There is no class 12; the model has 10.")
        return SurveyAnswer(
            question=question,
            card=CARD,
            sites=(),
            heads=(),
            prediction=(),
            notes=(str(os.getpid()), str(self.served), *told),
            receipt=Receipt("cpu", (), 0.0),
            arrays={"pixels": array},
        )


def _part(question: GradientQuestion, told_to_stop: Callable[[], bool]) -> GradientAnswer:
    """A part of a sum of ones, once there is a file of the image's name and ``.go``. Until then it tells, in the file
    that the image names, that it has begun, and that it was stopped."""
    assert question.part is not None
    first, last = question.part
    _write(question.image, f"{first} begins")
    while not Path(f"{question.image}.go").exists():
        if told_to_stop():
            _write(question.image, f"{first} stops")
            raise Stopped
        time.sleep(0.005)
    return GradientAnswer(
        question=question,
        target=question.target,
        score=0.0,
        prediction=(),
        receptive_field=None,
        notes=(),
        receipt=Receipt("cpu", (), 1e3),
        arrays={f"terms/{INPUT}": np.full((1, 3, 2, 2), float(last - first))},
    )


def _work(seconds: float, told_to_stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if told_to_stop():
            raise Stopped
        time.sleep(0.005)


def _write(path: str, line: str) -> None:
    with Path(path).open("a") as board:
        board.write(f"{line}\n")


def _deed(model: str) -> str:
    digest = keys.digest(model)
    return model if digest is None else store.here().recipe(digest).title


def _outcome(deed: Callable[[], object]) -> str:
    try:
        return f"done, {deed()}"
    except OSError as error:
        return "denied" if error.errno in (1, 13) else repr(error)


DEEDS: dict[str, Callable[[], object]] = {
    "write": lambda: (settings().store / "canary").write_text("x"),
    "write beside what it may read": lambda: (settings().store / "files" / "canary").write_text("x"),
    "list the store": lambda: list((settings().store / "files").iterdir()),
    "read another file": lambda: Path("/etc/passwd").read_text(),
    "read another file in a thread": lambda: _in_a_thread(lambda: Path("/etc/passwd").read_text()),
    "read the project's folder": lambda: (Path(__file__).parents[2] / "README.md").read_text(),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "run a program": lambda: os.execv(sys.executable, ["python"]),
    "fork": lambda: os.fork() or os._exit(0),
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "variables": lambda: " ".join(sorted(os.environ)),
}
"""What a confined worker must not do, and what it may still see of the environment."""


def _in_a_thread(deed: Callable[[], object]) -> object:
    """What the deed returns, or raises, in a thread of its own."""
    told: list[object] = []

    def run() -> None:
        try:
            told.append(deed())
        except OSError as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(told[0], OSError):
        raise told[0]
    return told[0]
