"""The filter of system calls, read by a small interpreter of its language: for x86-64 and for ARM."""

from __future__ import annotations

import errno

import pytest

from gradviz_core.compute.sandbox.calls import ARCHITECTURES, Architecture
from gradviz_core.compute.sandbox.seccomp import program

PID = 4711
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE, UNKNOWN = 0x00050000 + errno.EPERM, 0x00050000 + errno.ENOSYS
BOTH = pytest.mark.parametrize("here", ARCHITECTURES.values(), ids=ARCHITECTURES)


def verdict(here: Architecture, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter answers, run as the kernel runs it: one accumulator, jumps only forward."""
    words = {0: number, 4: here.audit if audit is None else audit}
    for place, argument in enumerate(arguments):
        words |= {16 + 8 * place: argument & 0xFFFFFFFF, 20 + 8 * place: argument >> 32 & 0xFFFFFFFF}
    code, at, accumulator = program(here, PID), 0, 0
    while True:
        step, if_so, if_not, constant = code[at]
        at += 1
        match step:
            case 0x20:
                accumulator = words.get(constant, 0)
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += if_so if accumulator == constant else if_not
            case 0x35:
                at += if_so if accumulator >= constant else if_not
            case 0x06:
                return constant
            case _:
                raise AssertionError(f"instruction {step:#x} is unknown")


@BOTH
def test_calls_that_computing_takes_pass(here: Architecture) -> None:
    assert {verdict(here, number) for number in here.free.values()} == {ALLOW}


@BOTH
def test_every_other_number_is_refused(here: Architecture) -> None:
    others = set(range(600)) - {*here.free.values(), *here.checked.values()}
    assert {verdict(here, number) for number in others if number < 424} == {REFUSE}
    assert {verdict(here, number) for number in others if number >= 424} == {UNKNOWN}
    assert verdict(here, 0x40000001) == UNKNOWN


@BOTH
def test_another_convention_ends_the_process(here: Architecture) -> None:
    assert verdict(here, here.free["read"], audit=0x40000003) == KILL


@BOTH
@pytest.mark.parametrize(
    ("name", "arguments", "passes"),
    [
        ("openat", (0, 0, 0o2000000), True),  # for reading, closed when a program starts
        ("openat", (0, 0, 1), False),
        ("openat", (0, 0, 2), False),
        ("openat", (0, 0, 3), False),
        ("openat", (0, 0, 0o100), False),
        ("openat", (0, 0, 0o1000), False),
        ("openat", (0, 0, 0o20200000), False),
        ("mmap", (0, 4096, 3, 0x22), True),  # private, of no file
        ("mmap", (0, 4096, 1, 0x01), True),  # shared, of a file
        ("mmap", (0, 4096, 5, 0x802), True),
        ("mmap", (0, 4096, 3, 0x21), False),
        ("mmap", (0, 4096, 3, 0x23), False),
        ("mmap", (0, 4096, 3, 0x122), False),
        ("clone", (0x3D0F00,), True),
        ("clone", (0x11,), False),
        ("clone", (0x4111,), False),
        ("clone", (0x3D0F00 | 0x10000000,), False),  # a user namespace
        ("fcntl", (0, 3), True),
        ("fcntl", (0, 8, PID), True),
        ("fcntl", (0, 8, PID + 1), False),
        ("fcntl", (0, 8, -PID & 0xFFFFFFFF), False),
        ("fcntl", (0, 10, 9), False),
        ("fcntl", (0, 15, 0), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),
        ("prctl", (15,), True),
        ("prctl", (4, 1), False),
        ("prctl", (22, 2), False),
        ("prlimit64", (0, 2, 0), True),
        ("prlimit64", (0, 2, 0x7FFF00000000), False),  # an address whose lower half is zero
        ("prlimit64", (0, 2, 4096), False),
        ("prlimit64", (PID + 1, 2, 0), False),
        ("tgkill", (PID, PID + 1, 6), True),
        ("tgkill", (PID + 1, PID + 1, 6), False),
    ],
)
def test_arguments_are_looked_at(here: Architecture, name: str, arguments: tuple[int, ...], passes: bool) -> None:
    assert verdict(here, here.checked[name], *arguments) == (ALLOW if passes else REFUSE)


def test_matrix_registers_may_be_asked_for_and_no_segment_moved() -> None:
    here = ARCHITECTURES["x86_64"]
    assert verdict(here, here.checked["arch_prctl"], 0x1023) == ALLOW
    assert verdict(here, here.checked["arch_prctl"], 0x1002) == REFUSE


@BOTH
def test_the_filter_fits_the_kernel(here: Architecture) -> None:
    code = program(here, PID)
    assert len(code) < 4096
    assert all(0 <= skip < 256 for _, *skips, _ in code for skip in skips)


@pytest.mark.parametrize("dangerous", ["socket", "execve", "fork", "kill", "ptrace", "memfd_create", "pidfd_open"])
def test_what_reaches_others_is_in_no_list(dangerous: str) -> None:
    assert not any(dangerous in {*here.free, *here.checked} for here in ARCHITECTURES.values())
