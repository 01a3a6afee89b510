"""Calls into the Linux kernel that Python has no function for. Nothing here is loaded on another system."""

from __future__ import annotations

import ctypes
import os
from functools import cache

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> int:
    """The system call of that number; a buffer among the arguments is handed over as its address.

    Raises:
        OSError: the kernel refuses.
    """
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = int(_library().syscall(ctypes.c_long(number), *words))
    return _checked(result)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process. Raises ``OSError`` where the kernel refuses."""
    _checked(int(_library().prctl(option, *(ctypes.c_ulong(word) for word in (value, 0, 0, 0)))))


def capset(header: bytes, sets: bytes) -> None:
    """Set the capabilities of this thread. Raises ``OSError`` where the kernel refuses."""
    _checked(int(_library().capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(sets))))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
