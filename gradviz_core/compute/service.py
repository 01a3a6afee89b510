"""The compute service: takes connections, one thread each, and passes what they ask to one of three pools.

Trusted workers answer questions about what comes with GradViz and with torchvision. Whatever touches an upload is done
by confined workers, one of which reads pictures and lists of labels and nothing else. Each kind has a queue of
its own: none waits for another. Whose turn it is in a queue is said in ``supervisor.py``.

A check, which comes after a picture, gives way to everything: it begins where all pools have nothing else to do, it is
stopped before anything else begins in any, and it begins anew when they are quiet again.
"""

from __future__ import annotations

import logging
import multiprocessing
import socket
import threading
import time
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

from gradviz_core.compute import downloads, inspecting, pretrained, protocol, sandbox, sockets
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.checking import GLANCE_S, Checking
from gradviz_core.compute.download_files import DownloadFiles
from gradviz_core.compute.overruns import Overruns
from gradviz_core.compute.protocol import Message, Status
from gradviz_core.compute.slot import Job
from gradviz_core.compute.supervisor import SLICE_S, Supervisor
from gradviz_core.compute.unauthenticated import Unauthenticated
from gradviz_core.compute.upload_intake import UploadIntake
from gradviz_core.compute.worker import UNEXPECTED, Plan
from gradviz_core.compute.worker_processes import may_use_gpu
from gradviz_core.errors import Busy, ComputeError, GradVizError
from gradviz_core.settings import Settings
from gradviz_core.text.codec import LONGEST_QUESTION, LONGEST_RECIPE, error_to_json, question_from_json, shown_from_json
from gradviz_core.types import AboutAModel, Question, keys

log = logging.getLogger("gradviz.service")

LONGEST_BODY = max(LONGEST_QUESTION, LONGEST_RECIPE, protocol.LABELS_BYTES, downloads.LONGEST_WANTED)
"""Bytes of the longest body of a request; files travel in parts."""
READING_MB = 2000
"""Most memory for data that the worker for pictures and labels may take, in megabytes."""
CALM_S = 5.0
"""Confined workers that nobody has asked for start once the others have been idle for so long: the first visitor's page
comes first."""


class Service:
    """A pool behind a socket."""

    def __init__(self, listener: socket.socket, key: bytes, settings: Settings, answerer: str) -> None:
        """Start the pool; ``serve`` then takes connections from ``listener``. ``answerer`` is as in ``Plan``."""
        threads = settings.threads_per_worker
        device = None if settings.device == "auto" else settings.device
        memory_mb = None if may_use_gpu(device) else settings.worker_memory_mb  # CUDA reserves more than it takes
        trusted = Plan(answerer, device, threads, memory_mb)
        confined = Plan(answerer, device="cpu", threads=threads, memory_mb=settings.upload_memory_mb, confined=True)
        queue, deadline_s = settings.queue, settings.deadline_s
        self._listener, self._key, self._settings = listener, key, settings
        self._unauthenticated = Unauthenticated()
        self._intake = UploadIntake(settings)
        self._download_files = {of_uploads: DownloadFiles(settings.store) for of_uploads in (False, True)}
        """Files on their way out; those made of uploads take no room from the others."""
        self._trusted = Supervisor(trusted, workers=settings.workers, queue=queue, deadline_s=deadline_s)
        self._confined = Supervisor(confined, workers=settings.upload_workers, queue=queue, deadline_s=deadline_s)
        reading = replace(confined, memory_mb=min(settings.upload_memory_mb, READING_MB), models=False)
        self._reading = Supervisor(reading, workers=1, queue=queue, deadline_s=deadline_s)
        self._pools = (self._trusted, self._confined, self._reading)
        limit_s = deadline_s / 2  # well before the deadline, at which a worker is ended with all that it remembers
        self._checking = Checking(self._pools, patience_s=settings.queue_wait_s, limit_s=limit_s)
        self._fetched: set[str] = set()
        """Keys of models whose pretrained weights are on the disk."""
        self._overruns = Overruns()
        self._expected = _probe()
        self._trusted.start()
        self._closing = threading.Event()
        threading.Thread(target=self._start_confined_when_calm, daemon=True, name="calm").start()

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                raw, _ = self._listener.accept()
                number = self._unauthenticated.add(raw)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                time.sleep(0.05)  # the client hung up at once, or no file handle is left
                continue
            threading.Thread(target=self._meet, args=(raw, number), daemon=True, name="connection").start()

    def close(self) -> None:
        """Stop listening and end the workers."""
        self._listener.close()
        self._closing.set()
        self._intake.close()
        for pool in self._pools:
            pool.close()

    def _start_confined_when_calm(self) -> None:
        since = time.monotonic()
        while not self._closing.wait(GLANCE_S):
            now = self._trusted.status()
            if now.ready < now.workers or now.busy or now.queued:
                since = time.monotonic()
            elif time.monotonic() - since > CALM_S:
                self._reading.start()
                self._confined.start()
                return

    def _meet(self, raw: socket.socket, number: int) -> None:
        try:
            connection = sockets.welcome(raw, self._key)
        except (multiprocessing.AuthenticationError, OSError, EOFError) as error:
            log.warning("a connection was refused: %s", repr(error))
            return
        finally:
            self._unauthenticated.remove(number)
        with connection:
            self._converse(connection)

    def _converse(self, connection: Connection) -> None:
        asker = ANYONE
        try:
            while connection.poll(None):
                word, body = protocol.read_message(connection, LONGEST_BODY)
                if word == "for":
                    asker = Asker.from_json(body)
                    continue
                reply = self._reply(connection, asker, word, body)
                if reply is None:
                    return
                if len(reply[1]) >= protocol.LARGE:
                    protocol.write_message(connection, "large", str(len(reply[1])).encode())
                protocol.write_message(connection, *reply)
                asker = ANYONE
        except ComputeError as error:  # of another version
            log.error("%s", error)
        except (EOFError, OSError):
            return  # the client is gone, or too slow

    def _reply(self, connection: Connection, asker: Asker, word: str, body: bytes) -> Message | None:
        """The reply to one request; None where nobody waits for it any more."""
        uploads, work = self._intake, partial(self._work_on_upload, connection, asker)
        try:
            match word:
                case "status":
                    return "ok", self._status().to_json()
                case "ask":
                    question = question_from_json(body)
                    return self._ask(connection, question, Job("ask", body, _subject(question), asker=asker))
                case "show":
                    question, _ = shown_from_json(body)
                    return self._ask(connection, question, Job("show", body, _subject(question), asker=asker))
                case "arrays":
                    return self._arrays(connection, asker, body)
                case "stop-check":
                    self._checking.stop_check()
                    return "ok", b""
                case "check":
                    return self._check(connection, asker, question_from_json(body), body)
                case "arrive":
                    uploads.arrive(connection, body, asker.address, work)
                    return None
                case "rescale-image":
                    return uploads.rescaled(body, asker.address, work)
                case "read-labels":
                    return uploads.labels(body, work)
                case "keep-recipe":
                    return uploads.keep_recipe(body, asker.address)
                case "recipe":
                    return uploads.recipe(body)
                case _:
                    raise ComputeError(
                        f"The compute service cannot {word!r}. Do the app and the service have the same version?"
                    )
        except GradVizError as error:
            return "error", error_to_json(error).encode()

    def _arrays(self, connection: Connection, asker: Asker, body: bytes) -> Message | None:
        """The file that a worker made, which the client is sent before the reply."""
        question = question_from_json(downloads.Wanted.from_json(body).question)
        with self._download_files[_about_an_upload(question)].reserve(asker) as file:
            job = Job("arrays", body, _subject(question), out=file, asker=asker)
            reply = self._ask(connection, question, job)
            if reply is None or reply[0] != "ok":
                return reply
            if file.size is None:
                raise ComputeError(UNEXPECTED)
            protocol.write_message(connection, "file", str(file.size).encode())
            for part in file.parts():
                connection.send_bytes(part)
            return reply

    def _ask(self, connection: Connection, question: Question, job: Job) -> Message | None:
        """Which pool answers, and what must be there before it can."""
        if not _about_an_upload(question):
            return self._wait(connection, self._trusted, job)
        model, _ = _subject(question)
        job.file = self._touch(question)
        if pretrained.needs_weights(model) and model not in self._fetched:  # a confined worker cannot download them
            reply = self._wait(connection, self._trusted, Job("fetch", model.encode(), asker=job.asker))
            if reply is None or reply[0] != "ok":
                return reply
            self._fetched.add(model)
        return self._work_on_upload(connection, job.asker, job)

    def _work_on_upload(self, connection: Connection, asker: Asker, job: Job) -> Message | None:
        """Have a confined worker do a job, unless the file it is about has overrun its deadline again and again."""
        self._overruns.refuse(job.file, time.monotonic())
        job.asker = asker
        apart = job.word in inspecting.PICTURES
        reply = self._wait(connection, self._reading if apart else self._confined, job)
        if job.overran:
            self._overruns.note(job.file, time.monotonic())
        return reply

    def _check(self, connection: Connection, asker: Asker, question: Question, body: bytes) -> Message | None:
        pool = self._trusted
        if _about_an_upload(question):
            self._touch(question)
            pool = self._confined
        return self._checking.check(connection, pool, Job("check", body, _subject(question), asker=asker))

    def _touch(self, question: Question) -> str:
        """Note that a question uses its uploads; the digest of the model's file, where it is one.

        Raises:
            UnknownModel, UnknownImage: what it names is no longer here.
        """
        model, image = _subject(question)
        for other in _others(question):
            self._intake.touch("", other)
        file = self._intake.touch(model, "")
        for each in keys.images(image):
            self._intake.touch("", each)
        return file

    def _wait(self, connection: Connection, pool: Supervisor, job: Job) -> Message | None:
        self._checking.stop_check()
        pool.submit(job)
        limit = self._settings.queue_wait_s
        while not job.done.wait(GLANCE_S):
            if connection.poll():  # nothing is due from a client that waits: it hung up
                pool.drop(job)
                return None
            if time.monotonic() - job.submitted > limit and pool.withdraw(job):
                raise Busy(_no_worker(job, limit))
            pool.tend()
        return job.reply

    def _status(self) -> Status:
        trusted, confined, reading = (pool.status() for pool in self._pools)
        return replace(
            trusted,
            busy=trusted.busy + confined.busy + reading.busy,
            queued=trusted.queued + confined.queued + reading.queued,
            answered=trusted.answered + confined.answered + reading.answered,
            upload_workers=confined.workers,
            confined=confined.confined if confined.ready else self._expected.complete,
            confinement=confined.confinement if confined.ready else self._expected.in_words(),
        )


def _about_an_upload(question: Question) -> bool:
    return any(keys.is_upload(key) for key in (*_subject(question), *_others(question)))


def _subject(question: Question) -> tuple[str, str]:
    """Keys of the model and the image; empty where the question is about neither."""
    return (question.model, question.image) if isinstance(question, AboutAModel) else ("", "")


def _others(question: Question) -> tuple[str, ...]:
    """Keys of further images that it is about."""
    return question.others if isinstance(question, AboutAModel) else ()


def _no_worker(job: Job, limit: float) -> str:
    if job.anew:
        return (
            f"The question takes more than {SLICE_S:g} s, so it was stopped to let others go first, and after that no "
            f"worker was free within {limit:g} s. Ask again later, or ask for less."
        )
    return f"No worker was free within {limit:g} s, the limit here. Ask again in a moment."


def _probe() -> sandbox.Confinement:
    """What the kernel has to hold the confined workers; the log is told where that is not all."""
    found = sandbox.probe()
    if not found.complete:
        log.error("%s", found.in_words())
    return found
