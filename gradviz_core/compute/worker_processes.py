"""How a worker process is started."""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing.context import BaseContext
from pathlib import Path

from gradviz_core.compute.worker import Plan


def worker_context(plan: Plan) -> BaseContext:
    """How worker processes are started: forked from a server that has imported everything, which takes milliseconds;
    or from nothing, where there is no such server and where a GPU may be used, since CUDA does not survive a fork."""
    if may_use_gpu(plan.device) or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([plan.answerer.partition(":")[0], "gradviz_core.compute.worker"])
    return context


def may_use_gpu(device: str | None) -> bool:
    """Whether a worker told to use ``device`` (None: choose) may use a GPU; found out without touching one."""
    if device is not None:
        return device != "cpu"
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()
