"""Workers of a batch that die as soon as they are told what to do, or never end."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection


def work(folder: str, line: Connection) -> None:
    line.recv_bytes()
    os._exit(9)


def stay(folder: str, line: Connection) -> None:
    line.recv_bytes()
    line.send_bytes(b"1")
    time.sleep(600)
