"""seccomp: a small program in the kernel looks at each system call of every thread; those in ``calls.py`` may pass.

Source: https://docs.kernel.org/userspace-api/seccomp_filter.html. The program is classic BPF: a straight run of load,
compare and return, one block a call. A call that is not granted fails with EPERM, so that Python raises
``PermissionError``. A call in the convention of another architecture ends the process.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator, Sequence
from ctypes import addressof, create_string_buffer

from gradviz_core.compute.sandbox.calls import ARCHITECTURES, NEWEST_NEEDED, Architecture, Condition, Rule, rules
from gradviz_core.compute.sandbox.kernel import call

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip where a comparison holds, how many where it does not, constant."""

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where ``struct seccomp_data`` holds what."""
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_SET_FILTER, _IS_AVAILABLE = 1, 2
_ALL_THREADS = 1


def architecture() -> Architecture | None:
    """That of the machine, if its calls are known here and this Python uses them."""
    return ARCHITECTURES.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 2**32 else None


def available() -> bool:
    """Whether this kernel filters calls, and can answer them with an error."""
    here = architecture()
    if here is None:
        return False
    try:
        call(here.seccomp, _IS_AVAILABLE, 0, create_string_buffer(struct.pack("I", 0x00050000), 4))
    except OSError:
        return False
    return True


def restrict() -> bool:
    """Filter the calls of all threads of this process, for ever; False where the architecture is not known here.

    Needs PR_SET_NO_NEW_PRIVS. Raises ``OSError`` where the kernel refuses.
    """
    here = architecture()
    if here is None:
        return False
    code = program(here, os.getpid())
    instructions = create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in code))
    header = create_string_buffer(struct.pack("HxxxxxxQ", len(code), addressof(instructions)))
    if thread := call(here.seccomp, _SET_FILTER, _ALL_THREADS, header):
        raise OSError(errno.EBUSY, f"thread {thread} has a filter of its own")
    return True


def program(here: Architecture, pid: int) -> list[Instruction]:
    """The filter for a process of number ``pid``, on ``here``."""
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, here.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in here.free.values():
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    alternatives = rules(pid)
    for name, number in here.checked.items():
        for rule in alternatives[name]:
            code += _block(number, rule)
    code += [
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, NEWEST_NEEDED),
        (_RETURN, 0, 0, _UNKNOWN),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return code


def _block(number: int, rule: Rule) -> list[Instruction]:
    """Let the call of that number pass where ``rule`` holds, else go on behind the block."""
    block: list[Instruction] = [(_RETURN, 0, 0, _ALLOW)]
    for condition in reversed(rule):
        block = [*_comparisons(condition, beyond=len(block)), *block]
    return [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, len(block), number), *block]


def _comparisons(condition: Condition, beyond: int) -> Iterator[Instruction]:
    """Go on with the next instruction where ``condition`` holds, else skip ``beyond`` more."""
    values: Sequence[int] = condition.values
    yield _LOAD, 0, 0, _ARGUMENTS + 8 * condition.argument + 4 * condition.upper
    yield _AND, 0, 0, condition.mask
    for left, value in zip(reversed(range(len(values))), values, strict=True):
        yield _EQUAL, left, 0 if left else beyond, value
