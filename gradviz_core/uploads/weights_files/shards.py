"""Weights in several safetensors files with an index, as Hugging Face's libraries save large models, handed in as one
zip archive.

The index, ``model.safetensors.index.json``, says which tensor lies in which file. The archive is read as strictly as
torch's: members are stored as they are.
"""

from __future__ import annotations

import json

from gradviz_core.errors import BadModel
from gradviz_core.uploads import archive
from gradviz_core.uploads.weights_files import safetensors_files
from gradviz_core.uploads.weights_files.tensors import MOST_TENSORS, StoredTensor

INDEX = ".safetensors.index.json"
"""How the name of an index ends."""
MOST_INDEX = 1_000_000
"""Bytes of an index."""
AS_ONE_FILE = (
    'Put index and files into one archive without compression: python -c "import glob, zipfile; z = '
    "zipfile.ZipFile('weights.zip', 'w'); [z.write(f) for f in glob.glob('*.safetensors*')]; z.close()\""
)
"""How such an archive is made."""
_ZIP = b"PK\x03\x04"


def looks_like(data: bytes | memoryview) -> bool:
    """Whether it is an archive with such an index.

    Raises:
        BadModel: it is an archive that cannot be read.
    """
    return bytes(data[:4]) == _ZIP and any(name.endswith(INDEX) for name in archive.names(data))


def is_index(data: bytes | memoryview) -> bool:
    """Whether it is an index without the files that it names."""
    start = bytes(data[:MOST_INDEX])
    return start.lstrip()[:1] == b"{" and b'"weight_map"' in start


def read(data: bytes | memoryview) -> tuple[dict[str, StoredTensor], tuple[str, ...]]:
    """Each tensor by its name, and a sentence on what was left out.

    Raises:
        BadModel: index and files do not say the same, or one of them cannot be read.
    """
    members = _members(data)
    indices = [name for name in members if name.endswith(INDEX)]
    if len(indices) != 1:
        raise _bad(f"it has {len(indices):,} indices; there must be one")
    folder = indices[0].rpartition("/")[0]
    where = _weight_map(members[indices[0]])
    tensors: dict[str, StoredTensor] = {}
    for file in dict.fromkeys(where.values()):
        place = f"{folder}/{file}" if folder else file
        if place not in members:
            raise _bad(f"the file {file[:80]!r}, which its index names, is not there")
        for name, tensor in safetensors_files.read(members[place]).items():
            if where.get(name) != file:
                raise _bad(f"{name[:80]!r} is in {file[:80]!r}, and its index does not say so")
            tensors[name] = tensor
    if missing := [name for name in where if name not in tensors]:
        raise _bad(f"{missing[0][:80]!r} is not in {where[missing[0]][:80]!r}, where its index says it is")
    used = {indices[0], *(f"{folder}/{file}" if folder else file for file in where.values())}
    others = [repr(name[:60]) for name in members if name not in used]
    more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
    return tensors, (f"Left out: {', '.join(others[:5])}{more}.",) if others else ()


def _members(data: bytes | memoryview) -> dict[str, memoryview]:
    try:
        return archive.members(data)
    except BadModel as error:
        raise BadModel(str(error).replace(archive.AGAIN, AS_ONE_FILE)) from None


def _weight_map(raw: memoryview) -> dict[str, str]:
    """The file of each tensor."""
    if len(raw) > MOST_INDEX:
        raise _bad(f"its index has {len(raw):,} bytes; the limit is {MOST_INDEX:,}")
    try:
        index = json.loads(bytes(raw).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise _bad("its index is not valid JSON, or says something twice") from None
    where = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(where, dict) or not 0 < len(where) <= MOST_TENSORS:
        raise _bad(f"its index has no weight_map of 1 to {MOST_TENSORS:,} tensors")
    if not all(isinstance(file, str) and file.endswith(".safetensors") for file in where.values()):
        raise _bad("its index names a file that is not .safetensors")
    return where


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _bad(what: str) -> BadModel:
    return BadModel(f"The archive of safetensors files cannot be read: {what}. {AS_ONE_FILE}")
