"""What a confined worker says on its standard error goes into the service's log: line by line, in plain characters, and
only so much of it. The worker itself can write to no file; and an upload that has taken it over can neither flood the
log nor write there in another's name.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from multiprocessing.connection import Connection

log = logging.getLogger("gradviz.worker")

MOST = 100_000
"""Bytes that are passed on of one worker's words; the rest is read and dropped."""


def speak_through(mouth: Connection) -> None:
    """In the worker: let standard output and error go into this pipe, where a pipe is a file."""
    if sys.platform != "win32":
        for stream in (1, 2):
            os.dup2(mouth.fileno(), stream)


def listen_to(ear: Connection, pid: int) -> None:
    """In the service: log what worker ``pid`` says, on a thread that ends when the worker says no more."""
    if sys.platform == "win32":
        ear.close()
        return
    threading.Thread(target=_listen, args=(ear, pid), daemon=True, name="relay").start()


def _listen(ear: Connection, pid: int) -> None:
    said, line = 0, b""
    with ear:
        while part := os.read(ear.fileno(), 4096):
            if said >= MOST:
                continue
            said += len(part)
            *lines, line = (line + part).split(b"\n")
            for whole in lines:
                _log(pid, whole)
            if said >= MOST:
                _log(pid, b"says too much; the log drops the rest")
    if line:
        _log(pid, line)


def _log(pid: int, line: bytes) -> None:
    plain = "".join(c if c.isprintable() else "?" for c in line.decode("ascii", "replace"))
    log.warning("confined worker %d: %s", pid, plain)
