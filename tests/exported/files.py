"""Makes ``.pt2`` files, and bends them."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Document = dict[str, Any]


def exported_bytes(module: nn.Module, x: Tensor, **options: Any) -> bytes:
    """The file that the four lines of docs/export.md make. What torch warns of itself is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(torch.export.export(module.eval(), (x,), **options))


def saved(program: torch.export.ExportedProgram) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, file := io.BytesIO())
    return file.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def member(files: dict[str, bytes], end: str) -> str:
    (name,) = [name for name in files if name.endswith(end)]
    return name


def bent(data: bytes, change: Callable[[Document], None], end: str = "models/model.json") -> bytes:
    """The file with a change in one of its JSON members."""
    files = unpacked(data)
    name = member(files, end)
    document = json.loads(files[name])
    change(document)
    files[name] = json.dumps(document).encode()
    return packed(files)


def nodes(document: Document) -> list[Document]:
    found: list[Document] = document["graph_module"]["graph"]["nodes"]
    return found
