"""Files of weights: ``.safetensors``, and what ``torch.save`` wrote into ``.pt`` and ``.pth``. Read as data; no code in
them runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from gradviz_core.errors import BadModel
from gradviz_core.text.shown_text import visible
from gradviz_core.uploads.weights_files import before_zip, plans, safetensors_files, shards, state_dicts, unwrapping
from gradviz_core.uploads.weights_files.building import build as build
from gradviz_core.uploads.weights_files.building import findings as findings
from gradviz_core.uploads.weights_files.fitting import fits as fits
from gradviz_core.uploads.weights_files.parts import MOST_PARTS, Part, parts_of
from gradviz_core.uploads.weights_files.pickle_values import OddTensor, TensorRef
from gradviz_core.uploads.weights_files.saved import Saved
from gradviz_core.uploads.weights_files.tensors import StoredTensor as StoredTensor
from gradviz_core.uploads.weights_files.tensors import check_total

Form = Literal["state_dict", "safetensors"]
_EMPTY = OddTensor("a tensor without elements", "Give it its numbers.")
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """What a file of weights holds; the tensors are views of its bytes."""

    format: Form
    parts: tuple[Part, ...]
    """One set of weights at least, the likeliest first."""
    said: tuple[str, ...]
    """What is to be said of the whole file, each a sentence."""
    objects: tuple[str, ...] = ()
    """The classes of the Python objects beside the weights, which torch loads only when told to run their code."""

    @property
    def tensors(self) -> dict[str, StoredTensor]:
        """Those of the first part."""
        return self.parts[0].tensors

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the file and of its first part."""
        return (*self.said, *self.parts[0].notes)

    def part(self, name: str) -> Part:
        """The part with this name; the first for no name.

        Raises:
            BadModel: there is none.
        """
        for part in self.parts:
            if name in ("", part.name):
                return part
        raise BadModel(f"The file has no weights under {name[:80]!r}. Upload it again, and choose among what it has.")


def read(data: bytes | memoryview) -> WeightsFile:
    """The tensors of a file of weights by name, wrappers and prefixes taken off. Nothing is allocated.

    Raises:
        BadModel: it is no such file, damaged, or breaks a limit; the message says which.
    """
    if before_zip.looks_like(data):
        return _of_saved(before_zip.read(data), len(data))
    if safetensors_files.looks_like(data):
        return _of_safetensors(safetensors_files.read(data), (), len(data))
    if shards.looks_like(data):
        return _of_safetensors(*shards.read(data), len(data))
    return _of_saved(state_dicts.read(data), len(data))


def _of_safetensors(tensors: dict[str, StoredTensor], notes: tuple[str, ...], size: int) -> WeightsFile:
    odd = {name: _EMPTY for name, tensor in tensors.items() if 0 in tensor.shape}
    whole = {name: tensor for name, tensor in tensors.items() if name not in odd}
    check_total(whole.values(), size)
    return WeightsFile("safetensors", tuple(parts_of((), whole, odd, (), plans.is_known)), notes)


def _of_saved(saved: Saved, size: int) -> WeightsFile:
    """The parts of all state dicts in it. One that cannot be used is named, and refuses the file where there is no
    other."""
    parts: list[Part] = []
    refused: list[BadModel] = []
    said = list(_objects(saved.objects))
    for found in unwrapping.unwrap(saved.value):
        try:
            parts += _parts(saved, found, size)
        except BadModel as error:
            refused.append(error)
            said.append(f"What is under {'/'.join(found.path)[:80]!r} cannot be used: {error}")
    if not parts:
        raise refused[0]
    return WeightsFile("state_dict", tuple(parts[:MOST_PARTS]), tuple(said), objects=tuple(saved.objects))


def _parts(saved: Saved, found: unwrapping.StateDict, size: int) -> list[Part]:
    odd = dict(found.odd)
    tensors: dict[str, StoredTensor] = {}
    for name, ref in found.tensors.items():
        if 0 in ref.shape:
            odd[name] = _EMPTY
        else:
            tensors[name] = saved.tensor(name, ref)
    check_total(tensors.values(), size)
    return parts_of(found.path, tensors, odd, found.notes, plans.is_known)


def _objects(objects: Counter[str]) -> tuple[str, ...]:
    """A sentence on the Python objects in a file."""
    if not objects:
        return ()
    shown = [
        f"{_short(name)}{f' ({count:,} times)' if count > 1 else ''}"
        for name, count in objects.most_common(_MOST_NAMED)
    ]
    more = f" and {len(objects) - _MOST_NAMED:,} more kinds" if len(objects) > _MOST_NAMED else ""
    return (f"Python objects in the file were not loaded, and no code of theirs was run: {', '.join(shown)}{more}.",)


def _short(name: str) -> str:
    """A class by its name and the package it comes from, without the modules between them."""
    package, _, rest = name.removeprefix("builtins.").removeprefix("__builtin__.").partition(".")
    last = rest.rpartition(".")[2]
    return visible(f"{package[:30]}.{last[:50]}" if last else package[:50])


__all__ = ["Part", "StoredTensor", "TensorRef", "WeightsFile", "build", "findings", "fits", "read"]
