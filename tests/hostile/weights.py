"""A sound file of weights, for one of the presets, which the other files of this folder spoil."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch

from gradviz_core.models import architectures

ARCHITECTURE = "preset/digits-mlp"


@dataclass(frozen=True, slots=True)
class Parts:
    """What ``torch.save`` writes for a state dict."""

    pickled: bytes
    storages: tuple[bytes, ...]


def tensors(architecture: str = ARCHITECTURE) -> dict[str, torch.Tensor]:
    """Weights of a preset's architecture, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return dict(architectures.build(architecture.removeprefix("preset/")).state_dict())


def saved(value: object) -> bytes:
    """What ``torch.save`` makes of any value."""
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


@cache
def sound() -> bytes:
    """A file that is accepted."""
    return saved(tensors())


@cache
def parts() -> Parts:
    """What is inside ``sound``."""
    with zipfile.ZipFile(io.BytesIO(sound())) as read:
        count = sum("/data/" in name for name in read.namelist())
        return Parts(read.read("archive/data.pkl"), tuple(read.read(f"archive/data/{i}") for i in range(count)))


def archive_of(pickled: bytes, storages: Mapping[str, bytes] | None = None) -> bytes:
    """An archive as ``torch.save`` lays it out, round a pickle of one's own."""
    out = io.BytesIO()
    held = storages if storages is not None else {str(i): data for i, data in enumerate(parts().storages)}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
        written.writestr("archive/data.pkl", pickled)
        written.writestr("archive/byteorder", b"little")
        for name, data in held.items():
            written.writestr(f"archive/data/{name}", data)
        written.writestr("archive/version", b"3\n")
    return out.getvalue()
