"""One slot of the pool: a thread, its worker process, and the question that the process works on.

The thread hands over one question at a time. If a worker overruns its deadline or dies, the thread replaces it, and
only the current question fails. If the worker died before it had read the question, nothing of it ran, and the new
worker gets it.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from gradviz_core.compute import inspecting, worker, worker_log
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.download_files import DownloadFile
from gradviz_core.compute.protocol import Message, Ready, read_message, receive_file, write_message
from gradviz_core.compute.sockets import widen
from gradviz_core.errors import ComputeError, DeadlineExceeded, GradVizError, ServiceStarting, WorkerDied
from gradviz_core.text.codec import error_to_json

log = logging.getLogger("gradviz.service")

START_S = 180.0
"""Seconds a new worker may take to be ready; importing torch from a cold disk is what takes long."""
LONGEST_PAUSE_S = 30.0
"""Seconds between two attempts to start a worker that keeps failing; the first pauses are shorter."""

_PROCESSES = threading.Lock()
"""multiprocessing keeps one list of children, and reads an exit code only once: one thread at a time."""
_UNREAD = (BrokenPipeError, ConnectionResetError)
"""The question could not be sent whole; or Linux says that the other end closed with some of it unread."""


@dataclass(eq=False, slots=True)
class Job:
    """A request to a worker, and its reply."""

    word: str
    body: bytes
    subject: tuple[str, str] | None = None
    """Model and image. A worker that has just served the same ones is probably faster. None for an upload."""
    deadline_s: float | None = None
    """Seconds it may take; None is what the pool allows."""
    out: DownloadFile | None = None
    """Where the requested file is written."""
    asker: Asker = ANYONE
    file: str = ""
    """Digest of the uploaded file that it is about, or empty."""
    submitted: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)
    reply: Message = ("error", b"")
    stopped: bool = False
    """Whether it must stop or not start; its reply is ``stopped`` then, unless it is over already."""
    anew: bool = False
    """Whether it was stopped once because others waited, and starts again."""
    dropped: bool = False
    """Whether nobody is waiting for its reply any more."""
    leaving: bool = False
    """Whether the worker is sending its file; it reads no messages until the file is complete."""
    overran: bool = False
    """Whether it exceeded its deadline."""

    def finish(self, reply: Message) -> None:
        """Hand over the reply."""
        self.reply = reply
        self.done.set()

    def fail(self, error: GradVizError) -> None:
        """Hand over an error."""
        self.finish(_message(error))


def _message(outcome: Message | GradVizError) -> Message:
    return ("error", error_to_json(outcome).encode()) if isinstance(outcome, GradVizError) else outcome


STOPPED: Message = ("stopped", b"")


class Unread(WorkerDied):
    """The worker died before it had read the whole question: nothing of it ran."""


class WorkerProcess:
    """A worker process that is up."""

    def __init__(self, context: BaseContext, plan: worker.Plan, name: str) -> None:
        """Start one and wait until it is ready. Raises ``OSError`` or ``EOFError`` where it fails to start."""
        self._connection, jobs = context.Pipe()
        widen(self._connection)
        lifeline, self._lifeline = context.Pipe(duplex=False)
        log_reader, log_writer = context.Pipe(duplex=False)
        self._process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=worker.main, args=(jobs, lifeline, log_writer, plan), name=name, daemon=True
        )
        self._overran = False
        self._writing = threading.Lock()
        self._sent: Job | None = None
        with jobs, lifeline, log_writer, _PROCESSES:
            self._process.start()
        worker_log.forward_output(log_reader, self.pid)
        try:
            self.ready = self._first_word()
        except BaseException:
            self.end()
            raise

    def _first_word(self) -> Ready:
        if not self._connection.poll(START_S):
            raise TimeoutError(f"no word from a new worker after {START_S:g} s")
        _, body = read_message(self._connection)
        return Ready.from_json(body)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        """Whether the process is there and was not stopped at a deadline."""
        return not self._overran and self._process.is_alive()

    def work(self, job: Job, deadline_s: float) -> Message:
        """The reply to ``job``. Raises ``DeadlineExceeded`` or ``WorkerDied``, which may be ``Unread``; the process is
        then gone."""
        clock = threading.Timer(deadline_s, self._overrun)
        clock.daemon = True
        clock.start()
        try:
            with self._writing:
                if job.stopped:
                    return STOPPED
                self._sent = job
                write_message(self._connection, job.word, job.body)
            word, body = read_message(self._connection, worker.LONGEST_REPLY)
            if word == "file":
                word, body = self._take_file(job, int(body))
        except (EOFError, OSError) as error:
            ending = self.end()
            if self._overran:
                job.overran = True
                raise DeadlineExceeded(_overran(job.word, deadline_s)) from None
            unread = isinstance(error, _UNREAD) and not job.stopped  # else it is the word to stop that was not read
            died = Unread if unread else WorkerDied
            raise died(_died(job.word, ending)) from None
        finally:
            clock.cancel()
        if word == "last":
            self.end()
            word = "error"
        return word, body

    def _take_file(self, job: Job, size: int) -> Message:
        """Write down the file that the process hands over; its reply, or why there is no room for the file. Raises
        ``ValueError`` where nobody asked for one."""
        out = job.out
        if out is None:
            raise ValueError("a worker handed over a file that nobody had asked for")
        with self._writing:
            stopped = job.stopped
            if not stopped:
                self._sent, job.leaving = None, True
        if stopped:  # the process takes the word to stop, which it gets in place of "go", for a refusal
            return read_message(self._connection, worker.LONGEST_REPLY)
        try:
            out.make_room(size)
        except GradVizError as error:
            write_message(self._connection, "stop")
            read_message(self._connection, worker.LONGEST_REPLY)
            return "error", error_to_json(error).encode()
        write_message(self._connection, "go")
        trouble = out.take(size, receive_file(self._connection, size))
        reply = read_message(self._connection, worker.LONGEST_REPLY)
        return reply if trouble is None else ("error", error_to_json(trouble).encode())

    def stop(self, job: Job) -> None:
        """Tell the process to stop a job, if it has it. Its reply comes soon: ``stopped``, or what it has found."""
        with self._writing:
            if self._sent is job:
                with contextlib.suppress(OSError):  # it is gone, and whoever waits for its reply is told
                    write_message(self._connection, "stop")

    def _overrun(self) -> None:
        self._overran = True
        self._process.kill()

    def kill(self) -> None:
        """End the process at once; whoever waits for its reply gets ``WorkerDied``."""
        self._process.kill()

    def end(self) -> str:
        """End the process, if it has not ended, and say how it did."""
        self._connection.close()
        self._lifeline.close()
        with _PROCESSES:
            self._process.join(0.2)  # one that died by itself keeps its own exit code
            if self._process.is_alive():
                self._process.kill()
                self._process.join(5)
            code = self._process.exitcode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _overran(word: str, deadline_s: float) -> str:
    if word in inspecting.WORDS:
        return (
            f"Reading the file took longer than {deadline_s:.3g} s, so it was stopped. If the server is busy, try "
            "again in a moment; otherwise choose another file."
        )
    return (
        f"The question took longer than {deadline_s:g} s, the limit here, and was stopped. "
        "Ask for fewer layer outputs, or choose a smaller model."
    )


def _died(word: str, ending: str) -> str:
    if word in inspecting.WORDS:
        return (
            f"The process that read this file ended unexpectedly ({ending}): the file needs more memory than "
            "is available, or crashes the reader. Choose another."
        )
    return (
        f"The process that worked on this question ended unexpectedly ({ending}). Ask again; if it happens "
        "again, the question may need more memory than is available."
    )


class Slot:
    """One slot of the pool: it holds a worker process, or one is being started."""

    def __init__(
        self,
        start_process: Callable[[], WorkerProcess],
        deadline_s: float,
        when_over: Callable[[Slot, Job, Message | GradVizError], bool],
        when_free: Callable[[Slot], None],
        when_down: Callable[[ServiceStarting], None],
    ) -> None:
        """On the slot's thread are called: ``when_over(slot, job, outcome)`` once the worker has left a job, and where
        it returns False the job gets no reply yet; ``when_free(slot)`` each time the slot can take a job;
        ``when_down(why)`` each time no worker could be started."""
        self._start_process, self._deadline_s = start_process, deadline_s
        self._when_over, self._when_free, self._when_down = when_over, when_free, when_down
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self.process: WorkerProcess | None = None
        self.subject: tuple[str, str] | None = None
        """Model and image served last."""
        self.served = 0
        """Jobs taken up, those that failed included."""
        self.free_since: float | None = None
        """None while the slot cannot take a job; the pool's lock guards it."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="slot")
        self._thread.start()

    def give(self, job: Job) -> None:
        """Give the slot a job. It must be free."""
        self._inbox.put(job)

    def stop(self, job: Job) -> None:
        """Tell the worker to stop a job that it was given, or is about to be given. Nobody waits for the worker to hear
        it: a worker that reads nothing, whatever it is running, would hold up the whole pool."""
        job.stopped = True
        if process := self.process:
            threading.Thread(target=process.stop, args=(job,), daemon=True).start()

    def end_work(self) -> None:
        """Kill the worker process. Its job gets an error, and a new process is started."""
        if process := self.process:
            process.kill()

    def close(self) -> None:
        """Kill the worker process, whatever it is doing, and end the thread."""
        self._closing.set()
        self._inbox.put(None)
        if process := self.process:
            process.kill()
        self._thread.join(5)
        if process := self.process:
            process.end()

    def _run(self) -> None:
        self._settle()
        while (job := self._inbox.get()) is not None:
            self._serve(job)

    def _serve(self, job: Job) -> None:
        """Answer one job. The slot is free again before the reply goes out, so that the same person's next question
        finds it so. Whatever goes wrong, the job gets a reply and the slot a new worker."""
        self.served += 1
        if job.word != "check":  # which leaves what the worker remembers as it is
            self.subject = job.subject or self.subject
        outcome, unharmed = self._outcome(job)
        final = self._when_over(self, job, outcome)
        lives = unharmed and self.process is not None and self.process.alive
        if lives:
            self._when_free(self)
        if final:
            job.finish(_message(outcome))
        if not lives:
            self.subject = None
            self._settle()

    def _outcome(self, job: Job) -> tuple[Message | GradVizError, bool]:
        """The reply or the error, and whether the worker can be kept."""
        try:
            return self._reply(job), True
        except GradVizError as error:
            if not job.stopped:
                log.warning("%s: %s", type(error).__name__, error)
            return error, False
        except Exception:
            log.exception("unexpected error while a worker was asked")
            return ComputeError(worker.UNEXPECTED), False

    def _reply(self, job: Job) -> Message:
        """The worker's reply; a new worker's where that one died while it waited."""
        deadline_s = job.deadline_s or self._deadline_s
        if self.process is not None and self.process.alive:
            try:
                return self.process.work(job, deadline_s)
            except Unread:
                log.warning("a worker died before it had read its question; a new one takes it")
        return self._replace().work(job, deadline_s)

    def _settle(self) -> None:
        """Put a new worker into the slot, however many attempts it takes, and offer the slot."""
        pause = 0.5
        while not self._closing.is_set():
            try:
                self._replace()
            except ServiceStarting:
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._when_free(self)
                return

    def _replace(self) -> WorkerProcess:
        """End the worker in the slot, if there is one, and start another. Raises ``ServiceStarting`` where that fails
        or the slot is being closed."""
        if self.process is not None:
            self.process.end()
            self.process = None
        if self._closing.is_set():
            raise ServiceStarting("The compute service is shutting down. Ask again in a moment.")
        try:
            self.process = self._start_process()
        except (OSError, EOFError, RuntimeError, MemoryError) as error:
            log.error("a worker could not start (%r)", error)
            why = ServiceStarting("The compute service cannot start a worker; the server's log says why.")
            self._when_down(why)
            raise why from error
        return self.process
