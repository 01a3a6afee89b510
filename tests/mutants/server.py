"""Runs pytest again and again, each time in a fork of this process, which has imported the slow libraries already.

``python -m tests.mutants.server``: a line of JSON comes in for each run, and one goes out. It imports nothing of the
project, so that each run imports what is then in the files.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from tempfile import TemporaryFile

SLOW = (
    *("PIL.Image", "numpy", "plotly.graph_objects", "pydantic", "streamlit.testing.v1", "torch", "torchvision"),
    *("beartype", "hypothesis", "jaxtyping", "pytest", "xdist"),
)
"""Third-party modules that most tests import."""
SLOWER = 10
"""A run may last so many times the seconds of computing that it may take: other programs want the processor too."""


def run(arguments: Sequence[str], seconds: int) -> tuple[int, str]:
    """Run pytest with these arguments. Returns what it ended with and what it wrote; a negative number is the signal
    that ended it, such as SIGXCPU after so many seconds of computing."""
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as written:
        child = os.fork()
        if child == 0:
            _become_pytest(arguments, seconds, written.fileno())
        code = _wait(child, time.monotonic() + SLOWER * seconds)
        written.seek(0)
        return code, written.read()


def _become_pytest(arguments: Sequence[str], seconds: int, output: int) -> None:
    """In the child: run pytest, and end."""
    code = 3
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        code = int(importlib.import_module("pytest").main(list(arguments)))
    except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, until: float) -> int:
    """Wait for the child's end, and end the processes that it left; all of them when the clock says ``until``."""
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < until:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    status = ended[1] if ended[0] else os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for module in SLOW:
        importlib.import_module(module)
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)  # noqa: T201 - the answer
