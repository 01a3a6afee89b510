"""The compute service as a program.

``python -m gradviz_core.compute`` is how the app starts it: the key is the first line of its standard input, its
address the first line of its standard output, and it ends when its standard input does: when the app is gone.

``python -m gradviz_core.compute --listen tcp://host:port`` stands by itself: the key is in ``GRADVIZ_COMPUTE_KEY``, and
it ends on SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from gradviz_core.compute import sockets
from gradviz_core.compute.service import Service
from gradviz_core.compute.worker import ANSWERER
from gradviz_core.settings import SECRETS, Settings, settings
from gradviz_core.text import log_lines

LONGEST_SOCKET_PATH = 100
"""Paths of sockets must be short: 104 bytes on macOS, 108 on Linux."""
LONGEST_NAME = "/pymp-01234567/listener-01234567"
"""What multiprocessing calls the socket over which workers are asked for."""


def main() -> None:
    """Run the service until its parent is gone or a signal ends it."""
    parser = argparse.ArgumentParser(
        prog="python -m gradviz_core.compute", description="The compute service of GradViz."
    )
    parser.add_argument("--listen", metavar="ADDRESS", help="run by itself, at tcp://host:port or unix:/path")
    parser.add_argument("--answerer", default=ANSWERER, metavar="MODULE:NAME", help=argparse.SUPPRESS)
    options = parser.parse_args()
    log_lines.set_up()
    signal.signal(signal.SIGTERM, _leave)
    try:
        chosen = settings()
    except ValidationError as error:
        sys.exit(f"A setting is wrong, see docs/settings.md. {error}")
    with _own_folder() as folder:
        if options.listen is None:
            _run_attached(chosen, options.answerer, folder)
        else:
            _run_alone(chosen, options.answerer, options.listen)
    _vanish()


def _run_attached(chosen: Settings, answerer: str, folder: Path) -> None:
    if sys.stdin.isatty():
        sys.exit(
            "The app starts this service itself. To run it by hand, give an address: --listen tcp://127.0.0.1:7411"
        )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal ends the app, and so this
    key = sys.stdin.buffer.readline().strip()
    if not key:
        return  # the app went away before it said anything
    listener, address = sockets.listen(_private_address(folder))
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    os.dup2(2, 1)  # from here on, whatever prints prints to the log
    _run(Service(listener, key, chosen, answerer), until=_parent_is_gone)


def _run_alone(chosen: Settings, answerer: str, wanted: str) -> None:
    if chosen.compute_key is None:
        sys.exit("GRADVIZ_COMPUTE_KEY is not set: choose a secret of at least 16 characters, the same for the app.")
    try:
        listener, address = sockets.listen(wanted)
    except (OSError, ValueError) as error:
        sys.exit(f"Cannot listen at {wanted}: {error}")
    logging.getLogger("gradviz.service").info("listening at %s", address)
    key = chosen.compute_key.get_secret_value().encode()
    for name in SECRETS & os.environ.keys():  # workers inherit what is left
        del os.environ[name]
    _run(Service(listener, key, chosen, answerer), until=threading.Event().wait)


def _run(service: Service, until: Callable[[], object]) -> None:
    threading.Thread(target=service.serve, daemon=True, name="accept").start()
    try:
        until()
    except KeyboardInterrupt:
        pass
    finally:
        service.close()


def _parent_is_gone() -> None:
    """Return when standard input ends."""
    while os.read(0, 4096):
        pass


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder that only this user can enter. Whatever this process makes in the temporary folder is made here, and
    goes with it: multiprocessing would leave its own socket, for the service ends without ceremony."""
    folder = Path(tempfile.mkdtemp(prefix="gradviz-"))
    if len(os.fsencode(folder)) > LONGEST_SOCKET_PATH - len(LONGEST_NAME) and sys.platform != "win32":
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="gradviz-", dir="/tmp"))
    tempfile.tempdir = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _private_address(folder: Path) -> str:
    """An address only this user can reach: a socket in this folder, or a port of this machine."""
    if not hasattr(socket, "AF_UNIX") or sys.platform == "win32":
        return "tcp://127.0.0.1:0"
    return f"unix:{folder / 's'}"


def _leave(signum: int, frame: object) -> None:
    raise SystemExit(0)


def _vanish() -> None:
    """End at once: threads that wait for clients are of no use any more."""
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
