"""Limits of this process: memory, files, and what it may do as root. And what it was left by whoever started it."""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from gradviz_core.compute.sandbox.kernel import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, capset, prctl

OPEN_FILES = 128
"""Most file descriptors at a time; a worker holds about ten."""
NICENESS = 5
"""A worker that computes on an upload yields to the others: at 5, the kernel gives it a third of their time where all
want the processor."""
ROOM_MB = 8_000
"""Addresses beyond the memory that was agreed, in megabytes; the heaps of threads reserve many that they never use.
Here ends what RLIMIT_DATA does not count: stacks that were grown, mappings that are only read."""
_CAPABILITIES_VERSION_3 = 0x20080522


def threads() -> int:
    """How many threads this process has."""
    return len([*Path("/proc/self/task").iterdir()])


def prepare(keep_open: Collection[int]) -> bool:
    """Make this process one that may be confined: it gains no privilege any more, holds no file descriptors but these
    and the standard streams, is the first to end when memory runs out, lets others go first, and ends with the thread
    that started it. (Native code could stop watching the lifeline.)

    Each descriptor becomes an empty file instead of being closed, so that whoever still holds its number meets no
    stranger there.

    Raises:
        OSError: the kernel refuses.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with Path(os.devnull).open("rb") as empty:
        for number in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
            if number > 2 and number != empty.fileno() and number not in keep_open and _is_open(number):
                os.dup2(empty.fileno(), number, inheritable=False)
    with suppress(OSError):  # worth having, and not what confines
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(NICENESS)
    return True


def _is_open(number: int) -> bool:
    """False for the one through which the list of them was read."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def limit(memory_mb: int) -> bool:
    """Take memory beyond ``memory_mb``, files, core dumps and what root may do; and hide from other processes.

    No file grows or is overwritten, be it the log: where the standard streams go to a file, a confined worker writes
    nothing there.

    Raises:
        OSError: the kernel refuses.
    """
    if sys.platform != "linux":
        return False
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    wanted = {
        resource.RLIMIT_DATA: memory_mb * 1_000_000,
        resource.RLIMIT_AS: pages * resource.getpagesize() + (memory_mb + ROOM_MB) * 1_000_000,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
    }
    for which, most in wanted.items():
        _, highest = resource.getrlimit(which)
        most = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(which, (most, most))
    capset(struct.pack("Ii", _CAPABILITIES_VERSION_3, 0), bytes(24))
    prctl(PR_SET_DUMPABLE, 0)
    return True
