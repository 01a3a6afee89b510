"""Files as ``torch.save`` wrote them before version 1.6, and still does with
``_use_new_zipfile_serialization=False``: five pickles one behind the other, then the storages.

The pickles are a magic number, the version of the format, a few facts about the machine, the saved value, and the names
of its storages in the order in which they follow. Each storage is the number of its elements, in 8 bytes, and then the
elements. Every byte of the file belongs to one of these.
"""

from __future__ import annotations

from typing import NoReturn

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files import pickles
from gradviz_core.uploads.weights_files.pickle_values import StorageRef
from gradviz_core.uploads.weights_files.saved import Saved, element_size
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT

MOST_STORAGES = 5_000
_MAGIC = 0x1950A86A20F9469CFC6C
_MAGIC_BYTES = _MAGIC.to_bytes(10, "little")
_VERSION = 1001
_MOST_STEPS = 1_000
"""Of each pickle before the saved value."""


def looks_like(data: bytes | memoryview) -> bool:
    """Whether the first pickle is torch's magic number."""
    return bytes(data[:1]) == b"\x80" and _MAGIC_BYTES in bytes(data[:32])


def read(data: bytes | memoryview) -> Saved:
    """The saved value, and where its tensors lie.

    Raises:
        BadModel: it is cut off, was written on a machine of another byte order, contradicts itself, or breaks a limit.
    """
    rest = memoryview(data)
    before: list[object] = []
    for _ in range(3):
        found = pickles.first(rest, _MOST_STEPS)
        before.append(found.value)
        rest = rest[found.end :]
    _check_start(*before)
    value = pickles.first(rest)
    names = pickles.first(rest[value.end :], 3 * MOST_STORAGES)
    return Saved(value.value, value.objects, _storages(rest[value.end + names.end :], names.value, value.storages))


def _check_start(magic: object, version: object, machine: object) -> None:
    if (magic, version) != (_MAGIC, _VERSION) or not isinstance(machine, dict):
        _bad("it does not begin as torch began such files")
    if machine.get("little_endian") is not True:
        raise BadModel(f"The byte order of the file is big; it must be little. {SAVE_A_STATE_DICT}")


def _storages(rest: memoryview, names: object, described: dict[str, StorageRef]) -> dict[str, memoryview]:
    """The elements of each storage, by its name."""
    if not isinstance(names, list) or len(names) > MOST_STORAGES:
        _bad(f"the list of its storages is missing, or longer than {MOST_STORAGES:,}")
    found: dict[str, memoryview] = {}
    for name in names:
        if not isinstance(name, str) or name in found or name not in described:
            _bad("it names a storage twice, or one that no tensor uses")
        size = element_size(described[name].kind)
        if size is None:
            _bad(f"the storage {name[:80]!r} holds {described[name].kind[:80]}, whose size is not known")
        count = int.from_bytes(rest[:8], "little", signed=True)
        length = count * size
        if count < 0 or len(rest) < 8 + length:
            _bad(f"the storage {name[:80]!r} reaches beyond the file")
        found[name] = rest[8 : 8 + length]
        rest = rest[8 + length :]
    if len(rest):
        _bad(f"{len(rest):,} bytes at its end belong to no tensor")
    return found


def _bad(what: str) -> NoReturn:
    raise BadModel(
        f"The file, which is in torch's format before version 1.6, cannot be read: {what}. {SAVE_A_STATE_DICT}"
    )
