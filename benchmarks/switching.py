"""How long a server waits for threads that draw in its process: with turns as Python has them, and as the app has."""

from __future__ import annotations

import asyncio
import copy
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.timing import interleaved, row
from gradviz_core.serving.threads import SWITCH_S, let_others_in

DRAWING = 12
"""Threads that never wait for anything."""
PYTHONS, OURS = "a small request, turns as in Python", "..., turns as in the app"
ASK = """
import socket, sys, time
port = int(sys.argv[1])
for _ in sys.stdin:
    since = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"?\\n")
        connection.recv(1)
    print(time.perf_counter() - since, flush=True)
"""


def rows(rounds: int) -> Iterator[str]:
    """A request of another process to a server beside ``DRAWING`` busy threads."""
    found = waits(rounds)
    yield str(row(found, PYTHONS))
    yield str(row(found, OURS, to=PYTHONS))


def waits(rounds: int) -> dict[str, list[float]]:
    """Seconds that each request took."""
    before = sys.getswitchinterval()
    try:
        with _server() as port, _drawing(), _client(port) as client:

            def ask(interval: float) -> float:
                sys.setswitchinterval(interval)
                return _asked(client)

            def ask_ours() -> float:
                let_others_in()
                assert sys.getswitchinterval() == SWITCH_S
                return _asked(client)

            return interleaved({PYTHONS: lambda: ask(before), OURS: ask_ours}, rounds, warm_up=1)
    finally:
        sys.setswitchinterval(before)


def _asked(client: subprocess.Popen[str]) -> float:
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("?\n")
    client.stdin.flush()
    return float(client.stdout.readline())


@contextmanager
def _server() -> Iterator[int]:
    """The port of a server that runs in a thread of this process."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(_say, "127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"!")
    await writer.drain()
    writer.close()


@contextmanager
def _drawing() -> Iterator[None]:
    over = threading.Event()
    page = {str(number): list(range(20)) for number in range(200)}

    def draw() -> None:
        while not over.is_set():
            copy.deepcopy(page)

    threads = [threading.Thread(target=draw, daemon=True) for _ in range(DRAWING)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@contextmanager
def _client(port: int) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-c", ASK, str(port)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
