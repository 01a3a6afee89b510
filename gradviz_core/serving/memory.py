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
import logging
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
LOOK_S = 0.2
"""Between two looks whether a page was drawn."""
OFTEN_S = 1.0
SHARE = 0.05
"""Objects that refer to each other in circles, as the parts of a figure do, are looked for this often, and for no more
than this part of the time: every thread waits meanwhile. After a page with a large answer they are looked for at once;
such pages take turns."""

log = logging.getLogger("gradviz.app")
_drawn, _drawn_large = threading.Event(), threading.Event()


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


def after_a_page(*, large: bool) -> None:
    """A page was drawn: there is something to collect soon, or as soon as its thread has left it where it was
    ``large``."""
    (_drawn_large if large else _drawn).set()


async def collect_now_and_then() -> NoReturn:
    """Collect after pages, for ever. Streamlit would do so after each of them, which is half of the time of a server on
    which many people click."""
    rest_until = 0.0
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if _drawn_large.is_set() or (_drawn.is_set() and time.monotonic() >= rest_until):
                _drawn.clear()
                _drawn_large.clear()
                took = await asyncio.to_thread(_collect_and_time)
                rest_until = time.monotonic() + max(OFTEN_S, took / SHARE)
        except Exception:
            log.exception("What pages left behind could not be collected; it is tried again after the next one.")


def _collect_and_time() -> float:
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
