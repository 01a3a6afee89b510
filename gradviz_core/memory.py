"""How much memory the machine has, and how much this process uses."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container may take, in the two versions of control groups."""

KEPT = 256_000_000
"""Bytes that a worker may keep of what it frees: a pass over eight images of 224 by 224 pixels takes about as many."""
OWN_PAGES = 32 * 2**20
"""Bytes of a request that is answered with pages of its own; glibc takes no larger number."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Numbers of settings, from glibc's malloc.h."""


def there_is() -> int:
    """Bytes that this machine, or the container that this process runs in, has; 0 where the system does not say."""
    found = 0
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for place in _CGROUP:
        with suppress(OSError, ValueError):
            found = min(found, int(place.read_text(encoding="ascii")))  # "max" is no number
    return max(0, found)


class _Mallinfo2(ctypes.Structure):
    """As in ``malloc.h`` of the GNU C library, from 2.33 on."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]
    hblkhd: int
    uordblks: int


def in_use() -> int:
    """Bytes that are allocated and not freed, tensors and what automatic differentiation keeps included; 0 where the
    C library does not tell. No file is read, so a confined process may ask."""
    if sys.platform != "linux":
        return 0
    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return 0
    tell.restype = _Mallinfo2
    said: _Mallinfo2 = tell()
    return int(said.uordblks + said.hblkhd)


def keep_for_the_next_pass() -> bool:
    """Keep ``KEPT`` bytes of what is freed from now on; False where the C library is another one.

    glibc gives the memory of a pass back and asks for it again in the next one, page by page: of passes over eight
    images that is 6 % of the time.
    """
    setting = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if setting is None:
        return False
    return bool(setting(_M_MMAP_THRESHOLD, OWN_PAGES) and setting(_M_TRIM_THRESHOLD, KEPT))
