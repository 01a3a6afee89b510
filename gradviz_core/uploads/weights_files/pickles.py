"""The pickle inside a ``.pt`` file, read as data by a machine of its own.

A pickle is a program for a small stack machine. Python's own machine can call any function; this one imports nothing
and calls nothing. Numbers, text, lists and dictionaries are what they are, a tensor becomes a ``TensorRef``, a note of
where its elements lie, and any other object a ``Stub``, of which nothing is known but its class. The steps are those of
``pickletools.opcodes``; the protocols are described in PEP 307, 3154 and 574.
"""

from __future__ import annotations

import pickletools
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.pickle_machine import Machine
from gradviz_core.uploads.weights_files.pickle_values import StorageRef, Stub, damaged
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT

MOST_BYTES = 32_000_000
"""Limit on one pickle. DenseNet-201's 1,207 tensors take 0.2 MB; arrays of NumPy lie in the pickle with all their
bytes."""
MOST_STEPS = 500_000
"""Limit on steps; DenseNet-201 takes 42,000, and three times that with AdamW's state."""


@dataclass(frozen=True, slots=True)
class Pickled:
    """What a pickle describes."""

    value: object
    """Dictionaries, lists, tuples, text, numbers, None, ``TensorRef``, ``OddTensor``, ``Global`` and ``Stub``. A
    dictionary may hold itself, and one list may stand in many places: never walk the whole."""
    objects: Counter[str]
    """How many Python objects of each class became stubs."""
    storages: dict[str, StorageRef]
    """All that it names."""
    end: int
    """Where the next byte after it stands."""


def interpret(pickle: bytes | memoryview) -> Pickled:
    """What the pickle describes, which must be all of these bytes.

    Raises:
        BadModel: it breaks a limit, is cut off, or has a step that no program of torch's writes.
    """
    found = first(memoryview(pickle))
    if found.end < len(pickle):
        raise damaged("something follows its end")
    return found


def first(data: memoryview, most_steps: int = MOST_STEPS) -> Pickled:
    """The pickle that these bytes begin with, which may have so many steps.

    Raises:
        BadModel: as ``interpret`` does.
    """
    machine = Machine(data)
    for _ in range(most_steps):
        if machine.at > MOST_BYTES:
            raise _too_long(machine.at)
        code = machine.code()
        if code == _STOP:
            return Pickled(machine.result(), machine.objects, machine.storages, machine.at)
        if code not in _BY_CODE:
            raise BadModel(
                "The file's pickle has an instruction that no state dict needs "
                f"({_name(bytes([code]))}). {SAVE_A_STATE_DICT}"
            )
        _BY_CODE[code](machine)
    raise BadModel(f"The file's pickle has more than {most_steps:,} steps. {SAVE_A_STATE_DICT}")


def _too_long(size: int) -> BadModel:
    return BadModel(
        f"The file's pickle has {size / 1e6:.1f} MB; the limit is {MOST_BYTES / 1e6:.0f} MB. {SAVE_A_STATE_DICT}"
    )


def _name(step: bytes) -> str:
    names = {op.code: op.name for op in pickletools.opcodes}
    return names.get(step.decode("latin-1"), repr(step))


def _named_on_the_stack(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.named(module, name)


def _named_since_mark(machine: Machine) -> None:
    machine.since_mark()
    machine.named(machine.line(), machine.line())
    machine.make_with(0)


def _frozen_set(machine: Machine) -> None:
    machine.since_mark()
    machine.push(Stub("builtins.frozenset"))


STEPS: dict[bytes, Callable[[Machine], object]] = {
    b"\x80": lambda m: m.take(1),  # the protocol's number
    b"\x95": lambda m: m.take(8),  # the length of a frame, which is of no use here
    b"(": Machine.mark,
    b"0": Machine.drop,
    b"1": Machine.since_mark,
    b"2": Machine.double,
    b"}": lambda m: m.push({}),
    b"d": Machine.dictionary,
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.since_mark()),
    b")": lambda m: m.push(()),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": lambda m: m.push(m.number("B")),
    b"M": lambda m: m.push(m.number("H")),
    b"J": lambda m: m.push(m.number("i")),
    b"\x8a": lambda m: m.whole(m.number("B")),
    b"\x8b": lambda m: m.whole(m.number("i")),
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    b"X": lambda m: m.text("I"),
    b"\x8c": lambda m: m.text("B"),
    b"\x8d": lambda m: m.text("Q"),
    b"T": lambda m: m.text("i", "latin-1"),  # texts of Python 2
    b"U": lambda m: m.text("B", "latin-1"),
    b"B": lambda m: m.opaque(m.number("I"), "builtins.bytes"),
    b"C": lambda m: m.opaque(m.number("B"), "builtins.bytes"),
    b"\x8e": lambda m: m.opaque(m.number("Q"), "builtins.bytes"),
    b"\x96": lambda m: m.opaque(m.number("Q"), "builtins.bytearray"),
    b"t": lambda m: m.push(tuple(m.since_mark())),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"\x8f": lambda m: m.push(Stub("builtins.set")),
    b"\x91": _frozen_set,
    b"\x90": lambda m: m.append(m.since_mark()),
    b"s": Machine.set_item,
    b"u": lambda m: m.set_items(m.since_mark()),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.since_mark()),
    b"q": lambda m: m.remember(m.number("B")),
    b"r": lambda m: m.remember(m.number("I")),
    b"\x94": Machine.remember,
    b"h": lambda m: m.recall(m.number("B")),
    b"j": lambda m: m.recall(m.number("I")),
    b"c": lambda m: m.named(m.line(), m.line()),
    b"\x93": _named_on_the_stack,
    b"i": _named_since_mark,
    b"o": Machine.make_since_mark,
    b"R": Machine.call,
    b"\x81": lambda m: m.make_with(1),
    b"\x92": lambda m: m.make_with(2),
    b"b": Machine.set_attributes,
    b"Q": Machine.find_storage,
}
"""What each step does. Left out: steps of protocol 0, extension codes, and buffers that lie outside of the file."""
_BY_CODE = {step[0]: do for step, do in STEPS.items()}
_STOP = ord(".")
