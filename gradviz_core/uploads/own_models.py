"""A model file of whoever runs this process, as a model with a key: the same readers and limits as for an upload."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gradviz_core.errors import BadModel
from gradviz_core.settings import settings
from gradviz_core.text.codec import LONGEST_TEXT, recipe_to_json
from gradviz_core.text.shown_text import visible
from gradviz_core.types import keys
from gradviz_core.types.cards import ModelReport, Preprocessing, Recipe
from gradviz_core.types.heads import OutputKind
from gradviz_core.uploads import label_files, model_files, own_files

GUESSED = (
    "The file does not say how the training images were normalised: mean {mean} and standard deviation {std} are a "
    "guess. State them with --preprocessing."
)
_STEPS = TypeAdapter(Preprocessing)
_LIST = TypeAdapter(list[object])


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model file that was lent to this process."""

    key: str
    """As in a question."""
    notes: tuple[str, ...]
    """What was found in the file, each a sentence."""


def lend(file: Path, *, architecture: str = "", labels: Path | None = None, preprocessing: str = "") -> OwnModel:
    """Let the model in ``file`` be found in this process.

    ``architecture`` is the key of one that the weights fit, as ``torchvision/resnet18``, where another is meant than
    the best; ``labels`` is a file with a name for each class; ``preprocessing`` is JSON with some of the fields of
    ``Preprocessing``; of a model of two images one object for both, or a list with one for each. What is left out is
    what the app proposes for the file.

    Raises:
        BadModel: the file cannot be read as a model, or does not go together with the rest.
    """
    data = own_files.read(file, settings().model_bytes, BadModel)
    report = model_files.inspect(data)
    made = _proposal(report, file, architecture)
    notes = report.notes
    if preprocessing:
        made = _stated(made, preprocessing)
    elif report.format == "exported":
        guesses = (made.preprocessing, *([made.other] if made.other is not None else []))
        notes = (*notes, *dict.fromkeys(map(_guessed, guesses)))
    if labels is not None:
        names = own_files.read(labels, label_files.MOST_BYTES, BadModel)
        made = replace(made, labels=label_files.read(names))
    own_files.lend(data)
    return OwnModel(keys.upload(own_files.lend(recipe_to_json(made).encode())), notes)


def _proposal(report: ModelReport, file: Path, architecture: str) -> Recipe:
    title = visible(file.name)[:LONGEST_TEXT]
    if report.format == "exported":
        if architecture:
            raise BadModel(f"{file.name} holds its own architecture. Leave out --architecture.")
        assert report.preprocessing is not None
        return Recipe(report.file, "", title, (), report.preprocessing, inputs=report.inputs, other=report.other)
    fits = [fit for fit in report.fits if not fit.differences]
    chosen = [fit for fit in fits if fit.architecture == architecture] if architecture else fits
    if not chosen:
        known = ", ".join(fit.architecture for fit in fits)
        raise BadModel(f"The weights in {file.name} do not fit {architecture[:80]!r}. Choose one of {known}.")
    fit = chosen[0]
    reading: OutputKind | None = "numbers" if fit.features else None
    return Recipe(report.file, fit.architecture, title, (), fit.preprocessing, reading, fit.part)


def _guessed(steps: Preprocessing) -> str:
    mean, std = (", ".join(f"{n:g}" for n in of) for of in (steps.mean, steps.std))
    return GUESSED.format(mean=mean, std=std)


def _stated(recipe: Recipe, said: str) -> Recipe:
    """The recipe with what the JSON says of its image, or of both."""
    if recipe.other is None:
        return replace(recipe, preprocessing=_changed(recipe.preprocessing, said))
    first, second = _of_each(said)
    return replace(recipe, preprocessing=_changed(recipe.preprocessing, first), other=_changed(recipe.other, second))


def _of_each(said: str) -> tuple[str, str]:
    try:
        found = _LIST.validate_json(said)
    except ValidationError:
        return said, said
    if len(found) != 2:
        raise BadModel(
            f"The list in --preprocessing has {len(found)} entries, and the model takes two images. Write an object "
            "for each, in the order of the inputs, or one object for both."
        )
    return json.dumps(found[0]), json.dumps(found[1])


def _changed(steps: Preprocessing, said: str) -> Preprocessing:
    """The preprocessing with the fields that the JSON names."""
    try:
        given = TypeAdapter(dict[str, object]).validate_json(said)
        known = _STEPS.dump_python(steps)
        if unknown := [name for name in given if name not in known]:
            raise BadModel(f"There is no field {unknown[0][:60]!r} in --preprocessing. Choose from {', '.join(known)}.")
        return _STEPS.validate_python(known | given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadModel(
            f"--preprocessing cannot be read: {place + ': ' if place else ''}{first['msg']}. Write JSON, such as "
            '{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}.'
        ) from None
