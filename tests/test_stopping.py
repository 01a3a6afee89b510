"""Answers that give way to others: they stop where a pass begins, and are the same to the bit where they do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.errors import Stopped
from gradviz_core.tracing.stopping import SELDOM_S, give_way, listening
from gradviz_core.uploads.exported import read
from tests.load import heavy

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"
QUESTIONS: list[gv.Question] = [
    gv.GradientQuestion(model=MODEL, image=IMAGE),
    gv.SurveyQuestion(model=MODEL, image=IMAGE),
    gv.SpectrumQuestion(model=MODEL, image=IMAGE),
    gv.PerturbationQuestion(model=MODEL, image=IMAGE),
    gv.FlowQuestion(model=MODEL, image=IMAGE),
]


@dataclass
class Told:
    """Says stop from its so-many-th time on."""

    after: int
    times: int = 0

    def __call__(self) -> bool:
        self.times += 1
        return self.times > self.after


@pytest.fixture(autouse=True)
def at_each_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick a test is, each place asks."""
    monkeypatch.setattr("gradviz_core.tracing.stopping.SELDOM_S", 0.0)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.kind)
def test_an_answer_stops_wherever_it_is_told_to_and_is_the_same_afterwards(question: gv.Question) -> None:
    never = Told(10**9)
    expected = Answerer("cpu").answer(question, never)
    assert never.times > 1, "it asks at every pass, there and back"
    answerer = Answerer("cpu")
    for after in sorted({0, 1, never.times // 2, never.times - 1}):
        with pytest.raises(Stopped):
            answerer.answer(question, Told(after))
    found, plain = answerer.answer(question), Answerer("cpu").answer(question)
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        np.testing.assert_array_equal(plain.arrays[name], array)


def test_a_computation_of_many_passes_stops_within_one_of_them() -> None:
    question = gv.SpectrumQuestion(model="preset/shapes-resnet", image=IMAGE)
    start, begun = time.process_time(), time.monotonic()
    Answerer("cpu").answer(question)
    whole, lasted = time.process_time() - start, time.monotonic() - begun
    answerer, stop = Answerer("cpu"), threading.Event()
    timer = threading.Timer(lasted / 4, stop.set)
    timer.start()
    start = time.process_time()
    with pytest.raises(Stopped):
        answerer.answer(question, stop.is_set)
    assert time.process_time() - start < 0.8 * whole + 0.2


def test_an_exported_program_asks_before_each_of_its_operations() -> None:
    program = read(heavy.slow(side=4, times=5, channels=4)).module
    told = Told(10**9)
    with listening(told):
        program(torch.zeros(1, 3, 4, 4))
    assert told.times >= 5 * 2  # a convolution and a rectifier, five times
    with listening(Told(4)), pytest.raises(Stopped):
        program(torch.zeros(1, 3, 4, 4))


def test_nobody_is_asked_outside_and_in_another_thread() -> None:
    give_way()
    heard: list[str] = []
    with listening(lambda: True):
        thread = threading.Thread(target=_tell(heard))
        thread.start()
        thread.join()
        with pytest.raises(Stopped):
            give_way()
    give_way()
    assert heard == ["went on"]


def _tell(heard: list[str]) -> Callable[[], None]:
    def run() -> None:
        give_way()
        heard.append("went on")

    return run


def test_who_may_say_stop_is_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradviz_core.tracing.stopping.SELDOM_S", SELDOM_S)
    told = Told(10**9)
    start = time.monotonic()
    with listening(told):
        while time.monotonic() < start + 5 * SELDOM_S:
            give_way()
    assert 1 <= told.times <= (time.monotonic() - start) / SELDOM_S
