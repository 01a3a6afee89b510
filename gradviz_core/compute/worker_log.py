"""Forwards the standard error of a confined worker to the service's log: line by line, in plain characters, and with a
limit per minute. The worker itself cannot write to any file. An upload that has taken it over can neither flood the
log, nor silence it for more than a minute, nor forge lines of others.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from multiprocessing.connection import Connection

from gradviz_core.text.log_lines import Allowance, plain

log = logging.getLogger("gradviz.worker")

MOST_A_MINUTE = 20_000
"""Bytes per minute that are logged of one worker; the rest is read and dropped."""
LONGEST_LINE = 2_000
"""Bytes after which a line is logged before it ends."""
PART, DROPPED_PART = 4096, 65_536
"""Bytes that are read at one time, of what is logged and of what is dropped."""
PAUSE_S = 0.02
"""Between two parts that are dropped: a worker that says too much waits, and the service has other things to do."""


def redirect_output(pipe: Connection) -> None:
    """In the worker: redirect standard output and error to this pipe, except on Windows."""
    if sys.platform != "win32":
        for stream in (1, 2):
            os.dup2(pipe.fileno(), stream)


def forward_output(pipe: Connection, pid: int) -> None:
    """In the service: log what worker ``pid`` writes, on a thread that ends with the worker."""
    if sys.platform == "win32":
        pipe.close()
        return
    threading.Thread(target=_forward, args=(pipe, pid), daemon=True, name="worker-log").start()


def _forward(pipe: Connection, pid: int) -> None:
    allowance, line = Allowance(MOST_A_MINUTE), b""
    with pipe:
        while part := os.read(pipe.fileno(), DROPPED_PART if allowance.dropped else PART):
            if dropped := allowance.settled():
                log.warning(
                    "confined worker %d said %s bytes more in a minute, which were dropped", pid, f"{dropped:,}"
                )
            silent = allowance.dropped > 0
            if not allowance.take(len(part)):
                if not silent:
                    log.warning("confined worker %d says too much; the rest of this minute is dropped", pid)
                line = b""
                time.sleep(PAUSE_S)
                continue
            *lines, line = (line + part).split(b"\n")
            for whole in lines:
                _log(pid, whole)
            if len(line) > LONGEST_LINE:
                _log(pid, line)
                line = b""
    if line:
        _log(pid, line)
    if allowance.dropped:
        log.warning("confined worker %d said %s bytes more before it ended", pid, f"{allowance.dropped:,}")


def _log(pid: int, line: bytes) -> None:
    log.warning("confined worker %d: %s", pid, plain(line.decode("ascii", "replace")))
