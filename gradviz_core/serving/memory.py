"""How the app's process asks for memory, and gives it back.

glibc keeps what was freed for the next request, in as many separate heaps as there are threads, and after some large
requests takes even large ones from there. A server with a thread for each session so keeps several times what it uses.
Set here and not in the environment, these rules hold for this process alone: PyTorch, in the workers, is faster with
glibc's own.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import threading
import time
from functools import lru_cache
from typing import NoReturn

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Numbers of settings, from glibc's malloc.h."""
LARGE = 131_072
"""Bytes from which on a request gets pages of its own, which go back to the system as soon as they are freed."""
ARENAS = 2
"""Heaps that all threads share."""
OFTEN_S = 1.0
SHARE = 0.05
"""Objects that refer to each other in circles, as the parts of a figure do, are looked for this often, but not for more
than this part of the time: every thread waits meanwhile."""

_drawn = threading.Event()


def keep_little() -> bool:
    """Keep as little as can be of what is freed, from now on; False where the C library is another one."""
    library = _glibc()
    if library is None:
        return False
    wanted = ((M_MMAP_THRESHOLD, LARGE), (M_TRIM_THRESHOLD, LARGE), (M_ARENA_MAX, ARENAS))
    return all(library.mallopt(setting, value) for setting, value in wanted)


def settle() -> None:
    """Take what is here now for something that stays, and is not looked through again: for the modules alone that
    takes 0.07 s."""
    gc.collect()
    gc.freeze()


def drawn(large: bool) -> None:
    """A page was drawn: there is something to collect soon; at once where it was ``large``."""
    if large:
        give_back()
    else:
        _drawn.set()


async def collect_now_and_then() -> NoReturn:
    """Collect after pages, for ever. Streamlit would do so after each of them, which is half of the time of a server on
    which many people click."""
    while True:
        pause = OFTEN_S
        if _drawn.is_set():
            _drawn.clear()
            pause = max(OFTEN_S, await asyncio.to_thread(_seconds_of_a_collection) / SHARE)
        await asyncio.sleep(pause)


def _seconds_of_a_collection() -> float:
    began = time.thread_time()
    gc.collect()
    return time.thread_time() - began


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
