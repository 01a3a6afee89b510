"""The pickle inside a ``.pt`` file, read as data by a machine of its own.

A pickle is a program for a small stack machine. Python's own machine can call any function; this one knows the steps
that ``torch.save`` writes for numbers, text, lists, dictionaries and dense tensors, and stops at anything else before
it has done anything. It imports nothing and calls nothing: a tensor becomes a ``TensorRef``, a note of where its
elements lie. The steps are those of ``pickletools.opcodes``; the protocol is described in PEP 3154.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT

MOST_BYTES = 8_000_000
"""Limit on ``data.pkl``; DenseNet-201's 1,207 tensors take 0.2 MB."""
MOST_STEPS = 500_000
"""Limit on steps; DenseNet-201 takes 42,000, and three times that with AdamW's state."""

_REBUILD, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_ORDERED, _SIZE = "collections.OrderedDict", "torch.Size"
_STORAGES = frozenset(
    f"torch.{kind}Storage"
    for kind in "Float Double Half BFloat16 Long Int Short Char Byte Bool ComplexFloat ComplexDouble".split()
)
_KNOWN = frozenset({_REBUILD, _PARAMETER, _ORDERED, _SIZE}) | _STORAGES
_OWN_CLASS = "a tensor of a custom class", "Convert it with .as_subclass(torch.Tensor)."
_REFUSED_TENSORS = {
    "torch._utils._rebuild_sparse_tensor": ("a sparse tensor", "Convert it with .to_dense()."),
    "torch._utils._rebuild_qtensor": ("a quantised tensor", "Convert it with .dequantize()."),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor", "Convert it with .to_padded_tensor(0)."),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "a tensor without data, from the meta device",
        "Load the weights first.",
    ),
    "torch._utils._rebuild_tensor_v3": ("a tensor of a dtype that no layer uses", "Convert it with .float()."),
    "torch._utils._rebuild_wrapper_subclass": _OWN_CLASS,
    "torch._tensor._rebuild_from_type_v2": _OWN_CLASS,
}


@dataclass(frozen=True, slots=True)
class _Global:
    name: str


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A member of the archive that holds elements."""

    kind: str
    """Such as ``FloatStorage``."""
    key: str
    elements: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A view of a storage, as the file describes it: nothing is checked yet."""

    storage: StorageRef
    offset: object
    shape: tuple[object, ...]
    strides: tuple[object, ...]


def interpret(pickle: bytes | memoryview) -> object:
    """What the pickle describes: dictionaries, lists, tuples, text, numbers, None and ``TensorRef``.

    A dictionary may hold itself, and one list may stand in many places: never walk the whole.

    Raises:
        BadModel: it breaks a limit, is cut off, or needs anything but the steps of a state dict.
    """
    if len(pickle) > MOST_BYTES:
        raise BadModel(
            f"The file's pickle has {len(pickle) / 1e6:.1f} MB; the limit is {MOST_BYTES / 1e6:.0f} MB. "
            f"{SAVE_A_STATE_DICT}"
        )
    machine = _Machine(bytes(pickle))
    for _ in range(MOST_STEPS):
        step = machine.take(1)
        if step == b".":
            return machine.result()
        if step not in _STEPS:
            raise BadModel(
                f"The file's pickle has an instruction that no state dict needs ({_name(step)}). {SAVE_A_STATE_DICT}"
            )
        _STEPS[step](machine)
    raise BadModel(f"The file's pickle has more than {MOST_STEPS:,} steps. {SAVE_A_STATE_DICT}")


class _Machine:
    """Stack, marks and memo, and the file's bytes with a place in them."""

    def __init__(self, pickle: bytes) -> None:
        self._pickle = pickle
        self._at = 0
        self._stack: list[object] = []
        self._below: list[list[object]] = []
        self._memo: dict[int, object] = {}

    def take(self, count: int) -> bytes:
        piece = self._pickle[self._at : self._at + count]
        if len(piece) < count:
            raise _damaged("it is cut off")
        self._at += count
        return piece

    def number(self, form: str) -> int:
        value: int = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]
        return value

    def text(self, length_form: str) -> str:
        try:
            return self.take(self.number(length_form)).decode("utf-8")
        except UnicodeDecodeError:
            raise _damaged("a string is not UTF-8") from None

    def line(self) -> str:
        end = self._pickle.find(b"\n", self._at, self._at + 200)
        if end < 0:
            raise _damaged("a name does not end")
        name = self.take(end - self._at).decode("ascii", "replace")
        self._at += 1
        return name

    def result(self) -> object:
        """What is left on the stack at the end."""
        value = self.pop()
        if self._at < len(self._pickle):
            raise _damaged("something follows its end")
        return value

    def push(self, value: object) -> None:
        self._stack.append(value)

    def pop(self) -> object:
        if not self._stack:
            raise _damaged("its stack is empty")
        return self._stack.pop()

    def peek(self) -> object:
        if not self._stack:
            raise _damaged("its stack is empty")
        return self._stack[-1]

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[object]:
        if not self._below:
            raise _damaged("a mark is missing")
        values, self._stack = self._stack, self._below.pop()
        return values

    def remember(self, index: int | None = None) -> None:
        self._memo[len(self._memo) if index is None else index] = self.peek()

    def recall(self, index: int) -> None:
        if index not in self._memo:
            raise _damaged("it refers to a memo entry that does not exist")
        self._stack.append(self._memo[index])

    def find_global(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full in _REFUSED_TENSORS:
            kind, cure = _REFUSED_TENSORS[full]
            raise BadModel(
                f"The file holds {kind}; only dense tensors of ordinary numbers can be read. {cure} {SAVE_A_STATE_DICT}"
            )
        if full not in _KNOWN:
            raise _refused_global(full, whole=not self._stack and not self._below)
        self.push(_Global(full))

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))

    def call(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Global) or not isinstance(arguments, tuple):
            raise _damaged("it calls something that is not a function")
        self.push(_call(function.name, arguments))

    def set_items(self, items: list[object]) -> None:
        target = self.peek()
        if not isinstance(target, dict) or len(items) % 2:
            raise _damaged("it adds items to something that is not a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and type(key) is not int:
                raise BadModel(
                    f"A dictionary in the file has a key that is neither text nor a number. {SAVE_A_STATE_DICT}"
                )
            if key in target:
                raise BadModel(f"The file holds {str(key)[:80]!r} twice. {SAVE_A_STATE_DICT}")
            target[key] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.set_items([key, value])

    def append(self, values: list[object]) -> None:
        target = self.peek()
        if not isinstance(target, list):
            raise _damaged("it appends to something that is not a list")
        target.extend(values)

    def drop_attributes(self) -> None:
        """A state dict carries the versions of its layers as an attribute; they say nothing about the tensors."""
        self.pop()
        if not isinstance(self.peek(), dict):
            raise _damaged("it sets attributes on something that is not a dictionary")

    def find_storage(self) -> None:
        match self.pop():
            case ("storage", _Global(name=kind), str(key), str(), int(elements)) if kind in _STORAGES:
                self.push(StorageRef(kind.removeprefix("torch."), key, elements))
            case _:
                raise _damaged("a storage is not described as torch describes it")


def _name(step: bytes) -> str:
    names = {op.code: op.name for op in pickletools.opcodes}
    return names.get(step.decode("latin-1"), repr(step))


def _call(function: str, arguments: tuple[object, ...]) -> object:
    match function, arguments:
        case "collections.OrderedDict", ():
            return {}
        case "torch.Size", (tuple(sizes),):
            return sizes
        case "torch._utils._rebuild_tensor_v2", (StorageRef() as storage, offset, tuple(shape), tuple(strides), _, _):
            return TensorRef(storage, offset, shape, strides)
        case "torch._utils._rebuild_parameter", (TensorRef() as tensor, _, _):
            return tensor
    raise _damaged(f"{function} is called as torch never calls it")


def _refused_global(name: str, whole: bool) -> BadModel:
    if whole:
        return BadModel(
            f"The file is a whole pickled object ({name[:80]!r}), and loading it would run the code in it, so "
            "GradViz never does. Export the model with torch.export: a .pt2 file brings its own architecture. Or, "
            f"for an architecture that is known here: {SAVE_A_STATE_DICT}"
        )
    return BadModel(
        f"Besides tensors, the file contains a Python object ({name[:80]!r}), and loading it would run code, so "
        f"GradViz never does. {SAVE_A_STATE_DICT}"
    )


def _damaged(what: str) -> BadModel:
    return BadModel(f"The file's pickle cannot be read: {what}. {SAVE_A_STATE_DICT}")


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise _damaged("a name is not a string")
    machine.find_global(module[:200], name[:200])


def _long(machine: _Machine) -> None:
    length = machine.number("B")
    if length > 8:
        raise _damaged("a number has more than 64 bits")
    machine.push(int.from_bytes(machine.take(length), "little", signed=True))


_STEPS: dict[bytes, Callable[[_Machine], object]] = {
    b"\x80": lambda m: m.take(1),  # the protocol's number
    b"\x95": lambda m: m.take(8),  # the length of a frame, which is of no use here
    b"(": _Machine.mark,
    b"}": lambda m: m.push({}),
    b"]": lambda m: m.push([]),
    b")": lambda m: m.push(()),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"K": lambda m: m.push(m.number("B")),
    b"M": lambda m: m.push(m.number("H")),
    b"J": lambda m: m.push(m.number("i")),
    b"\x8a": _long,
    b"G": lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    b"X": lambda m: m.push(m.text("I")),
    b"\x8c": lambda m: m.push(m.text("B")),
    b"t": lambda m: m.push(tuple(m.since_mark())),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"s": _Machine.set_item,
    b"u": lambda m: m.set_items(m.since_mark()),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.since_mark()),
    b"q": lambda m: m.remember(m.number("B")),
    b"r": lambda m: m.remember(m.number("I")),
    b"\x94": _Machine.remember,
    b"h": lambda m: m.recall(m.number("B")),
    b"j": lambda m: m.recall(m.number("I")),
    b"c": lambda m: m.find_global(m.line(), m.line()),
    b"\x93": _stack_global,
    b"R": _Machine.call,
    b"b": _Machine.drop_attributes,
    b"Q": _Machine.find_storage,
}
