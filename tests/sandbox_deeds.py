"""What a confined worker must not be able to do, as a program: it is confined, tries each deed, and tells the outcome.

``python -m tests.sandbox_deeds WALLS FOLDER`` prints JSON: for each deed, the name of the error's number (``EPERM``),
the error's class where it has none, or ``done: ...``. ``WALLS`` is ``all``, the name of one wall that shall stand
alone, or ``none``; a deed that might do harm is tried behind all walls only. The folder holds ``store/digest``,
``secret`` and an empty ``tree``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from gradviz_core.compute import sandbox
from gradviz_core.compute.sandbox import landlock, limits, seccomp
from gradviz_core.compute.sandbox.kernel import call, prctl

MEMORY_MB = 1000
Deed = Callable[[Path], object]
X86, PARENT = platform.machine() == "x86_64", os.getppid()
HARMLESS = (
    "write a new file",
    "append to a file",
    "make a folder",
    "read a file outside",
    "list the store",
    "open a socket",
    "connect to this machine",
    "start a program",
    "signal 0",
)


def raw(x86: int, arm: int, *arguments: int | str) -> Deed:
    """A system call by its number, past the C library, as native code in an upload would make it."""
    words = [ctypes.create_string_buffer(word.encode()) if isinstance(word, str) else word for word in arguments]
    return lambda folder: call(x86 if X86 else arm, *words)


def run_memory_file(folder: Path) -> None:
    program = os.memfd_create("program")
    os.write(program, b"#!/bin/sh\ntouch " + bytes(folder / "canary"))
    os.execve(program, ["program"], {})


def map_memory(flags: int) -> Deed:
    return lambda folder: mmap.mmap(-1, 4096, flags=flags)


def look_up_a_name(folder: Path) -> None:
    try:
        socket.getaddrinfo("example.org", 80)
    except socket.gaierror as error:
        raise OSError(errno.EPERM, "no name was looked up") from error


def from_a_new_thread(deed: Deed) -> Deed:
    def run(folder: Path) -> object:
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(outcome(deed, folder)))
        thread.start()
        thread.join()
        number = getattr(errno, outcomes[0], None)
        if number is None:
            return outcomes[0]
        raise OSError(number, "in a thread")

    return run


AT_FDCWD, READ, CREATE = -100, os.O_RDONLY, os.O_CREAT | os.O_WRONLY
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
TOO_MUCH = 2 * MEMORY_MB * 1_000_000

FILES: dict[str, Deed] = {
    "write a new file": lambda folder: (folder / "canary").write_text("x"),
    "write a new file where it may read": lambda folder: (folder / "tree/canary").write_text("x"),
    "append to a file": lambda folder: (folder / "secret").open("a"),
    "open a file of the store for writing": lambda folder: (folder / "store/digest").open("r+b"),
    "open a file that nobody can see": lambda folder: os.open(folder, os.O_TMPFILE | os.O_RDWR),
    "open a file in memory": lambda folder: os.memfd_create("x"),
    "read a file outside": lambda folder: (folder / "secret").read_text(),
    "read the users of the system": lambda folder: Path("/etc/passwd").read_text(),
    "read around a corner": lambda folder: (folder / "tree/../secret").read_text(),
    "list the store": lambda folder: [*(folder / "store").iterdir()],
    "list the root": lambda folder: [*Path("/").iterdir()],
    "read the parent's environment": lambda folder: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "read the parent's memory": lambda folder: os.open(f"/proc/{PARENT}/mem", READ),
    "read its own environment": lambda folder: Path("/proc/self/environ").read_bytes(),
    "write its own memory": lambda folder: os.open("/proc/self/mem", os.O_RDWR),
    "delete a file": lambda folder: (folder / "store/digest").unlink(),
    "rename a file": lambda folder: (folder / "store/digest").rename(folder / "store/other"),
    "link to a file": lambda folder: (folder / "canary").hardlink_to(folder / "secret"),
    "link to a name": lambda folder: (folder / "canary").symlink_to(folder / "secret"),
    "make a folder": lambda folder: (folder / "canaries").mkdir(),
    "make a pipe with a name": lambda folder: os.mkfifo(folder / "canary"),
    "change a mode": lambda folder: (folder / "secret").chmod(0o777),
    "change an owner": lambda folder: os.chown(folder / "secret", 0, 0),
    "cut a file": lambda folder: os.truncate(folder / "store/digest", 0),
    "set a date": lambda folder: os.utime(folder / "secret"),
    "lock a file": lambda folder: fcntl.flock(os.open(folder / "store/digest", READ), fcntl.LOCK_EX),
    "change the folder": lambda folder: os.chdir(folder),
    "change the root": lambda folder: os.chroot(folder),
    "raw openat": raw(257, 56, AT_FDCWD, "/tmp/gradviz-canary", CREATE, 0o600),
    "raw openat for reading": raw(257, 56, AT_FDCWD, "/etc/passwd", READ, 0),
    "raw openat2": raw(437, 437, AT_FDCWD, "/etc/passwd", "\0" * 24, 24),
    "raw unlinkat": raw(263, 35, AT_FDCWD, "/tmp/gradviz-canary", 0),
    "raw fchmodat2": raw(452, 452, AT_FDCWD, "/tmp/gradviz-canary", 0o777, 0),
    "raw open by handle": raw(304, 265, AT_FDCWD, "\0" * 16, READ),
    "raw copy of a file": raw(326, 285, 1, 0, 2, 0, 0, 0),
}
CONNECTIONS: dict[str, Deed] = {
    "open a socket": lambda folder: socket.socket(),
    "open a datagram socket": lambda folder: socket.socket(type=socket.SOCK_DGRAM),
    "open an IPv6 socket": lambda folder: socket.socket(socket.AF_INET6),
    "open a unix socket": lambda folder: socket.socket(socket.AF_UNIX),
    "talk to the kernel": lambda folder: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "open a pair": lambda folder: socket.socketpair(),
    "connect to this machine": lambda folder: socket.create_connection(("127.0.0.1", 8501), 1),
    "look up a name": look_up_a_name,
    "raw socket": raw(41, 198, socket.AF_INET, socket.SOCK_STREAM, 0),
    "raw bind": raw(49, 200, 0, "\0" * 16, 16),
    "raw connect": raw(42, 203, 0, "\0" * 16, 16),
    "raw sendmsg": raw(46, 211, 0, "\0" * 56, 0),
    "raw pidfd_getfd": raw(438, 438, 0, 0, 0),
}
PROGRAMS: dict[str, Deed] = {
    "start a program": lambda folder: subprocess.run(["touch", folder / "canary"], check=True),
    "start a program at once": lambda folder: os.posix_spawn("/bin/true", ["true"], {}),
    "fork": lambda folder: os.fork() or os._exit(0),
    "become a program": lambda folder: os.execv("/bin/true", ["true"]),
    "become a program in memory": run_memory_file,
    "raw vfork": raw(58, 220, 17, 0) if X86 else raw(58, 220, 0x4111, 0),
    "raw clone of a process": raw(56, 220, 17, 0, 0, 0, 0),
    "raw clone sharing memory": raw(56, 220, 0x111, 0, 0, 0, 0),
    "raw clone3": raw(435, 435, "\0" * 64, 64),
    "raw execve": raw(59, 221, "/bin/true", 0, 0),
    "raw execveat": raw(322, 281, AT_FDCWD, "/bin/true", 0, 0, 0),
}
OTHERS: dict[str, Deed] = {
    "signal 0": lambda folder: os.kill(PARENT, 0),
    "signal everybody": lambda folder: os.kill(-1, 0),
    "signal by another number": lambda folder: os.pidfd_open(PARENT),
    "signal by a pipe": lambda folder: fcntl.fcntl(0, fcntl.F_SETOWN, PARENT),
    "choose the signal of a pipe": lambda folder: fcntl.fcntl(0, 10, 9),
    "raw tgkill": raw(234, 131, PARENT, PARENT, 0),
    "raw tkill": raw(200, 130, PARENT, 0),
    "raw queued signal": raw(129, 138, PARENT, 0, "\0" * 128),
    "raw ptrace": raw(101, 117, 16, PARENT, 0, 0),
    "raw read of memory": raw(310, 270, PARENT, "\0" * 16, 1, "\0" * 16, 1, 0),
    "raw write of memory": raw(311, 271, PARENT, "\0" * 16, 1, "\0" * 16, 1, 0),
    "slow down the parent": lambda folder: os.setpriority(os.PRIO_PROCESS, PARENT, 19),
    "pin the parent": lambda folder: os.sched_setaffinity(PARENT, os.sched_getaffinity(PARENT)),
    "limit the parent": lambda folder: resource.prlimit(PARENT, resource.RLIMIT_CORE, (0, 0)),
    "read the parent's limits": lambda folder: resource.prlimit(PARENT, resource.RLIMIT_CORE),
    "type into the terminal": lambda folder: fcntl.ioctl(0, 0x5412, b"x"),
}
KERNEL: dict[str, Deed] = {
    "raise a limit": lambda folder: resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)),
    "lower a limit": lambda folder: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "become readable": lambda folder: prctl(4, 1),
    "become another user": lambda folder: os.setuid(0),
    "raw mount": raw(165, 40, "none", "/mnt", "tmpfs", 0, 0),
    "raw unshare": raw(272, 97, 0x10000000),
    "raw setns": raw(308, 268, 0, 0),
    "raw bpf": raw(321, 280, 0, 0, 0),
    "raw io_uring": raw(425, 425, 1, "\0" * 120),
    "raw userfaultfd": raw(323, 282, 0),
    "raw perf": raw(298, 241, "\0" * 128, 0, -1, -1, 0),
    "raw keyring": raw(250, 219, 0, 0, 0),
    "raw personality": raw(135, 92, 0xFFFFFFFF),
    "raw module": raw(175, 105, "\0", 0, "\0"),
    "raw capset": raw(126, 91, 0, 0),
    "raw second filter": raw(317, 277, 0, 0, 0),
    "raw shared memory": raw(29, 194, 0, 4096, 0o1600),
    "raw message queue": raw(68, 186, 0, 0o1600),
    "raw timer": raw(222, 107, 1, 0, 0),
    "raw pipe": raw(293, 59, "\0" * 8, 0),
    "raw number of the x32 convention": raw(0x40000000, 0x40000000, 0, 0, 0),
    "raw number that no kernel has": raw(999, 999),
}
MEMORY: dict[str, Deed] = {
    "take more memory": lambda folder: len(bytearray(TOO_MUCH)),
    "map more memory": lambda folder: mmap.mmap(-1, TOO_MUCH, flags=PRIVATE),
    "reserve addresses": lambda folder: mmap.mmap(-1, 60_000_000_000, flags=PRIVATE | 0x4000, prot=mmap.PROT_READ),
    "map memory that does not count": map_memory(mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
    "map memory like a stack": map_memory(PRIVATE | 0x100),
}
IN_A_THREAD = {
    f"{name}, in a new thread": from_a_new_thread(deed)
    for name, deed in (FILES | CONNECTIONS | OTHERS).items()
    if name in {"write a new file", "read a file outside", "list the store", "open a socket", "signal 0"}
}
DEEDS = FILES | CONNECTIONS | PROGRAMS | OTHERS | KERNEL | MEMORY | IN_A_THREAD


def outcome(deed: Deed, folder: Path) -> str:
    try:
        return f"done: {deed(folder)!r}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except (MemoryError, ValueError) as error:
        return type(error).__name__


def build(walls: str, folder: Path) -> None:
    trees, stores = [folder / "tree"], [folder / "store"]
    match walls:
        case "all":
            sandbox.confine(read_trees=trees, read_files_in=stores, keep_open=[], memory_mb=MEMORY_MB)
        case "landlock":
            limits.prepare([])
            landlock.restrict(trees, stores)
        case "seccomp":
            limits.prepare([])
            seccomp.restrict()


def main(walls: str, folder: Path) -> None:
    build(walls, folder)
    deeds = DEEDS if walls == "all" else {name: DEEDS[name] for name in HARMLESS}
    sys.stdout.write(json.dumps({name: outcome(deed, folder) for name, deed in deeds.items()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
