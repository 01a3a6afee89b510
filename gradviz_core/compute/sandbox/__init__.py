"""Confining a process that reads uploads and runs uploaded models: it loses every right that it does not need.

Three walls, each of which the kernel holds, also against native code that an upload may have brought to run: Landlock
(``landlock.py``: which files can be opened), seccomp (``seccomp.py``: which system calls there are) and limits with
capabilities (``limits.py``: memory, files, what root may). Where a kernel lacks one, the others still hold, and
``Confinement`` says so. ``docs/threats.md`` has the whole list.
"""

from __future__ import annotations

import logging
import platform
import site
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradviz_core.compute.sandbox import landlock, limits, seccomp

log = logging.getLogger("gradviz.sandbox")


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds this process, or what would."""

    landlock: int = 0
    """Version of Landlock that governs files; 0 is none."""
    seccomp: bool = False
    """Whether system calls are filtered."""
    limits: bool = False
    """Whether memory, files and capabilities are limited."""
    memory_mb: int | None = None
    """Most memory for data, in megabytes; None where none was named."""
    stray_threads: int = 0
    """Threads that ran before the process was confined. Landlock and the loss of capabilities do not reach them."""

    @property
    def complete(self) -> bool:
        """Whether all three walls hold every thread."""
        return self.landlock > 0 and self.seccomp and self.limits and not self.stray_threads

    def in_words(self) -> str:
        """A few sentences for people who run GradViz."""
        if self.complete:
            memory = f", with at most {self.memory_mb:,} MB" if self.memory_mb is not None else ""
            return (
                "Uploads run in processes that cannot write files, open connections or start programs "
                f"(Landlock {self.landlock}, seccomp){memory}."
            )
        return " ".join(["Uploads run in processes that are not fully confined.", *self._gaps()])

    def _gaps(self) -> list[str]:
        system = f"{platform.system()} {platform.release()} on {platform.machine()}"
        gaps = []
        if not self.landlock:
            gaps.append(f"Landlock is missing ({system}): native code in an upload could read this user's files.")
        if not self.seccomp:
            gaps.append(
                f"seccomp is missing ({system}): native code in an upload could open connections and start processes."
            )
        if not self.limits:
            gaps.append(f"Some limits are missing ({system}): an upload could use up the memory.")
        if self.stray_threads:
            gaps.append(
                f"Landlock does not confine {self.stray_threads} of their threads, which started before it did."
            )
        return gaps


def confine(
    *, read_trees: Sequence[Path], read_files_in: Sequence[Path], keep_open: Sequence[int], memory_mb: int
) -> Confinement:
    """Confine this process, for ever, and say what holds. Whatever the kernel lacks is left out, never an error.

    Call it while the main thread is the only one: before the thread of the lifeline and before anything that computes
    has started a pool. Landlock and capabilities are the calling thread's, and only threads started later inherit
    them. A worker forked from a server with torch loaded has one thread; one that has imported numpy itself may have
    more. ``stray_threads`` counts those that were there.

    What must be done before: importing torch and torchvision, which write as they are imported, reading settings,
    widening the sockets' buffers. What still works after: starting threads, importing other modules, asking for SIGIO
    for this very process.

    Args:
        read_trees: folders whose files may be listed and read, all the way down, and single files. Name
            ``gradviz_core`` and ``assets``, not the project's folder, which may hold the operator's secrets.
            Python's own folders and the system's shared libraries need no mention.
        read_files_in: folders whose files may be read by name, but not listed: the store.
        keep_open: file descriptors that stay open beside the standard streams: the jobs and the lifeline. All others
            are closed. A worker inherits, among others, the pipe that keeps the fork server alive, and one byte
            written to it would end that.
        memory_mb: most memory for data, in megabytes. What the libraries reserve counts: 800 MB, with a torch that has
            CUDA.
    """
    if sys.platform != "linux":
        return Confinement(memory_mb=memory_mb)
    stray = max(0, _attempt("counting threads", limits.threads) - 1)
    prepared = _attempt("preparing", lambda: limits.prepare(keep_open))
    limited = _attempt("limits", lambda: limits.limit(memory_mb))
    version = _attempt("Landlock", lambda: landlock.restrict([*_python_folders(), *read_trees], read_files_in))
    filtered = _attempt("seccomp", seccomp.restrict)
    return Confinement(version, bool(filtered), bool(prepared and limited), memory_mb, stray)


def probe() -> Confinement:
    """What the kernel offers, found without confining anything."""
    if sys.platform != "linux":
        return Confinement()
    return Confinement(landlock.version(), seccomp.available(), limits=True)


def _attempt(wall: str, build: Callable[[], int]) -> int:
    try:
        return build()
    except OSError as error:
        log.error("a worker is not confined as it should be: %s (%s)", wall, error)
        return 0


def _python_folders() -> list[Path]:
    """Where this Python and its packages lie."""
    places = {Path(prefix, folder) for prefix in (sys.prefix, sys.base_prefix) for folder in ("lib", "lib64")}
    return [*sorted(places), *([Path(site.getusersitepackages())] if site.ENABLE_USER_SITE else [])]
