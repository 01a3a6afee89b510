"""The program of a worker process: read a question, answer it, write the answer, for ever.

A confined worker takes leave of files, connections and programs first; it is the only kind that touches an upload.

A worker ends when the service does. Its lifeline is a pipe that nobody ever writes to: the kernel closes the other end
when the service is gone, however it went.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Protocol

from gradviz_core import memory
from gradviz_core.compute import confining, downloads, inspecting, pretrained, worker_log
from gradviz_core.compute.protocol import Message, Ready, read_message, write_message
from gradviz_core.compute.sockets import widen
from gradviz_core.drawing import screen
from gradviz_core.errors import ComputeError, GradVizError, QuestionError, Stopped
from gradviz_core.text import log_lines
from gradviz_core.text.codec import answer_to_bytes, error_to_json, header_length, question_from_json, shown_from_json
from gradviz_core.types import Answer, ProofQuestion, Question
from gradviz_core.types.looks import USUAL, Look

log = logging.getLogger("gradviz.worker")


ANSWERER = "gradviz_core.answering:Answerer"
"""What answers questions, as ``module:name``."""
LONGEST_ANSWER = screen.MOST_BYTES + screen.MOST_TEXT + 1_000_000
"""Bytes of the largest answer that is sent to a page, the names of its arrays included. Whole arrays leave as files."""
LONGEST_REPLY = LONGEST_ANSWER + 100
"""Bytes of the longest body that is read from a worker, which an upload may have taken over."""
UNEXPECTED = "Something went wrong inside GradViz; the question may be fine. The server's log has the details."


class Answers(Protocol):
    """What a worker needs: something that answers questions, one at a time, and may remember what helps the next."""

    def answer(self, question: Question, told_to_stop: Callable[[], bool]) -> Answer:
        """The answer; raises a ``GradVizError`` that says why there is none, and ``Stopped`` where it gives way to
        others after ``told_to_stop()`` has said yes."""

    def check(self, question: ProofQuestion, told_to_stop: Callable[[], bool]) -> Answer:
        """The same, or ``Stopped`` soon after ``told_to_stop()`` has said yes."""

    def warm_up(self) -> None:
        """Do in advance the work that the first question about an upload would wait for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker of a pool is told when it starts."""

    answerer: str = ANSWERER
    """``module:name`` of a callable that takes a device (None: choose) and returns an ``Answers``."""
    device: str | None = None
    threads: int = 1
    """Cores to compute on."""
    memory_mb: int | None = None
    """Most memory for data, in megabytes; Linux only."""
    confined: bool = False
    """Whether they are to be confined, because they work on uploads."""
    models: bool = True
    """Whether they are asked about models; those that are not are ready sooner."""


def main(jobs: Connection, lifeline: Connection, log_writer: Connection, plan: Plan) -> None:
    """Run a worker: read requests from ``jobs`` until it closes. A confined one logs through ``log_writer``."""
    if plan.confined:
        worker_log.redirect_output(log_writer)
    log_writer.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the app's business
    log_lines.set_up()
    faulthandler.enable()
    widen(jobs)
    _limit(plan.memory_mb)
    if plan.models:
        memory.keep_for_the_next_pass()
    _end_with(lifeline)
    confinement = None
    if plan.confined:  # before there is a second thread, which would keep its freedom
        open_files = (jobs.fileno(), lifeline.fileno())
        confinement = confining.confine(keep_open=open_files, memory_mb=plan.memory_mb, models=plan.models)
    _watch(lifeline)
    answerer: Answers = _find(plan.answerer)(plan.device)
    if plan.confined and plan.models:
        answerer.warm_up()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(plan.threads)
    gc.collect()
    gc.freeze()  # what is here now stays: the collector need not look at it again
    try:
        device = str(getattr(answerer, "device", None) or plan.device or "cpu")
        write_message(
            jobs,
            "ready",
            Ready(
                device, confinement is None or confinement.complete, confinement.in_words() if confinement else ""
            ).to_json(),
        )
        word = ""
        while word != "last":
            request, body = read_message(jobs)
            if request == "stop":
                continue  # it was meant for a job that is over, this way or that
            word, body = reply(answerer, request, body, jobs.poll, partial(downloads.hand_over, jobs))
            write_message(jobs, word, body)
    except (EOFError, OSError):
        return  # the service closed the pipe


def reply(
    answerer: Answers,
    word: str,
    body: bytes,
    told_to_stop: Callable[[], bool] = lambda: False,
    hand_over: downloads.HandOver = lambda size, write: False,
) -> Message:
    """What a worker says to a request. Every failure becomes an error message; none gets out."""
    try:
        match word:
            case "check":
                return "ok", _fitted(_check(answerer, body, told_to_stop), USUAL)
            case "ask":
                return "ok", _fitted(answerer.answer(question_from_json(body), told_to_stop), USUAL)
            case "show":
                question, look = shown_from_json(body)
                return "ok", _fitted(answerer.answer(question, told_to_stop), look)
            case "arrays":
                whole = partial(answerer.answer, told_to_stop=told_to_stop)
                return downloads.reply(whole, downloads.Wanted.from_json(body), hand_over)
            case "upload-image" | "rescale-image" | "upload-model" | "read-labels":
                return "ok", inspecting.reply(word, body)
            case "fetch":
                pretrained.fetch(body.decode())
                return "ok", b""
            case _:
                raise ComputeError(f"The compute service was asked to {word!r}, which it cannot do.")
    except Stopped:
        return "stopped", b""
    except GradVizError as error:
        return "error", error_to_json(error).encode()
    except Exception as error:
        request = body[:2000] if word in ("ask", "show", "check", "arrays") else f"{len(body)} bytes"
        if _out_of_memory(error):
            log.error("out of memory (%s); request: %s %s", type(error).__name__, word, request)
            return "error", error_to_json(ComputeError(_too_much(word))).encode()
        log.exception("unexpected error; request: %s %s", word, request)
        return "last" if _gpu_is_lost(error) else "error", error_to_json(ComputeError(UNEXPECTED)).encode()


def _check(answerer: Answers, body: bytes, told_to_stop: Callable[[], bool]) -> Answer:
    question = question_from_json(body)
    if not isinstance(question, ProofQuestion):
        raise QuestionError(f"A check must be a question of kind proof, and this one is of kind {question.kind}.")
    return answerer.check(question, told_to_stop)


def _fitted(answer: Answer, look: Look) -> bytes:
    """What travels of it, which is bounded whatever it was asked about."""
    data = answer_to_bytes(screen.fit(answer, look))
    screen.check_text(header_length(data))
    if len(data) > LONGEST_ANSWER:
        raise QuestionError(
            f"The answer is {len(data) / 1e6:.0f} MB; the limit is {LONGEST_ANSWER / 1e6:g} MB. Ask for fewer outputs."
        )
    return data


def _too_much(word: str) -> str:
    if word in inspecting.WORDS:
        return "Reading the file needs more memory than is available. Choose a smaller one."
    return "The question needs more memory than is available. Ask for fewer layer outputs, or choose a smaller model."


def _find(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


def _out_of_memory(error: Exception) -> bool:
    """Python's, torch's on the GPU (OutOfMemoryError), and torch's on the CPU, which is a bare RuntimeError."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
    )


def _gpu_is_lost(error: Exception) -> bool:
    """After any other CUDA error the process can no longer use the GPU."""
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)


# ------------------------------------------------------------------------------------------------- ending, and limits


def _end_with(lifeline: Connection) -> None:
    """End this process as soon as the other end of ``lifeline`` closes: on Linux, the kernel is asked for a SIGIO then,
    which ends a process that does not handle it, even while native code holds the interpreter."""
    if sys.platform == "linux":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline.fileno(), fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(lifeline.fileno(), fcntl.F_GETFL)
        fcntl.fcntl(lifeline.fileno(), fcntl.F_SETFL, flags | os.O_ASYNC)


def _watch(lifeline: Connection) -> None:
    """The same, by a thread that waits for it: everywhere, and where it closed before the kernel was asked."""
    threading.Thread(target=_wait_and_end, args=(lifeline,), daemon=True, name="lifeline").start()


def _wait_and_end(lifeline: Connection) -> None:
    try:
        lifeline.poll(None)
    finally:
        os._exit(0)


def _limit(memory_mb: int | None) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_mb is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory_mb * 1_000_000, memory_mb * 1_000_000))
