"""The compute service: takes connections, one thread each, and passes what they ask to the pool."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import threading
import time
from multiprocessing.connection import Connection

from gradviz_core.codec import LONGEST_QUESTION, error_to_json, question_from_json
from gradviz_core.compute import protocol
from gradviz_core.compute.protocol import Message
from gradviz_core.compute.seat import Job
from gradviz_core.compute.supervisor import Supervisor
from gradviz_core.compute.worker import Plan
from gradviz_core.errors import BadImage, Busy, ComputeError, GradVizError
from gradviz_core.settings import Settings

log = logging.getLogger("gradviz.service")

MOST_STRANGERS = 64
"""Connections that may be proving at one time that they know the key."""
GLANCE_S = 0.25
"""How often a waiting connection is looked at, to see whether its client is still there."""


class Service:
    """A pool behind a socket."""

    def __init__(self, listener: socket.socket, key: bytes, settings: Settings, answerer: str) -> None:
        """Start the pool; ``serve`` then takes connections from ``listener``. ``answerer`` is as in ``Plan``."""
        plan = Plan(
            answerer=answerer,
            device=None if settings.device == "auto" else settings.device,
            threads=settings.threads_per_worker,
            memory_mb=settings.worker_memory_mb,
        )
        self._listener, self._key, self._settings = listener, key, settings
        self._strangers = threading.BoundedSemaphore(MOST_STRANGERS)
        self._pool = Supervisor(plan, workers=settings.workers, queue=settings.queue, deadline_s=settings.deadline_s)

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0:
                    return
                time.sleep(0.05)  # the client hung up at once, or no file handle is left
                continue
            if self._strangers.acquire(blocking=False):
                threading.Thread(target=self._meet, args=(raw,), daemon=True, name="connection").start()
            else:
                raw.close()

    def close(self) -> None:
        """Stop listening and end the workers."""
        self._listener.close()
        self._pool.close()

    def _meet(self, raw: socket.socket) -> None:
        try:
            connection = protocol.welcome(raw, self._key)
        except (multiprocessing.AuthenticationError, OSError, EOFError) as error:
            log.warning("a connection was refused: %s", repr(error))
            return
        finally:
            self._strangers.release()
        with connection:
            self._converse(connection)

    def _converse(self, connection: Connection) -> None:
        longest = max(self._settings.upload_bytes, LONGEST_QUESTION)
        try:
            while reply := self._reply(connection, *protocol.read_message(connection, longest)):
                protocol.write_message(connection, *reply)
        except (EOFError, OSError):
            return  # the client is gone

    def _reply(self, connection: Connection, word: str, body: bytes) -> Message | None:
        """The reply to one request; None where nobody waits for it any more."""
        try:
            match word:
                case "status":
                    return "ok", self._pool.status().to_json()
                case "ask":
                    question = question_from_json(body)
                    return self._wait(connection, Job(word, body, (question.model, question.image)))
                case "upload":
                    if len(body) > self._settings.upload_bytes:
                        raise BadImage(protocol.too_large(len(body), self._settings.upload_mb))
                    return self._wait(connection, Job(word, body))
                case _:
                    raise ComputeError(f"The compute service cannot {word!r}. Are app and service of the same version?")
        except GradVizError as error:
            return "error", error_to_json(error).encode()

    def _wait(self, connection: Connection, job: Job) -> Message | None:
        self._pool.submit(job)
        limit = self._settings.queue_wait_s
        while not job.done.wait(GLANCE_S):
            if connection.poll():  # nothing is due from a client that waits: it hung up
                self._pool.withdraw(job)
                return None
            if time.monotonic() - job.submitted > limit and self._pool.withdraw(job):
                raise Busy(f"No worker was free within {limit:g} s, the limit here. Ask again in a moment.")
        return job.reply
