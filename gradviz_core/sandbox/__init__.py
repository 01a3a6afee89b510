"""Taking from this process whatever a worker does not need that reads uploads and runs uploaded models.

Three walls, each of which the kernel holds, also against native code that an upload may have brought to run: Landlock
(``landlock.py``: which files can be opened), seccomp (``seccomp.py``: which system calls there are) and limits with
capabilities (``limits.py``: memory, files, what root may). Where a kernel lacks one, the others still hold, and
``Confinement`` says so. ``docs/threats.md`` has the whole list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
        """A sentence or two for people who run GradViz."""
        raise NotImplementedError


def confine(
    *, read_trees: Sequence[Path], read_files_in: Sequence[Path], keep_open: Sequence[int], memory_mb: int
) -> Confinement:
    """Confine this process, for ever, and say what holds. Whatever the kernel lacks is left out, never an error.

    Call it while the main thread is the only one: before the thread of the lifeline and before anything that computes
    has started a pool. Landlock and capabilities are the calling thread's, and only threads started later inherit
    them. A worker forked from a server with torch loaded has one thread; one that has imported numpy itself may have
    more. ``stray_threads`` counts those that were there.

    What must be done before: reading settings, widening the sockets' buffers. What still works after: starting
    threads, importing modules from ``read_trees``, asking for SIGIO for this very process.

    Args:
        read_trees: folders whose files may be listed and read, all the way down, and single files. Name
            ``gradviz_core`` and ``assets``, not the project's folder, which may hold the operator's secrets.
            Python's own folders and the system's shared libraries need no mention.
        read_files_in: folders whose files may be read by name, but not listed: the store.
        keep_open: file descriptors that stay open beside the standard streams: the jobs and the lifeline. All others
            are closed. A worker inherits, among others, the pipe that keeps the fork server alive, and one byte
            written to it would end that.
        memory_mb: most memory for data, in megabytes.
    """
    raise NotImplementedError


def probe() -> Confinement:
    """What the kernel offers, found without confining anything."""
    raise NotImplementedError
