"""Pickles: in a file of their own, inside an archive, as TorchScript; such as run code, and such as only cost."""

from __future__ import annotations

import codecs
import io
import os
import pickle
import struct
import warnings
from collections.abc import Callable

import torch

from gradviz_core.models import architectures
from tests.hostile.case import CODE, COMMAND, Case
from tests.hostile.weights import archive_of, parts, saved, tensors


class Call:
    """A value whose pickle says: call ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.said = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.said


def text(value: str) -> bytes:
    """The opcode that pushes a text."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _in_archive(value: object, protocol: int = 2) -> bytes:
    return archive_of(pickle.dumps(value, protocol))


def _module() -> bytes:
    return saved(architectures.build("digits-mlp"))


def torchscript() -> bytes:
    """A scripted network."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # that scripts are to go
        torch.jit.save(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())), out)
    return out.getvalue()


def _beside_sound_weights(value: object) -> bytes:
    """Sound weights, and one more value under a key of its own."""
    return saved({**tensors(), "epoch": value})


def _dotted_name() -> bytes:
    """A name looked up through another one: ``torch`` is allowed, ``torch.os.system`` is not ``torch``."""
    return archive_of(b"\x80\x04" + text("torch") + text("os.system") + b"\x93(" + text(COMMAND) + b"tR.")


def _built_name() -> bytes:
    """The module's name is not in the file as one text: it is taken from the memory of the unpickler."""
    return archive_of(
        b"\x80\x04" + text("os") + b"\x940" + text("system") + b"\x94" + b"0h\x00h\x01\x93(" + text(COMMAND) + b"tR."
    )


def _old_opcodes() -> bytes:
    return archive_of(b"(S'" + COMMAND.encode() + b"'\nios\nsystem\n.")


def _persistent_id() -> bytes:
    """A storage whose name is a path."""
    return archive_of(parts().pickled.replace(b"X\x01\x00\x00\x000", text("../../../../etc/passwd")))


def _laughs() -> bytes:
    """A list of ten lists, each of ten lists, and so on thirty times: one opcode pair a level."""
    out = b"\x80\x02]q\x00"
    for level in range(30):
        out += b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * 9 + b"eq" + bytes([level + 1])
    return archive_of(out + b".")


def _deep(levels: int = 200_000) -> bytes:
    return archive_of(b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b".")


def _state_of_a_class() -> bytes:
    """State set on a class instead of a value."""
    return archive_of(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}" + text("__globals__") + b"}sb.")


CASES = (
    Case("pickled-module", "model.pt", _module, "whole pickled object .* Export it where you have its code"),
    Case("os-system", "model.pt", lambda: _in_archive(Call(os.system, COMMAND)), "whole pickled object.*system"),
    Case("os-system-without-an-archive", "model.pth", lambda: pickle.dumps(Call(os.system, COMMAND)), "bare pickle"),
    Case(
        "os-system-protocol-0", "model.pt", lambda: pickle.dumps(Call(os.system, COMMAND), 0), "zip|legacy|old|no model"
    ),
    Case(
        "os-system-beside-weights",
        "model.pt",
        lambda: _beside_sound_weights(Call(os.system, COMMAND)),
        r"not loaded.*system",
        "kept",
    ),
    Case("eval", "model.pt", lambda: _in_archive(Call(eval, CODE)), "whole pickled object.*eval"),
    Case("exec-protocol-5", "model.pt", lambda: _in_archive(Call(exec, CODE), 5), "exec"),
    Case("getattr", "model.pt", lambda: _in_archive(Call(getattr, "", "format")), "getattr"),
    Case("dotted-name", "model.pt", _dotted_name, r"os\.system|system"),
    Case("built-name", "model.pt", _built_name, "whole pickled object.*system"),
    Case("old-opcodes", "model.pt", _old_opcodes, "no state dict needs"),
    Case("extension-code", "model.pt", lambda: archive_of(b"\x80\x02\x82\x01."), "no state dict needs"),
    Case("persistent-id-with-a-path", "model.pt", _persistent_id, "not in the file"),
    Case("state-of-a-class", "model.pt", _state_of_a_class, "cannot be read"),
    Case("torchscript", "model.pt", torchscript, "TorchScript"),
    Case("bytearray-bomb", "model.pt", lambda: _in_archive({"a": Call(bytearray, 8_700_000_000)}), "bytearray"),
    Case(
        "punycode-bomb", "model.pt", lambda: _in_archive({"a": Call(codecs.encode, "é" * 90_000, "punycode")}), "encode"
    ),
    Case("range-bomb", "model.pt", lambda: _in_archive(Call(list, Call(range, 10**9))), "whole pickled object"),
    Case("billion-laughs", "model.pt", _laughs, "holds a list"),
    Case("200000-nested-lists", "model.pt", _deep, "holds a list"),
    Case("long-of-2-GB", "model.pt", lambda: archive_of(b"\x80\x02\x8b\x00\x00\x00\x7f."), "cut off"),
    Case("text-of-4-GB", "model.pt", lambda: archive_of(b"\x80\x02X\xff\xff\xff\xff."), "cut off"),
    Case("memo-4-billion", "model.pt", lambda: archive_of(b"\x80\x02}r\xff\xff\xff\xff."), "no named tensors"),
    Case("pickle-cut-short", "model.pt", lambda: archive_of(parts().pickled[:-1]), "cut off"),
    Case(
        "two-pickles",
        "model.pt",
        lambda: archive_of(parts().pickled + pickle.dumps(Call(os.system, COMMAND))),
        "something follows its end",
    ),
    Case("pickle-of-a-number", "model.pt", lambda: _in_archive(5), "holds a number"),
)
