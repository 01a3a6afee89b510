"""The zip archives that ``torch.save`` and ``torch.export.save`` write, read strictly and without a copy.

Only what torch writes is taken: members are stored as they are, none is compressed or encrypted, each begins where the
one before it ends, the first at the first byte, and the directory follows the last. What the directory says of a member
is what stands before and behind the member itself. So no two readers can disagree on what is in a file, be it that one
follows the directory and the other one headers, and nothing grows when it is read. The layout is that of PKWARE's
APPNOTE, sections 4.3 and 4.4.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradviz_core.errors import BadModel

MOST_MEMBERS = 5_000
"""A state dict has one member for each tensor and seven more; torchvision's largest have about 1,100."""
LONGEST_NAME = 1_000
"""Bytes of a member's name."""

_LOCAL = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4s3I")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_HAS_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_HARMLESS_FLAGS = _HAS_DESCRIPTOR | _UTF8 | 0x0006  # the last two say how hard a compressor tried
_ENCRYPTED = 0x2041
_IN_ZIP64 = 0xFFFFFFFF
_EXTRA = struct.Struct("<2H")
_UNICODE_PATH = 0x7075
"""Another name for a member, in place of the one in its headers, for those readers that know it."""
AGAIN = "Save it again with torch.save or torch.export.save, and upload that file as it is."


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the directory at the end of the archive."""

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    start: int
    """Where the member's own header stands."""


def names(data: bytes | memoryview) -> tuple[str, ...]:
    """Names of all members, whether or not ``members`` would take them: enough to tell what kind of archive it is.

    Raises:
        BadModel: there is no directory that can be read, it has more than ``MOST_MEMBERS``, or a name is not allowed.
    """
    return tuple(entry.name for entry in _directory(memoryview(data))[0])


def members(data: bytes | memoryview) -> dict[str, memoryview]:
    """Each member's name and bytes; the bytes are views into ``data``. Their checksums are right.

    Raises:
        BadModel: it is no zip archive, or not one of the kind that torch writes.
    """
    whole = memoryview(data)
    entries, limit = _directory(whole)
    found: dict[str, memoryview] = {}
    last_end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        _check_kind(entry)
        if entry.start < last_end:
            raise _bad(f"its member {_shown(entry.name)} overlaps another one")
        start, end = _place(whole, entry, limit)
        if entry.start > last_end:
            raise _hidden(entry.start - last_end, f"before its member {_shown(entry.name)}")
        last_end = end
        content = whole[start : start + entry.size]
        if zlib.crc32(content) != entry.crc:
            raise _bad(f"its member {_shown(entry.name)} is damaged: its checksum is wrong")
        found[entry.name] = content
    if last_end < limit:
        raise _hidden(limit - last_end, "between its last member and its directory")
    return found


def _check_kind(entry: _Entry) -> None:
    if entry.flags & _ENCRYPTED:
        raise _bad(f"its member {_shown(entry.name)} is encrypted")
    if entry.flags & ~_HARMLESS_FLAGS:
        raise _bad(f"its member {_shown(entry.name)} has flags that torch never sets ({entry.flags:#06x})")
    if entry.method != 0:
        raise _bad(f"its member {_shown(entry.name)} is compressed; torch stores members as they are")
    if entry.size != entry.packed:
        raise _bad(f"its member {_shown(entry.name)} has two different sizes")
    if _IN_ZIP64 in (entry.size, entry.start):
        raise _bad(f"its member {_shown(entry.name)} claims to lie beyond 4 GB")


def _place(whole: memoryview, entry: _Entry, limit: int) -> tuple[int, int]:
    """Where the member's bytes start, and where all that belongs to it ends."""
    header = _unpack(_LOCAL, whole, entry.start, limit)
    signature, _, flags, method, _, _, crc, packed, size, name_length, extra_length = header
    if signature != b"PK\x03\x04":
        raise _bad(f"its member {_shown(entry.name)} has no header")
    name_start = entry.start + _LOCAL.size
    start = name_start + name_length + extra_length
    end = start + entry.size
    if end > limit:
        raise _bad(f"its member {_shown(entry.name)} reaches beyond the file")
    said = (crc, packed, size)
    known = (entry.crc, entry.packed, entry.size)
    if flags & _HAS_DESCRIPTOR:
        if said != (0, 0, 0) and said != known:
            raise _disagrees(entry)
        signature, *behind = _unpack(_DESCRIPTOR, whole, end, limit)
        said = tuple(behind)
        end += _DESCRIPTOR.size
        if signature != b"PK\x07\x08":
            raise _disagrees(entry)
    name = bytes(whole[name_start : name_start + name_length])
    _check_extra(whole[name_start + name_length : start])
    if said != known or (flags, method, name) != (entry.flags, entry.method, entry.raw_name):
        raise _disagrees(entry)
    return start, end


def _directory(whole: memoryview) -> tuple[list[_Entry], int]:
    """The lines of the directory, and where it starts: members lie before."""
    count, size, start, end = _end_record(whole)
    if count > MOST_MEMBERS:
        raise _bad(f"it has {count:,} members; the limit is {MOST_MEMBERS:,}")
    if start + size != end:
        raise _bad("its directory is not where its end says")
    entries = list(_lines(whole, count, start, end))
    if not entries:
        raise _bad("it is empty")
    if len({unicodedata.normalize("NFC", entry.name) for entry in entries}) < count:
        raise _bad("two members have the same name")
    return entries, start


def _end_record(whole: memoryview) -> tuple[int, int, int, int]:
    """Number of members, size and start of the directory, and where what follows it starts."""
    at = len(whole) - _END.size
    if at < 0 or bytes(whole[at : at + 4]) != b"PK\x05\x06":
        raise _bad("it is cut off, or something was added at its end")
    _, disk, first_disk, count_here, count, size, start, comment = _END.unpack_from(whole, at)
    if (disk, first_disk, comment) != (0, 0, 0) or count_here != count:
        raise _bad("it is one part of several")
    locator_at = at - _LOCATOR.size
    if locator_at < 0 or bytes(whole[locator_at : locator_at + 4]) != b"PK\x06\x07":
        return count, size, start, at
    _, _, record_at, disks = _LOCATOR.unpack_from(whole, locator_at)
    if disks != 1 or record_at + _END64.size != locator_at:
        raise _bad("its two ends disagree")
    signature, length, _, _, disk, first_disk, count_here, count64, size64, start64 = _END64.unpack_from(
        whole, record_at
    )
    if (signature, length, disk, first_disk) != (b"PK\x06\x06", _END64.size - 12, 0, 0) or count_here != count64:
        raise _bad("its two ends disagree")
    if count not in (count64, 0xFFFF) or size not in (size64, _IN_ZIP64) or start not in (start64, _IN_ZIP64):
        raise _bad("its two ends disagree")
    return count64, size64, start64, record_at


def _lines(whole: memoryview, count: int, at: int, end: int) -> Iterator[_Entry]:
    for _ in range(count):
        signature, _, _, flags, method, _, _, crc, packed, size, *rest = _unpack(_CENTRAL, whole, at, end)
        name_length, extra_length, comment_length, disk, _, _, start = rest
        name_start = at + _CENTRAL.size
        at = name_start + name_length + extra_length + comment_length
        if signature != b"PK\x01\x02" or disk != 0 or at > end:
            raise _bad("its directory is broken")
        raw = bytes(whole[name_start : name_start + name_length])
        _check_extra(whole[name_start + name_length : at - comment_length])
        yield _Entry(raw, _checked_name(raw), flags, method, crc, packed, size, start)
    if at != end:
        raise _bad("its directory is longer than its end says")


def _checked_name(raw: bytes) -> str:
    if len(raw) > LONGEST_NAME:
        raise _bad(f"one of its members has a name of {len(raw):,} bytes; the limit is {LONGEST_NAME:,}")
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad(f"the name of a member is not UTF-8: {raw[:40]!r}") from None
    parts = name.split("/")
    if "" in parts or "." in parts or ".." in parts or "\\" in name or not name.isprintable():
        raise _bad(f"it has a member called {_shown(name)}, which is not a plain file name")
    return name


def _check_extra(extra: memoryview) -> None:
    """Refuse another name among the extra fields of a member."""
    at = 0
    while at + _EXTRA.size <= len(extra):
        kind, length = _EXTRA.unpack_from(extra, at)
        if kind == _UNICODE_PATH:
            raise _bad("one of its members has a second name")
        at += _EXTRA.size + length


def _unpack(form: struct.Struct, whole: memoryview, at: int, end: int) -> tuple[Any, ...]:
    if at + form.size > end:
        raise _bad("it is cut off in the middle of a header")
    return form.unpack_from(whole, at)


def _shown(name: str) -> str:
    return repr(name[:80])


def _bad(what: str) -> BadModel:
    return BadModel(f"The zip archive cannot be read: {what}. {AGAIN}")


def _hidden(size: int, where: str) -> BadModel:
    return _bad(f"there are {size:,} bytes {where} that its directory does not list")


def _disagrees(entry: _Entry) -> BadModel:
    return _bad(f"its member {_shown(entry.name)} and the directory disagree")
