"""Arrays and texts as one ``.npz`` file, written from its first byte to its last to whatever takes bytes.

Nothing is compressed, so the length of the file is known before it is written, and whoever makes room for it makes as
much as it takes. ``numpy.load(path, allow_pickle=False)`` reads it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
from numpy.lib import format as npy

from gradviz_core.types import Arrays

Write = Callable[[bytes], object]

SAME_TIME = (1980, 1, 1, 0, 0, 0)
"""The same arrays give the same file, whenever it is made."""
_UNSAFE = re.compile(r'[\\*?"<>|%\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def write(texts: Mapping[str, str], arrays: Arrays, out: Write) -> None:
    """Call ``out`` with the parts of the file, one after the other. A text becomes an array of one string.

    Raises:
        ValueError: an array holds Python objects, or two names are the same once they are safe.
    """
    everything = {**{name: np.array(text) for name, text in texts.items()}, **arrays}
    named = {safe_name(name): array for name, array in everything.items()}
    if len(named) < len(texts) + len(arrays):
        raise ValueError("Two arrays have the same name, so one file cannot hold both.")
    with zipfile.ZipFile(_Outwards(out), "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, array in named.items():
            entry = zipfile.ZipInfo(f"{name}.npy", SAME_TIME)
            with archive.open(entry, "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def size(texts: Mapping[str, str], arrays: Arrays) -> int:
    """Bytes of the file that ``write`` writes. Raises as it does."""
    lengths: list[int] = []
    write(texts, arrays, lambda part: lengths.append(len(part)))
    return sum(lengths)


def safe_name(name: str) -> str:
    """A name that whoever unpacks the file can make a file of, inside the folder that they unpack into.

    Usual names, such as ``gradient/layer2.0.relu``, stay as they are. Characters that are no part of a file's name
    somewhere are written as ``%`` and two hexadecimal digits for each byte, as in addresses; so are the dots of ``..``,
    what cannot be seen, and the first letter of a name that is a device on Windows.
    """
    return "/".join(_safe_segment(segment) for segment in name.split("/"))


def _safe_segment(segment: str) -> str:
    if not segment.strip(". "):
        return _escaped(segment) or "%"
    plain = "".join(_escaped(c) if _UNSAFE.match(c) or not c.isprintable() else c for c in segment)
    if _DEVICES.match(plain):
        plain = _escaped(plain[0]) + plain[1:]
    kept = plain.rstrip(". ")
    return kept + _escaped(plain[len(kept) :])


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


class _Outwards:
    """What ``zipfile`` writes to: a file that has no end to go back to."""

    def __init__(self, out: Write) -> None:
        self._out = out

    def write(self, part: bytes) -> int:
        self._out(part)
        return len(part)

    def flush(self) -> None:
        pass
