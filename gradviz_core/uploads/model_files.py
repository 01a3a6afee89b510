"""Uploaded model files: told apart, looked into, and made into models. Runs in a confined worker; no code in a file
runs, whatever its format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.settings import settings
from gradviz_core.text.preprocessing_limits import LARGEST_SIDE, check_preprocessing
from gradviz_core.text.readers import reading
from gradviz_core.types import keys
from gradviz_core.types.cards import Fit, ModelCard, ModelReport, Preprocessing, Recipe
from gradviz_core.uploads import archive, foreign_files, label_files, next_steps, store, weights_files
from gradviz_core.uploads.weights_files import (
    Part,
    bare_pickles,
    before_zip,
    exporting,
    fitting,
    plans,
    safetensors_files,
    shards,
)

_ZIP = b"PK\x03\x04"


@reading("model file", BadModel)
def inspect(data: bytes) -> ModelReport:
    """What a model file holds, found without running anything of it.

    Weights must fit one of the architectures; the best fits are in the report.

    Raises:
        BadModel: the bytes are of another kind, damaged, break a limit or fit no architecture; the message says which,
            and what can be done instead.
    """
    _check_size(data)
    if _is_exported(data):
        return _inspect_exported(data)
    _refuse_other_kinds(data)
    found = weights_files.read(data)
    chosen = _that_fit(found)
    return ModelReport(
        file=hashlib.sha256(data).hexdigest(),
        format=found.format,
        parameters=chosen[0][0].parameters,
        fits=tuple(fit for _, fits in chosen for fit in fits),
        input_shape=(),
        classes=None,
        preprocessing=None,
        notes=(*found.said, *_notes(chosen)),
    )


def get_ready() -> None:
    """Do now what the first upload would wait for."""
    plans.known_names()
    plans.empty(keys.torchvision("resnet18"), 1000, None)  # imports torchvision


def load(digest: str) -> tuple[nn.Module, ModelCard]:
    """The model that the recipe with this digest makes of an uploaded file.

    Raises:
        UnknownModel: recipe or file are not here, or no longer.
        BadModel: they do not go together.
    """
    recipe = store.here().recipe(digest)
    opened = _open(recipe.file, recipe.architecture, recipe.part)
    label_files.check(recipe.labels, opened.classes)
    against = recipe.labels[0] if opened.classes == 1 and len(recipe.labels) == 2 else ""
    _check_inputs(recipe, opened)
    _check_positions(recipe.preprocessing, opened.image_side)
    what = f"{recipe.architecture} with uploaded weights" if recipe.architecture else "An uploaded program"
    card = ModelCard(
        key=keys.upload(digest),
        title=recipe.title,
        summary=f"{what}.",
        parameters=opened.parameters,
        labels=recipe.labels[1:] if against else recipe.labels,
        preprocessing=recipe.preprocessing,
        digest=recipe.file,
        provenance=f"uploaded file {recipe.file[:12]}",
        reading=recipe.reading,
        against=against,
        inputs=recipe.inputs,
        other=recipe.other,
    )
    return opened.module, card


def forget() -> None:
    """Let the file go that was opened last."""
    _open.cache_clear()


# --------------------------------------------------------------------------------------------------------- model files


@dataclass(frozen=True, slots=True)
class _Opened:
    module: nn.Module
    parameters: int
    classes: int | None
    input_shape: tuple[int | None, ...]
    """Empty where the module does not say."""
    second_shape: tuple[int | None, ...] = ()
    """Empty for a module that takes one image."""
    image_side: int | None = None
    """Of the images that a table of positions in a file of weights is for."""


@lru_cache(maxsize=1)
def _open(file: str, architecture: str, part: str) -> _Opened:
    """The module, kept while only labels and preprocessing of its recipe change."""
    data = store.here().model(file)
    _check_size(data)
    if not architecture:
        if not _is_exported(data):
            raise BadModel("The file contains only weights. Choose their architecture.")
        from gradviz_core.uploads import exported

        program = exported.read(data)
        shapes = program.input_shape, program.second_shape
        return _Opened(program.module, program.parameters, program.classes, *shapes)
    if _is_exported(data):
        raise BadModel("The file is an exported program with its own architecture. Do not choose an architecture.")
    _refuse_other_kinds(data)
    tensors = weights_files.read(data).part(part).tensors
    module = weights_files.build(architecture, tensors)
    parameters = sum(parameter.numel() for parameter in module.parameters())
    found = fitting.compare(architecture, tensors)
    return _Opened(module, parameters, found.classes, (), image_side=found.image_size)


_Chosen = list[tuple[Part, tuple[Fit, ...]]]
"""Sets of weights that fit, and the architectures that each fits, the best first."""


def _that_fit(found: weights_files.WeightsFile) -> _Chosen:
    """The sets of weights in a file that fit an architecture wholly, and what they fit.

    Raises:
        BadModel: none does; the message is about the one that comes nearest.
    """
    tried = [(part, weights_files.fits(part.tensors, part.name, part.wrappers)) for part in found.parts]
    whole = [(part, fits) for part, fits in tried if fits and not fits[0].differences]
    if not whole:
        part, fits = min(tried, key=lambda pair: pair[1][0].differences if pair[1] else len(pair[0].tensors))
        code = _export_with(found, part)
        if not fits or fits[0].matching * 4 < len(part.tensors):
            raise fitting.no_fit(part.tensors, code)
        raise fitting.mismatch(fitting.compare(fits[0].architecture, part.tensors), part.tensors, code)
    if len(whole) == 1:
        part, fits = whole[0]
        return [(part, tuple(replace(fit, part="") if part is found.parts[0] else fit for fit in fits))]
    return [(part, fits[:1]) for part, fits in whole if part.can_be_chosen or part is found.parts[0]]


def _export_with(found: weights_files.WeightsFile, part: Part) -> str:
    """The program that puts these weights into the model they came from, and exports it. It does not load a file that
    would run something no checkpoint needs."""
    if any(map(next_steps.runs_things, found.objects)):
        return next_steps.export()
    *path, prefix = part.name.split("/") if part.name else [""]
    if not prefix.endswith("."):
        path, prefix = [*path, prefix] if prefix else path, ""
    origin = exporting.origin(part.tensors)
    if origin is not None and origin.loaded:
        return next_steps.export_loaded(origin.imports, origin.line, origin.side)
    convolutions = (tensor.shape[1] for tensor in part.tensors.values() if len(tensor.shape) == 4)
    program = partial(
        next_steps.export_with_weights,
        path,
        prefix,
        next(convolutions, 3),
        safetensors=found.format == "safetensors",
        trusted=not found.objects,
    )
    if origin is None:
        return program()
    return program(imports=origin.imports, line=origin.line, side=origin.side, convert=origin.convert)


def _notes(chosen: _Chosen) -> tuple[str, ...]:
    """What is to be said of the sets of weights that fit."""
    said: list[str] = []
    if len(chosen) > 1:
        names = ", ".join(repr(part.name or "the file itself") for part, _ in chosen)
        said.append(f"The file holds several sets of weights that fit: {names}. Choose one under Architecture.")
    for part, fits in chosen:
        of_it = (
            *part.notes,
            *fitting.notes(fits[0].architecture, part.tensors),
            *weights_files.findings(part.tensors),
        )
        said += [f"{part.name}: {note}" if len(chosen) > 1 and part is not chosen[0][0] else note for note in of_it]
    return tuple(dict.fromkeys(said))


def _inspect_exported(data: bytes) -> ModelReport:
    from gradviz_core.uploads import exported

    program = exported.read(data)
    for shape in (program.input_shape, program.second_shape):
        if any(size is not None and size > LARGEST_SIDE for size in shape[-2:]):
            raise BadModel(
                f"The model takes images of {' x '.join(map(str, shape[-2:]))} pixels; the limit is "
                f"{LARGEST_SIDE:,} on each side. Export it for a smaller input."
            )
    for steps in filter(None, (program.preprocessing, program.other)):
        check_preprocessing(steps)
    return ModelReport(
        file=hashlib.sha256(data).hexdigest(),
        format="exported",
        parameters=program.parameters,
        fits=(),
        input_shape=program.input_shape,
        classes=program.classes,
        preprocessing=program.preprocessing,
        notes=program.notes,
        inputs=program.inputs,
        second_shape=program.second_shape,
        other=program.other,
    )


def _check_size(data: bytes) -> None:
    limit = settings().model_mb
    if len(data) > settings().model_bytes:
        raise BadModel(f"The file has {len(data) / 1e6:.1f} MB; the limit is {limit:g} MB. Choose a smaller model.")


def _is_exported(data: bytes) -> bool:
    """Whether it is an archive as ``torch.export.save`` writes it."""
    if data[:4] != _ZIP:
        return False
    inner = {name.partition("/")[2] for name in archive.names(data)}
    return "archive_format" in inner or any(name.startswith("models/") and name.endswith(".json") for name in inner)


def _refuse_other_kinds(data: bytes) -> None:
    """A sentence for each kind of file that people are likely to try.

    Raises:
        BadModel: it is neither a zip archive nor a safetensors file, nor one of torch's old format.
    """
    if not data:
        raise BadModel("The file is empty. Choose a model file, such as .pt2, .safetensors, .pt or .pth.")
    if data[:4] == _ZIP:
        if not shards.looks_like(data):
            foreign_files.check_names(archive.names(data))
        return
    if safetensors_files.looks_like(data) or before_zip.looks_like(data):
        return
    if shards.is_index(data):
        raise BadModel(
            "The file is the index of weights in several safetensors files, and holds no weights itself. "
            f"{shards.AS_ONE_FILE}"
        )
    if data[:1] == b"\x80" and b"\x01" <= data[1:2] <= b"\x05":
        raise bare_pickles.refusal(data)
    foreign_files.check_start(data)
    raise BadModel(
        "The file is not a model that can be read: it is neither a torch zip archive nor safetensors. Choose a .pt2, "
        f".safetensors, .pt or .pth file. {next_steps.EXPORT}",
        next_steps.export(),
    )


def _check_inputs(recipe: Recipe, opened: _Opened) -> None:
    """Refuse a recipe for another number of images than the model takes, or for others."""
    if (recipe.other is not None) != bool(opened.second_shape):
        takes, made_for = ("two images", "one") if opened.second_shape else ("one image", "two")
        raise BadModel(f"The model takes {takes}, and its recipe is for {made_for}. Upload the model again.")
    _check_input(recipe.preprocessing, opened.input_shape)
    if recipe.other is not None:
        _check_input(recipe.other, opened.second_shape)


_AXES = {4: "images, channels, height, width", 5: "images, then channels and slices, height, width"}


def _check_input(steps: Preprocessing, shape: tuple[int | None, ...]) -> None:
    """Refuse a preprocessing that makes another input than an exported program takes."""
    if not shape and not steps.slices:
        return
    if not shape:
        raise BadModel("Only an exported model takes slices; this is one of weights. Leave the number of slices out.")
    wanted = steps.input_shape
    if len(wanted) != len(shape) or any(
        takes is not None and takes != gets for takes, gets in zip(shape, wanted, strict=True)
    ):
        takes = " x ".join("any" if n is None else str(n) for n in shape)
        gets = " x ".join(map(str, wanted))
        raise BadModel(
            f"The model takes an input of {takes}, but the preprocessing makes {gets} "
            f"({_AXES[len(wanted)]}). Change size, mean and std to fit the model."
        )


def _check_positions(steps: Preprocessing, side: int | None) -> None:
    """Refuse a size for which the weights have no table of positions."""
    if side is not None and steps.size != (side, side):
        height, width = steps.size
        raise BadModel(
            f"The table of positions in the file is for images of {side} x {side}, but the preprocessing makes "
            f"{height} x {width}. Choose that size, or export the model for the other one (torch.export.save)."
        )
