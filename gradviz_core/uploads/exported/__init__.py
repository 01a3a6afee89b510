"""Models as ``.pt2`` files, the format of ``torch.export.save``, read as data.

torch's own loader runs what a file says in five places. Here nothing of a file is run: the graph is JSON, the weights
are bytes, and each operation must be on the list in ``operators.py``. What is pickled is never opened, and expressions
for sizes are never evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.input_shapes import proposals
from gradviz_core.uploads.archive import members
from gradviz_core.uploads.exported.graph_module import GraphModule
from gradviz_core.uploads.exported.plain_json import load, shown, take, whole
from gradviz_core.uploads.exported.program import OfOneImage as OfOneImage
from gradviz_core.uploads.exported.program import Program as Program
from gradviz_core.uploads.exported.sentences import AGAIN
from gradviz_core.uploads.exported.tensors import Weights

SCHEMA = 8
"""Major version of torch's description of graphs that is read; torch has written it since 2.5."""
_MODELS, _WEIGHTS, _CONSTANTS = "models/", "data/weights/", "data/constants/"
_DECOMPOSED = "ATEN"
"""What torch calls the dialect of a graph that ``run_decompositions`` has left; that of one as exported is TRAINING."""
_LONGEST_NAME = 60
_AGAIN = "Export it again with torch 2.9 or newer."


@dataclass(frozen=True, slots=True)
class Exported:
    """A model out of a ``.pt2`` file."""

    module: nn.Module
    """In evaluation mode, on the CPU, with frozen parameters."""
    input_shape: tuple[int | None, ...]
    """(batch, channels, height, width) of the image or the first, of volumes and clips with one axis more; None where
    any size goes."""
    second_shape: tuple[int | None, ...]
    """The same of the second image; empty where the model takes one."""
    inputs: tuple[str, ...]
    """What the author calls the two images; empty where the model takes one."""
    classes: int | None
    """Length of the output, where it is one vector of scores."""
    parameters: int
    preprocessing: Preprocessing
    """A proposal: the model's own size, and the usual mean and standard deviation; bands as they are."""
    other: Preprocessing | None
    """The same for the second image; None where the model takes one."""
    notes: tuple[str, ...]


def read(data: bytes | memoryview) -> Exported:
    """The model that a ``.pt2`` file holds.

    Raises:
        BadModel: the file is none, breaks a limit, or holds what is not read here; the message says which.
    """
    files = _without_root(members(data))
    name = _model_name(files)
    document = load(files[f"{_MODELS}{name}.json"], "The model's graph")
    _check_version(document)
    weights = _weights(files, name)
    model = GraphModule(take(document, "graph_module", dict), weights)
    first, *second = model.input_shapes
    return Exported(
        module=model.program(),
        input_shape=first,
        second_shape=second[0] if second else (),
        inputs=_names(model) if second else (),
        classes=model.classes(),
        parameters=weights.parameters,
        preprocessing=proposals(first)[0],
        other=proposals(second[0])[0] if second else None,
        notes=tuple(_notes(document, model, weights)),
    )


def _names(model: GraphModule) -> tuple[str, ...]:
    """What the author calls the two images; torch writes names of Python, and a file with others gets these."""
    names = model.input_names()
    return names if all(name.isidentifier() and len(name) <= _LONGEST_NAME for name in names) else ("first", "second")


def _without_root(files: Mapping[str, memoryview]) -> dict[str, memoryview]:
    """The members by the names they have within the one folder that torch puts them in."""
    roots = {name.partition("/")[0] for name in files}
    if len(roots) != 1:
        raise BadModel(f"A .pt2 file holds one folder; this one holds {len(roots)}. {_AGAIN}")
    inside = {name.partition("/")[2]: data for name, data in files.items()}
    if "serialized_exported_program.json" in inside:
        raise BadModel(f"The model was exported with a torch so old that its weights are pickled. {_AGAIN}")
    if bytes(inside.get("archive_format", b""))[:10] != b"pt2":
        raise BadModel(f"This zip archive is not a .pt2 file: it has no archive_format member. {AGAIN}")
    if bytes(inside.get("byteorder", b"little"))[:10] != b"little":
        raise BadModel(f"The file was written on a machine with a different byte order. {_AGAIN}")
    return inside


def _model_name(files: Mapping[str, memoryview]) -> str:
    names = [name for name in files if name.startswith(_MODELS) and name.endswith(".json")]
    if len(names) != 1:
        raise BadModel(
            f"The file holds {len(names)} exported models; it must hold one. Export one model into one file."
        )
    return names[0].removeprefix(_MODELS).removesuffix(".json")


def _check_version(document: object) -> None:
    major = whole(take(take(document, "schema_version", dict), "major", int), "the version")
    if major != SCHEMA:
        newer = "newer than this version of GradViz supports" if major > SCHEMA else "older than is supported here"
        raise BadModel(f"The graph is written in version {major} of torch's format, {newer} ({SCHEMA}). {_AGAIN}")


def _weights(files: Mapping[str, memoryview], name: str) -> Weights:
    found = Weights()
    for folder, kind in ((_WEIGHTS, "weights"), (_CONSTANTS, "constants")):
        config = files.get(f"{folder}{name}_{kind}_config.json")
        if config is None:
            raise BadModel(f"The file has no list of its {kind}. {_AGAIN}")
        found.add(config, folder, files)
    return found


def _notes(document: dict[str, Any], model: GraphModule, weights: Weights) -> Iterator[str]:
    """What people should know before they trust the gradients."""
    broken = [name for name, tensor in weights.tensors.items() if _is_broken(tensor)]
    if broken:
        yield f"{len(broken)} weights hold NaN or infinity; the first is {shown(broken[0])}."
    if document.get("verifiers") is not None and _DECOMPOSED in take(document, "verifiers", list):
        yield (
            "This file was decomposed with run_decompositions(), which removes detach() and no_grad(): gradients "
            "flow through them."
        )
    if rested := model.rested():
        count = "1 operation was" if len(rested) == 1 else f"{len(rested)} operations were"
        yield (
            f"{count} exported in training mode and run in evaluation mode here: {', '.join(sorted(set(rested)))}. "
            "Call model.eval() before exporting."
        )


def _is_broken(tensor: Tensor) -> bool:
    """Whether a parameter holds NaN or infinity: a sum shows it quickly, though one of large numbers may overflow."""
    if not isinstance(tensor, nn.Parameter) or (not tensor.is_complex() and math.isfinite(tensor.sum())):
        return False
    return not bool(torch.isfinite(tensor).all())
