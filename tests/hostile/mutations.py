"""Ways to spoil a file at random: its bytes, its members, its JSON. All draw from the generator they are given."""

from __future__ import annotations

import copy
import io
import json
import pickletools
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.hostile.archives import archive, members
from tests.hostile.case import CODE

Mutation = Callable[[Random, bytes], bytes]
INTEGERS = (0, 1, 2, 127, 128, 255, 256, 32_767, 65_535, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
STEPS = b"".join(op.code.encode("latin-1") for op in pickletools.opcodes)
"""The codes of all steps of a pickle."""
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 10**6, 2**31, 2**63, -(2**63), 2**70, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "0", "__class__", "../../etc/passwd", "<script>", "a" * 2000, CODE, "\0", "\ud800"),
    *([], {}, [[]], [0] * 70),
)


def of_bytes(random: Random, data: bytes) -> bytes:
    """One to eight small damages to the bytes."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        if not out:
            break
        at, length = random.randrange(len(out)), random.choice((1, 2, 4, 8, 64, 1024))
        match random.randrange(7):
            case 0:
                out[at] ^= 1 << random.randrange(8)
            case 1:
                out[at] = random.randrange(256)
            case 2:
                del out[at : at + length]
            case 3:
                out[at:at] = out[at : at + length]
            case 4:
                form, bits = random.choice((("B", 8), ("<H", 16), (">H", 16), ("<I", 32), (">I", 32), ("<Q", 64)))
                number = struct.pack(form, random.choice(INTEGERS) % (1 << bits))
                out[at : at + len(number)] = number
            case 5:
                other = random.randrange(len(out))
                out[at : at + length] = out[other : other + length]
            case _:
                out[at:at] = random.randbytes(length)
    return bytes(out[: random.randrange(len(out) + 1)] if random.random() < 0.05 else out)


def of_start(random: Random, data: bytes) -> bytes:
    """The same, and only to the first two hundred bytes, where the headers are."""
    return of_bytes(random, data[:200]) + data[200:]


def of_json(random: Random, data: bytes) -> bytes:
    """One to four places of a JSON document changed, removed, doubled, or exchanged with another place."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return of_bytes(random, data)
    for _ in range(random.choice((1, 1, 2, 4))):
        places = _places(value)
        if not places:
            break
        inside, key = random.choice(places)
        match random.randrange(5):
            case 0:
                del inside[key]
            case 1:
                _double(inside, key, random)
            case 2:
                other, other_key = random.choice(places)
                inside[key] = copy.deepcopy(other[other_key])
            case 3 if isinstance(inside[key], int):
                inside[key] = random.choice(INTEGERS) * random.choice((1, -1))
            case _:
                inside[key] = copy.deepcopy(random.choice(VALUES))
    return json.dumps(value).encode()


def _double(inside: Any, key: Any, random: Random) -> None:
    if isinstance(inside, list):
        inside.insert(random.randrange(len(inside) + 1), copy.deepcopy(inside[key]))
    else:
        inside[f"{key}_"] = copy.deepcopy(inside[key])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each list and dictionary in a document, with each index and key of it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        here = waiting.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        found += [(here, key) for key in keys]
        waiting += [here[key] for key in keys]
    return found


def of_members(random: Random, data: bytes) -> bytes:
    """One member of an archive spoilt, left out, doubled or renamed; what the archive says of it is right again."""
    found = members(data)
    at = random.randrange(len(found))
    jsons = [i for i, m in enumerate(found) if m.name.endswith(b".json")]
    if jsons and random.random() < 0.7:
        at = random.choice(jsons)
    chosen = found[at]
    match random.randrange(12):
        case 0:
            del found[at]
        case 1:
            found.append(replace(chosen, name=chosen.name + b"_"))
        case 2:
            found[at] = replace(chosen, name=of_bytes(random, chosen.name)[:200])
        case 3:
            found[at] = replace(chosen, data=random.choice(found).data)
        case _:
            spoil = of_json if chosen.name.endswith(b".json") else of_bytes
            found[at] = replace(chosen, data=spoil(random, chosen.data))
    return archive(found)


def of_headers(random: Random, data: bytes) -> bytes:
    """What the archive says of one member is wrong."""
    found = members(data)
    at = random.randrange(len(found))
    name = random.choice(("method", "flags", "size", "central_size", "crc", "offset"))
    most = 16 if name in ("method", "flags") else 32
    found[at] = replace(found[at], **{name: random.choice(INTEGERS) % (1 << most)})  # type: ignore[arg-type]
    return archive(found)


def of_safetensors(random: Random, data: bytes) -> bytes:
    """The header's JSON spoilt, and its length right again."""
    (length,) = struct.unpack_from("<Q", data)
    header = of_json(random, data[8 : 8 + length])
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def of_chunks(random: Random, data: bytes) -> bytes:
    """One chunk of a PNG spoilt, left out, doubled or moved; its checksum is right again."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at + 4 : at + 8 + length])
        at += 12 + length
    at = random.randrange(len(chunks))
    match random.randrange(5):
        case 0:
            del chunks[at]
        case 1:
            chunks.insert(random.randrange(len(chunks)), chunks[at])
        case _:
            chunks[at] = chunks[at][:4] + of_bytes(random, chunks[at][4:])
    return data[:8] + b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)


def of_pickle(random: Random, data: bytes) -> bytes:
    """The list of tensors of a state dict spoilt opcode by opcode: left out, doubled, exchanged, or other numbers."""
    found = members(data)
    at = next(i for i, m in enumerate(found) if m.name.endswith(b"data.pkl"))
    found[at] = replace(found[at], data=_other_steps(random, found[at].data))
    return archive(found)


def of_pickles(random: Random, data: bytes) -> bytes:
    """One of the pickles that a file before torch 1.6 begins with spoilt in the same way, mostly the fourth."""
    ends, rest = [0], io.BytesIO(data)
    for _ in range(5):
        list(pickletools.genops(rest))
        ends.append(rest.tell())
    at = random.choice((0, 1, 2, 3, 3, 3, 3, 4, 4))
    start, end = ends[at], ends[at + 1]
    return data[:start] + _other_steps(random, data[start:end]) + data[end:]


def _other_steps(random: Random, pickled: bytes) -> bytes:
    starts = [start for _, _, start in pickletools.genops(pickled) if start is not None]
    parts = [pickled[start:end] for start, end in zip(starts, [*starts[1:], len(pickled)], strict=True)]
    for _ in range(random.choice((1, 1, 2, 4))):
        i = random.randrange(len(parts))
        match random.randrange(6):
            case 0:
                parts[i] = b""
            case 1:
                parts.insert(i, parts[i])
            case 2:
                parts[i] = random.choice(parts)
            case 3:
                parts[i] = b"\x8a\x08" + struct.pack("<q", random.choice(INTEGERS) % 2**63)
            case 4:
                parts.insert(i, bytes([random.choice(STEPS)]) + random.randbytes(random.choice((0, 0, 1, 4))))
            case _:
                parts[i] = parts[i][:1] + of_bytes(random, parts[i][1:])
    return b"".join(parts)


def of_program(random: Random, data: bytes) -> bytes:
    """One of the first things that an exported program's graph says, or of those just inside, is of another kind."""
    found = members(data)
    at = next(i for i, m in enumerate(found) if m.name.endswith(b"models/model.json"))
    value = json.loads(found[at].data)
    inside = value
    for _ in range(random.choice((0, 0, 1, 2, 3))):
        further = [one for one in inside.values() if isinstance(one, dict) and one]
        inside = random.choice(further) if further else inside
    inside[random.choice(list(inside))] = copy.deepcopy(random.choice(VALUES))
    found[at] = replace(found[at], data=json.dumps(value).encode())
    return archive(found)


SHAPES = (
    "1, " * 65,
    "1, " * 3000,
    "True, 5, 3",
    "6, 5, True",
    "9" * 4000 + ",",
    "-1, 5, 3",
    "6.0, 5, 3",
    "'6', 5, 3",
    "2**9,",
    "None,",
    "(6, 5), 3",
    "0, " * 40,
    "1, " * 20 + "6, 5, 3",
    "10**9, 10**9, 10**9",
    "",
)
KINDS = (
    "'<f4'",
    "'|O'",
    "'|S5'",
    "'<M8'",
    "'<c8'",
    "('<f4', (3,))",
    "[('a', '<f4')]",
    "'<f4,<f4'",
    "3",
    "None",
    "'<V9'",
)


def of_array_header(random: Random, data: bytes) -> bytes:
    """The header of an array with another shape or type; its length is right again."""
    (length,) = struct.unpack_from("<H", data, 8)
    shape, kind = f"({random.choice(SHAPES)})", "'<f4'"
    if random.random() < 0.5:
        shape, kind = "(6, 5, 3)", random.choice(KINDS)
    header = (
        f"{{'descr': {kind}, 'fortran_order': {random.choice(('False', 'True', '1', 'None'))}, 'shape': {shape}}}\n"
    )
    return data[:8] + struct.pack("<H", len(header)) + header.encode() + data[10 + length :]
