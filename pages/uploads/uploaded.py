"""What this session knows of uploads: the models in its list, and what was found in its files."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.images import band_words, depth_words
from gradviz_core.types import Preprocessing, keys
from gradviz_core.types.cards import ImageFile, ImageReport, ModelReport, Recipe


def is_key(key: str) -> bool:
    """Whether this may be the key of an upload."""
    return keys.digest(key) is not None


def models() -> list[str]:
    """Keys of the models that were uploaded or met in this session, the latest first."""
    return list(reversed(_titles()))


def remember_model(key: str, recipe: Recipe) -> None:
    """Put an uploaded model into the list."""
    _titles()[key] = recipe.title
    _steps()[key] = recipe.preprocessing
    if recipe.other is not None:
        _pairs()[key] = recipe.inputs, recipe.other


def forget_model(key: str) -> None:
    """Take a model out of the list, because the same one stands there with other bands shown."""
    _titles().pop(key, None)
    _steps().pop(key, None)


def preprocessing(key: str) -> Preprocessing | None:
    """How an image becomes the input of a model in the list; None for a model that is not there."""
    return _steps().get(key)


def takes_bands(key: str, place: int = 0) -> bool:
    """Whether this is a model of the list whose input has bands, neither grey nor colours; ``place`` is 1 for the
    second input of a model of two images."""
    steps = _pairs()[key][1] if place and key in _pairs() else preprocessing(key)
    return steps is not None and steps.banded


def keeps_numbers(key: str, place: int = 0) -> bool:
    """Whether the arrays for this model of the list keep their numbers: those of bands, and of slices; ``place`` as of
    ``takes_bands``."""
    steps = preprocessing(key)
    return takes_bands(key, place) or (steps is not None and steps.slices > 0)


def inputs(key: str) -> tuple[str, ...]:
    """What the author calls the two images of a model of the list that takes two; empty for any other model."""
    look_up(key)
    return _pairs()[key][0] if key in _pairs() else ()


def look_up(key: str) -> None:
    """Find the recipe of a model that came by its address; one that is not there has none."""
    if is_key(key) and key not in _titles():
        with suppress(GradVizError):
            remember_model(key, client.recipe(key))


def words(key: str) -> str:
    """How an uploaded model is called in the list: two may have one title, so a piece of the key stands behind it."""
    return f"{_titles().get(key, 'Uploaded model')} · {short(key)}"


def short(key: str) -> str:
    """The first six digits of an upload's digest."""
    return keys.name(key)[:6]


def _titles() -> dict[str, str]:
    titles: dict[str, str] = st.session_state.setdefault("models", {})
    return titles


def _steps() -> dict[str, Preprocessing]:
    """The preprocessing of each model in the list."""
    steps: dict[str, Preprocessing] = st.session_state.setdefault("model_steps", {})
    return steps


def _pairs() -> dict[str, tuple[tuple[str, ...], Preprocessing]]:
    """Of each model in the list that takes two images the names of both, and the preprocessing of the second."""
    pairs: dict[str, tuple[tuple[str, ...], Preprocessing]] = st.session_state.setdefault("model_pairs", {})
    return pairs


def reports() -> dict[str, ModelReport]:
    """What was found in this session's model files, by their digest."""
    found: dict[str, ModelReport] = st.session_state.setdefault("model_reports", {})
    return found


def image_reports() -> dict[str, ImageReport]:
    """What was found in this session's images, by their key."""
    found: dict[str, ImageReport] = st.session_state.setdefault("image_reports", {})
    return found


def image_line(key: str, file: ImageFile | None, steps: Preprocessing) -> str:
    """Where a picture comes from, where this session knows: ``From 4032×3024 JPEG. Turned upright.`` Else how it was
    scaled, where its file has more than 8 bits. Of slices only the first: what was done is said of one picture. A
    network of one channel takes grey as it is."""
    report = image_reports().get(keys.looked_at(key))
    if steps.slices:
        return f"From {report.width}×{report.height} {report.format}." if report else ""
    if report is not None and file is not None and file.array is not None and file.format == "TIFF":
        return " ".join([f"From {report.width}×{report.height} TIFF.", *band_words.of_tiff(file)])
    if report is None:
        scaling = file.scaling if file else None
        return " ".join(depth_words.notes(scaling, grey=file.mode.startswith("I;16"))) if file and scaling else ""
    notes = [note for note in report.notes if len(steps.mean) > 1 or note != depth_words.COPIED]
    return " ".join([f"From {report.width}×{report.height} {report.format}.", *notes])
