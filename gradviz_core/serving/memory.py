"""How the app's process asks the C library for memory, and gives it back.

glibc keeps what was freed for the next request, in as many separate heaps as there are threads, and after some large
requests takes even large ones from there. A server with a thread for each session so keeps several times what it uses.
Set here and not in the environment, these rules hold for this process alone: PyTorch, in the workers, is faster with
glibc's own.
"""

from __future__ import annotations

import ctypes
import gc
from functools import lru_cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Numbers of settings, from glibc's malloc.h."""
LARGE = 131_072
"""Bytes from which on a request gets pages of its own, which go back to the system as soon as they are freed."""
ARENAS = 2
"""Heaps that all threads share."""


def keep_little() -> bool:
    """Keep as little as can be of what is freed, from now on; False where the C library is another one."""
    library = _glibc()
    if library is None:
        return False
    wanted = ((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE), (M_ARENA_MAX, ARENAS))
    return all(library.mallopt(setting, value) for setting, value in wanted)


def settle() -> None:
    """Take what is here now for something that stays. After each page Streamlit has all other objects looked through,
    while all threads wait: for the modules alone that was 0.07 s, a third of what a page took."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect what is in circles, and give all that is free back to the system."""
    gc.collect()
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        library["mallopt"], library["malloc_trim"]
    except (AttributeError, OSError, TypeError):  # musl has neither; Windows no such library
        return None
    return library
