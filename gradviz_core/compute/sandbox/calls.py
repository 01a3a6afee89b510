"""The system calls that computing takes, with their numbers. What is not here is refused.

Numbers: ``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h`` of the Linux sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_FREE = """
    read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, lseek 8 62, close 3 57,
    fstat 5 80, newfstatat 262 79, statx 332 291, stat 4 -, lstat 6 -, access 21 -, faccessat 269 48,
    faccessat2 439 439, readlink 89 -, readlinkat 267 78, getcwd 79 17, getdents64 217 61, statfs 137 43,
    fstatfs 138 44, fadvise64 221 223, dup 32 23, dup2 33 -, dup3 292 24,
    poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72,

    munmap 11 215, mprotect 10 226, brk 12 214, mremap 25 216, madvise 28 233,

    futex 202 98, set_robust_list 273 99, set_tid_address 218 96, rseq 334 293, sched_yield 24 124,
    sched_getaffinity 204 123, getcpu 309 168, gettid 186 178, exit 60 93, exit_group 231 94, restart_syscall 219 128,
    rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132,

    clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169,
    time 201 -, times 100 153, getrusage 98 165,

    getpid 39 172, getppid 110 173, getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177, uname 63 160,
    sysinfo 99 179, getrandom 318 278
"""
"""Name, number on x86-64, number on 64-bit ARM: files and folders that are open or may be looked at; memory; threads,
and signals to oneself; time; who and where one is."""

_CHECKED = """
    openat 257 56, mmap 9 222, clone 56 220, fcntl 72 25, ioctl 16 29, prctl 157 167, prlimit64 302 261, tgkill 234 131,
    arch_prctl 158 -
"""
"""The same, for calls that are granted with certain arguments only."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Of argument number ``argument``, the lower half after ``mask`` must be one of ``values``."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    upper: bool = False
    """Look at the upper half of the 64 bits instead."""


Rule = tuple[Condition, ...]
"""Conditions that must hold together."""


def rules(pid: int) -> Mapping[str, tuple[Rule, ...]]:
    """For each call that is granted with certain arguments only: the rules, one of which must hold, in a process of
    number ``pid``."""
    null = Condition(2, (0,)), Condition(2, (0,), upper=True)
    return {
        "openat": ((Condition(2, (0,), mask=_WRITING),),),
        "mmap": ((Condition(3, (0, _SHARED, _ANONYMOUS), mask=_SHARED | _ANONYMOUS | _GROWS_DOWN),),),
        "clone": ((Condition(0, (_THREAD,)),),),
        "fcntl": ((Condition(1, _FCNTL_PLAIN),), (Condition(1, (_F_SETOWN,)), Condition(2, (pid,)))),
        "ioctl": ((Condition(1, _IOCTL_PLAIN),),),
        "prctl": ((Condition(0, _PRCTL_PLAIN),),),
        "prlimit64": ((Condition(0, (0,)), *null),),
        "tgkill": ((Condition(0, (pid,)),),),
        "arch_prctl": ((Condition(0, _ARCH_PRCTL_PLAIN),),),
    }


_WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000
"""O_WRONLY and O_RDWR, O_CREAT, O_TRUNC, and the bit of O_TMPFILE that is not O_DIRECTORY."""
_SHARED, _ANONYMOUS, _GROWS_DOWN = 0x01, 0x20, 0x100
"""Memory that is shared and no file's, or that grows down like a stack, does not count towards RLIMIT_DATA."""
_THREAD = 0x3D0F00
"""The flags with which the C library starts a thread: CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
| CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID. A new process has others."""
_F_SETOWN = 8
"""Who gets SIGIO: nobody but this process, since it is a way to send signals."""
_FCNTL_PLAIN = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC."""
_IOCTL_PLAIN = (0x5401, 0x541B, 0x5450, 0x5451)
"""TCGETS (is it a terminal?), FIONREAD, FIONCLEX, FIOCLEX."""
_PRCTL_PLAIN = (15, 16)
"""PR_SET_NAME and PR_GET_NAME: what a thread is called."""
_ARCH_PRCTL_PLAIN = (0x1021, 0x1022, 0x1023)
"""ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM: matrix registers, which oneDNN asks for."""

NEWEST_NEEDED = 424
"""Calls from this number on, the same on every architecture, came after 2019. The C library does without them where
the kernel says that it does not know them, and falls back to calls that a filter can look into: ``clone`` for
``clone3``, ``openat`` for ``openat2``."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """How one kind of processor numbers its calls."""

    audit: int
    """What the kernel calls it: AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64."""
    seccomp: int
    """Number of the call that installs a filter."""
    free: Mapping[str, int]
    checked: Mapping[str, int]


def _numbers(table: str, column: int) -> dict[str, int]:
    rows = (row.split() for row in table.split(","))
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


ARCHITECTURES = {
    "x86_64": Architecture(0xC000003E, 317, _numbers(_FREE, 1), _numbers(_CHECKED, 1)),
    "aarch64": Architecture(0xC00000B7, 277, _numbers(_FREE, 2), _numbers(_CHECKED, 2)),
}
"""By the name that ``platform.machine()`` gives."""
