"""The stack machine that a pickle is a program for, without anything that could be called."""

from __future__ import annotations

import struct
from collections import Counter

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.pickle_values import (
    Global,
    OddTensor,
    StorageRef,
    Stub,
    TensorRef,
    called,
    damaged,
    made,
    storage,
)
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT

LONGEST_TEXT = 100_000
"""Bytes of a text that is kept; of a longer one it is only known that it is there."""
LONGEST_NUMBER = 16
"""Bytes of a whole number that is kept."""
_LONGEST_NAME = 200
_NUMBERS = {form: struct.Struct("<" + form) for form in "BHIiQ"}


class Machine:
    """Stack, marks and memo, and the file's bytes with a place in them. It copies no more than names and texts."""

    def __init__(self, pickle: memoryview) -> None:
        self._pickle = pickle
        self.at = 0
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._stubs: dict[str, Stub] = {}
        self.objects: Counter[str] = Counter()
        """How many objects of each class are described."""
        self.storages: dict[str, StorageRef] = {}

    def code(self) -> int:
        """The code of the next step."""
        if self.at >= len(self._pickle):
            raise damaged("it is cut off")
        self.at += 1
        return self._pickle[self.at - 1]

    def take(self, count: int) -> bytes:
        """So many bytes of the file."""
        return bytes(self._skipped(count))

    def number(self, form: str) -> int:
        """A number of the form that ``struct`` calls so, little-endian."""
        layout = _NUMBERS[form]
        value: int = layout.unpack(self._skipped(layout.size))[0]
        return value

    def text(self, length_form: str, encoding: str = "utf-8") -> None:
        """Push a text, whose length comes first. A very long one becomes a stub."""
        length = self.number(length_form)
        if length > LONGEST_TEXT:
            self.opaque(length, "builtins.str")
            return
        try:
            self._stack.append(str(self._skipped(length), encoding))
        except UnicodeDecodeError:
            raise damaged("a string is not UTF-8") from None

    def whole(self, length: int) -> None:
        """Push a whole number of so many bytes. A very long one becomes a stub."""
        if length > LONGEST_NUMBER:
            self.opaque(length, "builtins.int")
        else:
            self._stack.append(int.from_bytes(self.take(length), "little", signed=True))

    def opaque(self, length: int, name: str) -> None:
        """Step over so many bytes, which are an object of this class."""
        self._skipped(length)
        self.push(Stub(name))

    def line(self) -> str:
        """Text up to the end of the line."""
        here = bytes(self._pickle[self.at : self.at + _LONGEST_NAME])
        end = here.find(b"\n")
        if end < 0:
            raise damaged("a name does not end")
        self.at += end + 1
        return here[:end].decode("ascii", "replace")

    def result(self) -> object:
        """What is left on the stack at the end."""
        return self.pop()

    def push(self, value: object) -> None:
        """Put a value on the stack; a stub is counted, and there is one for each class."""
        if isinstance(value, Stub):
            self.objects[value.name] += 1
            value = self._stubs.setdefault(value.name, value)
        self._stack.append(value)

    def pop(self) -> object:
        """Take the topmost value from the stack."""
        if not self._stack:
            raise damaged("its stack is empty")
        return self._stack.pop()

    def peek(self) -> object:
        """The topmost value, which stays."""
        if not self._stack:
            raise damaged("its stack is empty")
        return self._stack[-1]

    def double(self) -> None:
        """Put the topmost value on the stack once more."""
        self._stack.append(self.peek())

    def mark(self) -> None:
        """Begin a stack upon the stack."""
        self._below.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[object]:
        """All that was put on the stack since the latest mark, and the mark with it."""
        if not self._below:
            raise damaged("a mark is missing")
        values, self._stack = self._stack, self._below.pop()
        return values

    def drop(self) -> None:
        """What stands on the stack, or a mark that nothing stands upon."""
        if self._stack:
            self._stack.pop()
        else:
            self.since_mark()

    def remember(self, index: int | None = None) -> None:
        """Keep the topmost value under a number."""
        self._memo[len(self._memo) if index is None else index] = self.peek()

    def recall(self, index: int) -> None:
        """Put a value that was kept on the stack."""
        if index not in self._memo:
            raise damaged("it refers to a memo entry that does not exist")
        self._stack.append(self._memo[index])

    def named(self, module: object, name: object) -> None:
        """A class or function, by its name alone."""
        if not isinstance(name, str) or not isinstance(module, str):
            raise damaged("a name is not a string")
        self._stack.append(Global(f"{module[:_LONGEST_NAME]}.{name[:_LONGEST_NAME]}"))

    def tuple_of(self, count: int) -> None:
        """Make a tuple of the topmost values."""
        values = [self.pop() for _ in range(count)]
        self._stack.append(tuple(reversed(values)))

    def dictionary(self) -> None:
        """Make a dictionary of what stands above the mark."""
        items = self.since_mark()
        self._stack.append({})
        self.set_items(items)

    def call(self) -> None:
        """What a call stands for, in the place of function and arguments."""
        arguments, function = self.pop(), self.pop()
        if not isinstance(arguments, tuple):
            raise damaged("it calls something that is not a function")
        match function:
            case Global():
                self.push(called(function, arguments))
            case Stub():
                self.push(Stub(function.name))
            case _:
                raise damaged("it calls something that is not a function")

    def make(self, kind: object) -> None:
        """Put an object of this class on the stack."""
        self.push(made(kind))

    def make_with(self, others: int) -> None:
        """An object of the class that lies below so many other values."""
        for _ in range(others):
            self.pop()
        self.make(self.pop())

    def make_since_mark(self) -> None:
        """An object of the class that stands first above the mark."""
        values = self.since_mark()
        self.make(values[0] if values else None)

    def set_items(self, items: list[object]) -> None:
        """Put keys and values, in turns, into the dictionary on top."""
        target = self.peek()
        if len(items) % 2 or not isinstance(target, dict | Stub):
            raise damaged("it adds items to something that is not a dictionary")
        if isinstance(target, Stub):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            if key is not None and type(key) not in (str, int, bool, float):
                kind = key.name if isinstance(key, Stub) else type(key).__name__
                key = Stub(kind)  # never compared, which could take for ever
            elif key in target:
                raise BadModel(f"The file holds {str(key)[:80]!r} twice. {SAVE_A_STATE_DICT}")
            target[key] = value

    def set_item(self) -> None:
        """Put one value under one key."""
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def append(self, values: list[object]) -> None:
        """Put values into the list on top."""
        target = self.peek()
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Stub):
            raise damaged("it appends to something that is not a list")

    def set_attributes(self) -> None:
        """Attributes are not kept. A state dict has the versions of its layers there, which say nothing of tensors."""
        self.pop()
        if not isinstance(self.peek(), dict | Stub | TensorRef | OddTensor):
            raise damaged("it sets attributes on something that has none")

    def find_storage(self) -> None:
        """What a persistent id stands for. A storage has one size and one kind, however often it is named."""
        found = storage(self.pop())
        if isinstance(found, StorageRef) and self.storages.setdefault(found.key, found) != found:
            raise damaged(f"the storage {found.key[:80]!r} is described in two ways")
        self._stack.append(found)

    def _skipped(self, count: int) -> memoryview:
        piece = self._pickle[self.at : self.at + count] if count >= 0 else self._pickle[:0]
        if count < 0 or len(piece) < count:
            raise damaged("it is cut off")
        self.at += count
        return piece
