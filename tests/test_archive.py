"""The zip reader against archives that torch and zipfile write, and against archives bent byte by byte."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradviz_core.errors import BadModel
from gradviz_core.uploads import archive

FILES = (("a/data.pkl", b"pickle"), ("a/data/0", bytes(range(64))), ("a/version", b"3\n"))


def zipped(files: Sequence[tuple[str, bytes]] = FILES, compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as zipper:
        for name, content in files:
            zipper.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def as_zipfile_reads(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as zipper:
        return {name: zipper.read(name) for name in zipper.namelist()}


@pytest.mark.parametrize(
    "data",
    [zipped(), saved({"weight": torch.randn(3, 4), "bias": torch.zeros(3)}), saved({}), saved(torch.zeros(0))],
    ids=["zipfile", "torch", "nothing in it", "no elements"],
)
def test_reads_what_zipfile_reads(data: bytes) -> None:
    found = archive.members(data)
    assert {name: bytes(content) for name, content in found.items()} == as_zipfile_reads(data)
    assert set(archive.names(data)) == set(found)


def test_reads_an_exported_program(tmp_path: Path) -> None:
    exported = torch.export.export(torch.nn.Linear(2, 3), (torch.ones(1, 2),))
    torch.export.save(exported, tmp_path / "linear.pt2")
    data = (tmp_path / "linear.pt2").read_bytes()
    assert {name: bytes(content) for name, content in archive.members(data).items()} == as_zipfile_reads(data)


def test_copies_nothing() -> None:
    data = zipped()
    assert all(content.obj is data and content.readonly for content in archive.members(data).values())


def test_names_of_a_compressed_archive_can_be_told() -> None:
    assert archive.names(zipped(compression=zipfile.ZIP_DEFLATED)) == tuple(name for name, _ in FILES)


# ------------------------------------------------------------------------------------------------------------ refusals


def twice() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return zipped((*FILES, FILES[0]))


def overlapping() -> bytes:
    """The second line of the directory points at the first member's header, as in bombs that name one kernel often."""
    data = bytearray(zipped((("a", b"same"), ("b", b"same"))))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    return bytes(data)


def inside() -> bytes:
    """A member that lies inside another one's bytes."""
    inner = zipped((("b", b"inner"),))
    data = bytearray(zipped((("a", inner), ("b", b"inner"))))
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = struct.pack("<I", 30 + len("a"))
    return bytes(data)


def with_more(before: str, more: bytes) -> bytes:
    """More bytes before a member, or before the directory; what the directory says of places is right again."""
    data = bytearray(zipped())
    directory = data.index(CENTRAL)
    place = data.index(before.encode()) - 30 if before else directory
    data[place:place] = more
    at = directory + len(more)
    while data[at : at + 4] == CENTRAL:
        (start,) = struct.unpack_from("<I", data, at + 42)
        struct.pack_into("<I", data, at + 42, start + len(more) * (start >= place))
        at += 46 + data[at + 28]
    struct.pack_into("<I", data, at + 16, directory + len(more))
    return bytes(data)


def hidden() -> bytes:
    """A whole member, as it stands before the directory."""
    other = zipped((("a/data.pkl", b"another pickle"),))
    return other[: other.index(CENTRAL)]


def second_name(place: int, first: bytes = b"") -> bytes:
    """A field beside the name, of one header or of the directory's line, that gives another name; ``first`` stands
    before it."""
    extra = struct.pack("<2HBI", 0x7075, 5 + 1, 1, 0) + b"x"
    member = zipfile.ZipInfo("a")
    member.extra = first + extra
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipper:
        zipper.writestr(member, b"")
    data = out.getvalue()
    headers = data.index(CENTRAL), data.rindex(CENTRAL)
    kinds = [at for at in range(len(data)) if data[at : at + len(extra)] == extra]
    assert len(kinds) == 2
    assert headers[0] > kinds[0]
    other = kinds[1 - place]
    return data[:other] + b"XX" + data[other + 2 :]


def changed(find: bytes, offset: int, new: bytes, last: bool = False) -> bytes:
    data = bytearray(zipped())
    at = (data.rindex(find) if last else data.index(find)) + offset
    data[at : at + len(new)] = new
    return bytes(data)


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "it is cut off"),
    "cut off": (lambda: zipped()[:-1], "it is cut off"),
    "longer": (lambda: zipped() + b"x", "something was added at its end"),
    "a comment": (lambda: zipped()[:-2] + struct.pack("<H", 4) + b"note", "something was added at its end"),
    "no members": (lambda: zipped(()), "it is empty"),
    "compressed": (lambda: zipped(compression=zipfile.ZIP_DEFLATED), "'a/data.pkl' is compressed"),
    "twice the same name": (twice, "two members have the same name"),
    "the same name in two writings": (
        lambda: zipped((("caf\u00e9", b""), ("cafe\u0301", b""))),
        "two members have the same name",
    ),
    "overlapping": (overlapping, "overlaps another one"),
    "inside another": (inside, "overlaps another one"),
    "a member before the first": (lambda: with_more("a/data.pkl", hidden()), "54 bytes before its member 'a/data.pkl'"),
    "a member between two": (
        lambda: with_more("a/data/0", hidden()),
        "54 bytes before its member 'a/data/0' that",
    ),
    "a byte between two": (lambda: with_more("a/version", b"x"), "there are 1 bytes before its member 'a/version'"),
    "a member after the last": (lambda: with_more("", hidden()), "54 bytes between its last member and its directory"),
    "a second name before": (lambda: second_name(0), "has a second name"),
    "a second name in the directory": (lambda: second_name(1), "has a second name"),
    "a second name behind another field": (
        lambda: second_name(0, struct.pack("<2H5s", 0x9999, 5, b"other")),
        "has a second name",
    ),
    "6,000 members": (lambda: zipped([(f"m{i}", b"") for i in range(6_000)]), "it has 6,000 members; the limit is 5,0"),
    "out of its folder": (lambda: zipped((("../x", b""),)), "'../x', which is not a plain file name"),
    "absolute": (lambda: zipped((("/etc/x", b""),)), "'/etc/x', which is not a plain file name"),
    "backslash": (lambda: zipped((("a\\x", b""),)), "not a plain file name"),
    "a folder": (lambda: zipped((("a/", b""),)), "'a/', which is not a plain file name"),
    "a line break in a name": (lambda: zipped((("a\nb", b""),)), "not a plain file name"),
    "a long name": (lambda: zipped((("a" * 1_001, b""),)), "a name of 1,001 bytes; the limit is 1,000"),
    "not UTF-8": (lambda: zipped((("aaaa", b""),)).replace(b"aaaa", b"a\xff\xfea"), "is not UTF-8"),
    "encrypted": (lambda: changed(CENTRAL, 8, b"\x01"), "is encrypted"),
    "unknown flags": (lambda: changed(CENTRAL, 8, b"\x20"), "flags that torch never sets"),
    "damaged": (lambda: changed(b"pickle", 0, b"P"), "its checksum is wrong"),
    "another size before": (lambda: changed(LOCAL, 22, b"\x05"), "disagree"),
    "another name before": (lambda: changed(b"a/data.pkl", 0, b"b"), "disagree"),
    "another method before": (lambda: changed(LOCAL, 8, b"\x08"), "disagree"),
    "two sizes": (lambda: changed(CENTRAL, 20, b"\x05"), "two different sizes"),
    "longer than the file": (lambda: changed(CENTRAL, 20, struct.pack("<II", 10**6, 10**6)), "beyond the file"),
    "beyond 4 GB": (lambda: changed(CENTRAL, 20, b"\xff" * 8), "beyond 4 GB"),
    "no header": (lambda: changed(LOCAL, 0, b"XX"), "has no header"),
    "a header beyond the file": (
        lambda: changed(CENTRAL, 42, struct.pack("<I", 10**6), last=True),
        "middle of a header",
    ),
    "another count": (lambda: changed(END, 8, struct.pack("<HH", 2, 2)), "longer than its end says"),
    "one of several disks": (lambda: changed(END, 4, b"\x01"), "one part of several"),
    "directory elsewhere": (lambda: changed(END, 16, b"\x00"), "its directory is not where its end says"),
    "broken directory": (lambda: changed(CENTRAL, 0, b"XX", last=True), "its directory is broken"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(BadModel, match="Save it again with") as caught:
        archive.members(make())
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("offset", "new"), [(24, 9), (32, 9), (48, 9), (4, 9), (16, 1)])
def test_two_ends_must_agree(offset: int, new: int) -> None:
    data = bytearray(saved({"weight": torch.zeros(3)}))
    data[data.rindex(b"PK\x06\x06") + offset] = new
    with pytest.raises(BadModel, match="two ends disagree"):
        archive.members(bytes(data))


def test_an_archive_of_two_disks_is_none() -> None:
    data = bytearray(saved({"weight": torch.zeros(3)}))
    data[data.rindex(b"PK\x06\x07") + 16] = 2
    with pytest.raises(BadModel, match="two ends disagree"):
        archive.members(bytes(data))


def test_descriptor_must_agree() -> None:
    data = bytearray(saved({"weight": torch.zeros(3)}))
    data[data.index(b"PK\x07\x08") + 8] ^= 1
    with pytest.raises(BadModel, match="disagree"):
        archive.members(bytes(data))


SAVED = saved({"weight": torch.zeros(3)})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAVED) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_bent_archives_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SAVED)
    for at, value in changes:
        data[at] = value
    try:
        found = archive.members(bytes(data))
    except BadModel:
        return
    assert sum(len(content) for content in found.values()) <= len(data)
