"""The models of one library, each in a process that is forked for it, with limits of time and memory.

``python -m benchmarks.sweep.forked timm`` reads names, one a line, and answers each with one line of JSON. Without
names it prints those of the library. What is imported once need not be imported for each.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory

from benchmarks.sweep.cases import Model
from benchmarks.sweep.libraries import LIBRARIES
from benchmarks.sweep.one import compared
from benchmarks.sweep.results import Result

LONGEST = 300
"""Seconds for one model."""
MEMORY = 4 * 2**30
"""Bytes of data that a process may hold."""
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "YOLO_OFFLINE")


def main(library: str) -> None:
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
    answers, sys.stdout = sys.stdout, sys.stderr  # where libraries print
    with TemporaryDirectory() as settings:
        os.environ["YOLO_CONFIG_DIR"] = settings
        models = LIBRARIES[library].models()
        print(json.dumps(list(models)), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(asdict(_in_a_process(models[line.strip()]))), file=answers, flush=True)


def _in_a_process(make: Callable[[], Model]) -> Result:
    here, there = multiprocessing.Pipe(duplex=False)
    start = time.perf_counter()
    process = multiprocessing.get_context("fork").Process(target=_limited, args=(make, there))
    process.start()
    there.close()
    try:
        result = here.recv() if here.poll(LONGEST) else Result(exported=f"took longer than {LONGEST} s")
    except EOFError:
        process.join()
        result = Result(exported=f"its process ended with {process.exitcode}")
    process.kill()
    process.join()
    return replace(result, seconds=round(time.perf_counter() - start, 1))


def _limited(make: Callable[[], Model], answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    answer.send(compared(make))


if __name__ == "__main__":
    main(sys.argv[1])
