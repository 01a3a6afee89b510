"""Memory of a worker: what it remembers is bounded in bytes, and what was asked before makes no difference."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from gradviz_core import memory
from gradviz_core.answering import Answerer
from gradviz_core.answers.failures import ran_out_of_memory
from gradviz_core.compute import worker
from gradviz_core.errors import BadTarget, ComputeError, TooCostly
from gradviz_core.settings import Settings, settings, usual_memory_mb
from gradviz_core.types import AboutAModel, Answer, ClassScore, GradientQuestion, Question

NO_MORE = RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried ...")


@pytest.fixture
def remembers_100_mb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GRADVIZ_REMEMBER_MB", "100")
    settings.cache_clear()
    yield
    settings.cache_clear()


def question(model: str, label: int = 0) -> GradientQuestion:
    return GradientQuestion(model=model, image="sample/star", target=ClassScore(label))


@pytest.mark.usefixtures("remembers_100_mb")
def test_many_models_one_after_the_other_take_no_more_than_a_few() -> None:
    """Eight of 20 MB and the pass of each: four of ConvNeXt-L, remembered by their number, took a worker to 4.2 GB."""
    answerer = Answerer("cpu")
    before, held = memory.in_use(), []
    for seed in range(8):
        answerer.answer(question(f"torchvision/shufflenet_v2_x1_5@random-{seed}"))
        held.append(memory.in_use() - before)
    assert len(answerer._models) <= 2
    assert max(held) < 110_000_000, held


def test_a_pass_that_takes_too_much_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    answerer = Answerer("cpu")
    answerer.answer(question("preset/digits-mlp"))
    assert answerer._last is not None
    monkeypatch.setattr(memory, "in_use", lambda: answerer._at_first + answerer._most_remembered + 1)
    answerer.answer(question("preset/digits-mlp", 1))
    assert answerer._last is None


class Short(Answerer):
    """Has memory for one model only, and for nothing that is remembered."""

    def _answer_where_it_fits(self, question: Question) -> Answer:
        assert isinstance(question, AboutAModel)
        if self._last is not None or "too large" in question.model:
            raise NO_MORE
        return super()._answer_where_it_fits(question)


def test_where_memory_runs_out_what_is_remembered_goes_and_the_question_is_answered() -> None:
    answerer = Short("cpu")
    first = answerer.answer(question("preset/digits-mlp"))
    second = answerer.answer(question("preset/digits-cnn"))
    assert (first.kind, second.kind) == ("gradient", "gradient")
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        answerer.answer(question("too large"))
    assert (answerer._last, len(answerer._models)) == (None, 0)
    assert answerer.answer(question("preset/digits-mlp")).kind == "gradient"


def test_running_out_of_memory_is_told_from_other_failures() -> None:
    costly = TooCostly("It ran out of memory.")
    costly.__cause__ = NO_MORE
    assert all(map(ran_out_of_memory, (NO_MORE, MemoryError(), RuntimeError("std::bad_alloc"), costly)))
    assert not any(map(ran_out_of_memory, (RuntimeError("shape"), TooCostly("It takes 9 billion."), BadTarget("x"))))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert ran_out_of_memory(caught.value)


def test_what_is_in_use_is_counted_and_given_back() -> None:
    before = memory.in_use()
    kept = [torch.ones(5_000_000), torch.ones(1000).requires_grad_().exp()]
    assert 20_000_000 <= memory.in_use() - before < 21_000_000
    kept.clear()
    assert memory.in_use() - before < 1_000_000


def test_a_worker_gets_four_fifths_of_the_machine_and_no_more_than_the_largest_question_takes() -> None:
    assert [usual_memory_mb(gb * 10**9) for gb in (0, 8, 64)] == [16_000, 6_400, 16_000]
    assert Settings().worker_memory_mb == usual_memory_mb(memory.there_is())
    assert 0 < memory.there_is() < 2**50


def test_a_worker_that_needs_more_memory_says_so_and_lives_on() -> None:
    """As the worker says it: with nothing remembered, the question alone does not fit."""
    from gradviz_core.text.codec import error_from_json, question_to_json

    answerer = Short("cpu")
    word, body = worker.reply(answerer, "ask", question_to_json(question("too large")).encode())
    assert (word, type(error_from_json(body))) == ("error", ComputeError)
    assert "needs more memory than is available" in str(error_from_json(body))
    assert worker.reply(answerer, "ask", question_to_json(question("preset/digits-mlp")).encode())[0] == "ok"


AGAIN = """
import ctypes, resource, sys
from gradviz_core import memory
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
def a_pass():
    held = [library.malloc(25_000_000) for _ in range(8)]
    for place in held:
        ctypes.memset(place, 1, 25_000_000)
    for place in held:
        library.free(place)
assert sys.argv[1] == "as it is" or memory.keep_for_the_next_pass()
a_pass()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
a_pass()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""How many pages the system has to find for what was there before and was freed."""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_pass_in_a_worker_finds_the_memory_of_the_one_before() -> None:
    as_it_is, kept = (
        int(subprocess.run([sys.executable, "-c", AGAIN, how], capture_output=True, check=True).stdout)
        for how in ("as it is", "kept")
    )
    assert kept < 100 < as_it_is
