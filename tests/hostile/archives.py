"""Zip archives that lie: about how many members there are, where they lie, how long they are, how they are stored."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.hostile.case import Case
from tests.hostile.weights import parts, sound


@dataclass(frozen=True, slots=True)
class Member:
    """A member as its two headers tell of it. What is None is told as it is."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = 0
    size: int | None = None
    """Size that both headers name."""
    central_size: int | None = None
    """Size that the central directory names instead."""
    central_name: bytes | None = None
    crc: int | None = None
    offset: int | None = None
    """Where the central directory says that the local header lies."""
    extra: bytes = b""


def archive(members: Sequence[Member], *, count: int | None = None, before: bytes = b"", after: bytes = b"") -> bytes:
    """A zip archive of these members, written header by header so that each can lie."""
    out, central = bytearray(before), bytearray()
    for m in members:
        here = len(out) if m.offset is None else m.offset
        size = len(m.data) if m.size is None else m.size
        crc = zlib.crc32(m.data) if m.crc is None else m.crc
        fixed = struct.pack("<HHHHH", 20, m.flags, m.method, 0, 0x21)
        out += b"PK\x03\x04" + fixed + struct.pack("<IIIHH", crc, size, size, len(m.name), len(m.extra))
        out += m.name + m.extra + m.data
        told = size if m.central_size is None else m.central_size
        name = m.name if m.central_name is None else m.central_name
        central += b"PK\x01\x02" + struct.pack("<H", 20) + fixed + struct.pack("<III", crc, told, told)
        central += struct.pack("<HHHHHII", len(name), len(m.extra), 0, 0, 0, 0, here) + name + m.extra
    told_count = len(members) if count is None else count
    end = struct.pack("<HHHHIIH", 0, 0, told_count & 0xFFFF, told_count & 0xFFFF, len(central), len(out), 0)
    return bytes(out + central + b"PK\x05\x06" + end + after)


def members(data: bytes) -> list[Member]:
    """What an archive holds, to be written again otherwise."""
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        return [Member(name.encode(), read.read(name)) for name in read.namelist()]


def _members() -> list[Member]:
    return members(sound())


def _changed(name: bytes, **changes: object) -> bytes:
    return archive([replace(m, **changes) if m.name.endswith(name) else m for m in _members()])  # type: ignore[arg-type]


def _deflated() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for m in _members():
            written.writestr(m.name.decode(), m.data)
    return out.getvalue()


def _zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as written:
        written.writestr("archive/data.pkl", parts().pickled)
        with written.open("archive/data/0", "w") as member:
            for _ in range(300):
                member.write(bytes(1_000_000))
    return out.getvalue()


def _overlapping() -> bytes:
    """One storage's header lies inside the bytes of another one."""
    inner = archive([Member(b"archive/data/1", bytes(4096))])
    inner = inner[: inner.index(b"PK\x01\x02")]
    kept = [m for m in _members() if not m.name.endswith((b"/data/0", b"/data/1"))]
    before = archive(kept)
    offset = before.index(b"PK\x01\x02") + 30 + len(b"archive/data/0")
    return archive([*kept, Member(b"archive/data/0", inner), Member(b"archive/data/1", bytes(64), offset=offset)])


def _one_header_for_all() -> bytes:
    """A thousand members of one megabyte each in a file of one megabyte."""
    first = Member(b"archive/data/0", bytes(1_000_000))
    body = archive([first])
    central = body.index(b"PK\x01\x02")
    entry = body[central : body.index(b"PK\x05\x06")]
    end = struct.pack("<HHHHIIH", 0, 0, 1000, 1000, 1000 * len(entry), central, 0)
    return body[:central] + entry * 1000 + b"PK\x05\x06" + end


def _duplicate() -> bytes:
    found = _members()
    return archive([*found, replace(found[0], data=parts().pickled[:-1] + b".")])


def _six_thousand() -> bytes:
    return archive([*_members(), *(Member(f"archive/data/x{i}".encode(), b"") for i in range(6000))])


def _outside() -> bytes:
    return _changed(b"/data/0", size=2_000_000_000)


def _hidden_first() -> bytes:
    """A member with another pickle, which readers that go by headers find, and the directory does not list."""
    first = archive([replace(_members()[0], data=parts().pickled[:-1] + b"0.")])
    first = first[: first.index(b"PK\x01\x02")]
    return archive(_members(), before=first)


def _zip64() -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 62)
    return _changed(b"/data/0", size=0xFFFFFFFF, extra=extra)


def _endless_comment() -> bytes:
    return sound() + b"PK\x05\x06" * 20_000


CASES = (
    Case("deflated", "weights.pt", _deflated, "compressed"),
    Case("zip-bomb", "weights.pt", _zip_bomb, "compressed"),
    Case("overlapping", "weights.pt", _overlapping, "overlap"),
    Case("one-header-for-a-thousand-members", "weights.pt", _one_header_for_all, "same name"),
    Case("duplicate-member", "weights.pt", _duplicate, "same name"),
    Case("6000-members", "weights.pt", _six_thousand, "6,012 members"),
    Case("65000-members-claimed", "weights.pt", lambda: archive(_members(), count=65_000), "65,000 members"),
    Case("size-mismatch", "weights.pt", lambda: _changed(b"/data/0", central_size=5), "directory disagree"),
    Case("names-mismatch", "weights.pt", lambda: _changed(b"/data/0", central_name=b"archive/data/9"), "directory disagree"),
    Case("outside-the-file", "weights.pt", _outside, "beyond the file"),
    Case("zip64-sizes", "weights.pt", _zip64, "beyond 4 GB"),
    Case("encrypted", "weights.pt", lambda: _changed(b"/data.pkl", flags=1), "is encrypted"),
    Case("unknown-compression", "weights.pt", lambda: _changed(b"/data/0", method=99), "compressed"),
    Case("path-traversal", "weights.pt", lambda: archive([*_members(), Member(b"../../etc/passwd", b"x")]), "not a plain file name"),
    Case("name-of-60000-characters", "weights.pt", lambda: archive([*_members(), Member(b"a" * 60_000, b"")]), "60,000 bytes"),
    Case("name-that-is-no-text", "weights.pt", lambda: archive([*_members(), Member(b"archive/\xff\xfe", b"")]), "not UTF-8"),
    Case("bytes-before-the-archive", "weights.pt", lambda: b"#!/bin/sh\ntouch x\n" + sound(), "not a model that can be read"),
    Case("cut-in-half", "weights.pt", lambda: sound()[: len(sound()) // 2], "cut off"),
    Case("many-ends", "weights.pt", _endless_comment, "cut off"),
    Case("empty-archive", "weights.pt", lambda: archive([]), "not a model that can be read"),
    Case("member-before-the-first-that-is-listed", "weights.pt", _hidden_first, "bytes before its member .* that its directory does not list"),
    Case("no-pickle-inside", "weights.pt", lambda: archive(_members()[1:]), "no data"),
)  # fmt: skip
