"""Landlock: a thread, and all that it starts later, gives up every right to files except those named here.

Source: https://docs.kernel.org/userspace-api/landlock.html. The rights are those of version 7; older kernels know
fewer, and take what they know.

What Landlock does not govern, in any version: looking at a file's size and dates (``stat``), and whether it is there.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from ctypes import create_string_buffer
from pathlib import Path

from gradviz_core.compute.sandbox.kernel import call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls; the same numbers on every architecture."""
_VERSION = 1
_PATH_BENEATH = 1

READ_FILE, READ_DIR = 1 << 2, 1 << 3
_RIGHTS = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 5: 1 << 16}
"""All rights to files that a version knows are the bits below this one: execute, write, read, list, remove and make of
every kind (1), move between folders (2), truncate (3), control a device (5)."""
_BIND_TCP_AND_CONNECT_TCP = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11

SYSTEM_TREES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/sys/devices/system/cpu")
"""Shared libraries, which are loaded when first needed; and what the processor is."""
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/proc/cpuinfo", "/dev/null", "/dev/urandom")


def version() -> int:
    """The version of Landlock this kernel has; 0 where it has none or it is switched off."""
    try:
        return call(_CREATE_RULESET, 0, 0, _VERSION)
    except OSError:
        return 0


def given_up(known: int) -> tuple[int, int, int]:
    """Rights to files, to the network and to other processes, as bits: all that version ``known`` can take."""
    files = max(bit for since, bit in _RIGHTS.items() if since <= known) - 1
    network = _BIND_TCP_AND_CONNECT_TCP if known >= 4 else 0
    processes = _ABSTRACT_SOCKETS_AND_SIGNALS if known >= 6 else 0
    return files, network, processes


def restrict(read_trees: Iterable[Path], read_files_in: Iterable[Path]) -> int:
    """Leave this thread the right to list and read ``read_trees``, to read by name in ``read_files_in``, and nothing
    else; returns the version that holds. A path that does not exist is passed over.

    The right to execute is given to nothing. Shared libraries are loaded all the same: they are read and mapped.

    Raises:
        OSError: the kernel refuses.
    """
    known = version()
    if not known:
        return 0
    ruleset = call(_CREATE_RULESET, create_string_buffer(struct.pack("QQQ", *given_up(known)), 24), 24, 0)
    try:
        for path in (*map(Path, (*SYSTEM_TREES, *SYSTEM_FILES)), *read_trees):
            _allow(ruleset, path, READ_FILE | READ_DIR)
        for path in read_files_in:
            _allow(ruleset, path, READ_FILE)
        call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not path.is_dir():
            rights &= READ_FILE
        call(_ADD_RULE, ruleset, _PATH_BENEATH, create_string_buffer(struct.pack("=Qi", rights, place), 12), 0)
    finally:
        os.close(place)
