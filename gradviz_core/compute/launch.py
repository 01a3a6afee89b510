"""Starting the compute service beside the app, and ending it with the app."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from gradviz_core.errors import ServiceStarting
from gradviz_core.folders import APP, PACKAGE
from gradviz_core.settings import SECRETS, Settings

START_S = 60.0
"""Seconds the service may take until it has an address; usually it is half a second."""
LEAVE_S = 3.0
"""Seconds the service may take to end when asked to."""


class LocalService:
    """A compute service that runs as long as this process wants it: started when first needed, again when it died."""

    def __init__(self, settings: Settings, answerer: str | None = None) -> None:
        """Nothing is started yet. ``answerer`` is as in ``worker.Plan``; None is the real one."""
        self._settings, self._answerer = settings, answerer
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address, self._key = "", b""
        self._closed = False

    def address_and_key(self) -> tuple[str, bytes]:
        """Address and key of the running service, which is started first if there is none.

        Raises:
            ServiceStarting: it does not start.
        """
        with self._lock:
            if self._closed:
                raise ServiceStarting("The compute service is closed because the app is shutting down.")
            if self._process is None or self._process.poll() is not None:
                self._clear_up()
                self._start()
            return self._address, self._key

    def close(self) -> None:
        """End the service and its workers, if it runs; it is not started again."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
                try:
                    self._process.wait(LEAVE_S)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._clear_up()

    @property
    def pid(self) -> int | None:
        """Process number of the service; None where it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def _start(self) -> None:
        self._key = secrets.token_hex(32).encode()
        command = [sys.executable, "-P", "-m", "gradviz_core.compute"]  # -P: no module comes from the current folder
        if self._answerer is not None:
            command += ["--answerer", self._answerer]
        environment = os.environ | self._settings.as_environment() | {"PYTHONPATH": _python_path()}
        for name in SECRETS & environment.keys():
            del environment[name]
        try:
            process = subprocess.Popen(  # noqa: S603 - this very Python, and our own module
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise ServiceStarting(f"The compute service cannot be started ({error.strerror}). Try again.") from error
        self._process = process
        self._address = self._exchange(process)
        if not self._address:
            process.kill()
            process.wait()
            raise ServiceStarting("The compute service stopped right after its start; the server's log says why.")

    def _exchange(self, process: subprocess.Popen[bytes]) -> str:
        """Hand the key to a new service and take its address; empty if it ended or took too long."""
        assert process.stdin is not None
        assert process.stdout is not None
        clock = threading.Timer(START_S, process.kill)
        clock.daemon = True
        clock.start()
        with process.stdout, contextlib.suppress(OSError):
            process.stdin.write(self._key + b"\n")
            process.stdin.flush()
            address = process.stdout.readline().decode().strip()
            clock.cancel()
            return address
        return ""

    def _clear_up(self) -> None:
        """Remove what a service that was killed left: its socket, and the pipe to it."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._address.startswith("unix:"):
            shutil.rmtree(Path(self._address.removeprefix("unix:")).parent, ignore_errors=True)
        self._process, self._address = None, ""


def _python_path() -> str:
    """``PYTHONPATH`` for the service, with the repository's folder in front. An installed package is found without: its
    folder holds other packages too, and they would come before the standard library."""
    repository = str(PACKAGE.parent) if PACKAGE.parent == APP else ""
    return os.pathsep.join(filter(None, (repository, os.environ.get("PYTHONPATH"))))
