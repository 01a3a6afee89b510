"""Connections to one compute service, which are kept open. Each carries one request and its reply at a time."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from gradviz_core.compute import protocol, sockets
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.launch import LocalService
from gradviz_core.compute.protocol import Message
from gradviz_core.errors import ComputeError, ServiceStarting
from gradviz_core.settings import Settings
from gradviz_core.text.codec import error_from_json

log = logging.getLogger("gradviz.client")

MOST_IDLE = 8
"""Connections kept open for the next questions."""
RESTART_S = 2.0
"""For so long a local service that does not answer is tried again."""
GRACE_S = 15.0
"""Seconds beyond the service's own limits after which a silent service is given up. A question may be queued and run
twice: once to fetch its weights."""
LOOK_S = 0.1
"""How often a thread that waits for a reply checks whether it is still wanted."""


class Cancelled(Exception):
    """The answer is no longer wanted."""


class Incoming:
    """A file that the service is sending. It sends only as fast as the file is read."""

    def __init__(self, connection: Connection, size: int, keep: Callable[[Connection], None]) -> None:
        """``keep`` is called with the connection after the last byte."""
        self._connection: Connection | None = connection
        self._keep = keep
        self.size = size
        """In bytes."""

    def parts(self) -> Iterator[bytes]:
        """The bytes of the file. Raises ``EOFError`` or ``OSError`` if the service has stopped or has given up."""
        assert self._connection is not None
        yield from protocol.receive_file(self._connection, self.size)
        protocol.read_message(self._connection)
        self._keep(self._connection)
        self._connection = None

    def close(self) -> None:
        """Stop reading. If the file is incomplete, this closes the connection, which tells the service."""
        if self._connection is not None:
            self._connection.close()


class Sent:
    """A request that was sent, on a connection of its own. The service works on it; its reply is read later."""

    def __init__(self, pool: ConnectionPool, connection: Connection) -> None:
        """The request was written to ``connection``."""
        self._pool = pool
        self._connection: Connection | None = connection
        self._dropped = threading.Event()

    def reply(self, left: threading.Event | None = None) -> bytes:
        """The body of the reply, which can be read once. Raises what the reply says, and ``Cancelled`` once ``left`` is
        set or, without it, once another thread drops the request."""
        assert self._connection is not None
        connection, self._connection = self._connection, None
        with self._pool.closed_unless_over(connection):
            kind, reply = self._pool.reply(connection, left or self._dropped)
        self._pool.keep(connection)
        if kind != "ok":
            raise error_from_json(reply)
        return reply

    def drop(self) -> None:
        """The reply is not wanted any more: the service stops the work. Does nothing once the reply was read."""
        self._dropped.set()
        if self._connection is not None:
            self._connection.close()


class ConnectionPool:
    """The connections to one compute service: the one at the address in the settings, or else a local one."""

    def __init__(self, settings: Settings, answerer: str | None = None) -> None:
        """Nothing is started yet. ``answerer`` is as in ``worker.Plan``, for a local service."""
        self._settings = settings
        self._local = None if settings.compute_address else LocalService(settings, answerer)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._patience_s = 2 * (settings.queue_wait_s + settings.deadline_s) + GRACE_S
        self.before_large: Callable[[int], None] = lambda size: None
        """Called with the size in bytes before a large reply is read, on the thread that asks. It may take some
        seconds. If it raises, the reply is dropped."""
        self.while_waiting: Callable[[], None] = lambda: None
        """Called a few times a second on a thread that waits for a reply. If it raises, the wait ends and the service
        stops the work."""

    def start(self) -> None:
        """Start the local service if it is not running, without waiting for it. A failure is logged."""
        threading.Thread(target=self._warm_up, daemon=True, name="compute-start").start()

    def close(self) -> None:
        """Close the connections and stop the local service."""
        self._drop_idle()
        if self._local is not None:
            self._local.close()

    @property
    def service_pid(self) -> int | None:
        """Process id of the local service; None if it is not running."""
        return self._local.pid if self._local is not None else None

    def request(
        self,
        word: str,
        body: bytes = b"",
        asker: Asker = ANYONE,
        left: threading.Event | None = None,
    ) -> bytes:
        """The body of the reply. Raises what the reply says, and ``Cancelled`` once ``left`` is set."""
        return self.begin(word, body, asker).reply(left)

    def begin(self, word: str, body: bytes = b"", asker: Asker = ANYONE) -> Sent:
        """Send a request whose reply is read later."""
        connection = self.connection()
        with self.closed_unless_over(connection):
            protocol.write_request(connection, asker, word, body)
        return Sent(self, connection)

    def request_file(self, word: str, body: bytes, asker: Asker, left: threading.Event) -> Incoming:
        """The file that the service sends. Raises what the reply says, and ``Cancelled`` once ``left`` is set."""
        connection = self.connection()
        with self.closed_unless_over(connection):
            protocol.write_request(connection, asker, word, body)
            kind, reply = self.reply(connection, left)
            if kind == "file":
                return Incoming(connection, int(reply), self.keep)
        self.keep(connection)
        raise error_from_json(reply)

    @contextlib.contextmanager
    def closed_unless_over(self, connection: Connection) -> Iterator[None]:
        """If anything goes wrong inside, the connection is closed: a reply may still arrive that nobody else may read.
        A service that has stopped is started again."""
        try:
            with self.explained():
                yield
        except BaseException:
            connection.close()
            raise

    def address_and_key(self) -> tuple[str, bytes]:
        """Address and key of the service. A local one is started first."""
        if self._local is not None:
            return self._local.address_and_key()
        assert self._settings.compute_address is not None
        assert self._settings.compute_key is not None
        return self._settings.compute_address, self._settings.compute_key.get_secret_value().encode()

    def _warm_up(self) -> None:
        try:
            self.keep(self.connection())
        except ComputeError as error:
            log.warning("%s", error)

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """If the service closes a connection inside, it is started again, and ``ServiceStarting`` is raised."""
        try:
            yield
        except (EOFError, OSError) as error:
            self._drop_idle()  # they lead to the same service
            self.start()
            raise ServiceStarting(
                "The compute service stopped in the middle of the question and is restarting. Ask again in a moment."
            ) from error

    def reply(self, connection: Connection, left: threading.Event | None = None) -> Message:
        """The next message on this connection. Raises ``Cancelled`` once ``left`` is set."""
        end = time.monotonic() + self._patience_s
        while not connection.poll(LOOK_S):
            if left is not None and left.is_set():
                raise Cancelled
            self.while_waiting()
            if time.monotonic() >= end:
                raise ComputeError(f"The compute service has not answered for {self._patience_s:g} s. Restart it.")
        word, body = protocol.read_message(connection)
        if word != "large":
            return word, body
        self.before_large(int(body))
        return protocol.read_message(connection)

    def connection(self) -> Connection:
        """An open connection that nobody else uses."""
        while (connection := self._take_idle()) is not None:
            with contextlib.suppress(OSError):
                if not connection.poll():
                    return connection
            connection.close()  # the service hung up
        end = time.monotonic() + RESTART_S
        while True:
            address, key = self.address_and_key()
            try:
                return sockets.connect(address, key)
            except multiprocessing.AuthenticationError as error:
                raise ComputeError(
                    f"The compute service at {address} has another key. "
                    "Set GRADVIZ_COMPUTE_KEY to the same value for both."
                ) from error
            except (OSError, EOFError) as error:
                if self._local is None or time.monotonic() > end:
                    message = f"No compute service answers {self._where(address)}. Try again in a moment."
                    raise ServiceStarting(message) from error
                time.sleep(0.02)  # one that was killed stops answering a moment before it counts as dead

    def _where(self, address: str) -> str:
        return "yet" if self._local is not None else f"at {address}"

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def keep(self, connection: Connection) -> None:
        """The connection is free for the next request."""
        with self._lock:
            if len(self._idle) < MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()
