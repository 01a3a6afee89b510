"""The formats that are spoilt at random: sound files of each, ways to spoil them, and what reads them.

Whatever is read may raise a ``GradVizError`` and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.errors import BadImage, GradVizError
from gradviz_core.images import frames, volume_arrays
from gradviz_core.models import catalogue
from gradviz_core.settings import cache_folder
from gradviz_core.text import codec
from gradviz_core.text.readers import WENT_WRONG, place
from gradviz_core.types import ClassScore, GradientQuestion, Preprocessing, SurveyAnswer, SurveyQuestion, keys
from gradviz_core.types.cards import Recipe
from gradviz_core.types.picked_slices import picked
from gradviz_core.uploads import label_files, model_files, store
from tests import image_files, pairs
from tests.hostile import (
    band_files,
    checkpoints,
    dicom_files,
    exported_files,
    heif_files,
    pictures,
    random_operators,
    safetensors_files,
    weights,
)
from tests.hostile import mutations as spoil


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    name: str
    sound: Callable[[], list[bytes]]
    """Files that are read without complaint; always the same."""
    mutations: tuple[spoil.Mutation, ...]
    read: Callable[[bytes], object]

    def spoilt(self, seed: int, number: int) -> bytes:
        """The spoilt file with this number; always the same."""
        random = Random(f"{self.name} {seed} {number}")
        data = random.choice(_sound(self.name))
        return random.choice(self.mutations)(random, data)


@cache
def _sound(name: str) -> list[bytes]:
    return FORMATS[name].sound()


# ---------------------------------------------------------------------------------------------------- what reads them


@cache
def _answerer() -> Answerer:
    return Answerer("cpu")


def _use(data: bytes) -> None:
    """All that a worker does for an uploaded model: look into it, make it a model, run it forth and back."""
    report = model_files.inspect(data)
    kept = store.here()
    assert cache_folder() not in kept.folder.parents, "the fuzzer has a store of its own"
    architecture = report.fits[-1].architecture if report.fits else ""
    steps = report.preprocessing or report.fits[-1].preprocessing
    file = kept.put(data)
    part = report.fits[-1].part if report.fits else ""
    recipe = Recipe(file, architecture, "spoilt", (), steps, part=part, inputs=report.inputs, other=report.other)
    model, image = f"upload/{kept.keep_recipe(recipe)}", "sample/digit-3"
    if report.other is not None:
        image = keys.pair(image, "sample/star", 1)
    try:
        survey = _answerer().answer(SurveyQuestion(model=model, image=image))
        assert isinstance(survey, SurveyAnswer)
        last = [info.site for info in survey.sites if info.differentiable][-1:]
        target = ClassScore(0)
        _answerer().answer(GradientQuestion(model=model, image=image, target=target, wrt=tuple(last)))
    finally:
        kept.file(file).unlink()


def _look(data: bytes) -> None:
    """All that a worker does for an uploaded image."""
    report, kept = images.inspect(data, (0.0, 1.0))
    assert report.key.endswith(hashlib.sha256(kept).hexdigest())
    steps = _steps()
    images.normalise(images.as_seen(images.decode(kept), steps), steps)


def _look_at_slice(data: bytes) -> None:
    """With the window of the file."""
    _, kept = images.inspect(data)
    images.normalise(images.as_seen(images.decode(kept), _steps()), _steps())


def _look_at_bands(data: bytes) -> None:
    """The numbers of all bands."""
    images.inspect(data)


def _look_at_slices(data: bytes) -> None:
    """The slices of an array, for models of one and of three channels."""
    images.inspect(data)
    for channels in (1, 3):
        with suppress(BadImage):
            volume_arrays.read(data, channels)


def _look_at_frames(data: bytes) -> None:
    """Some of the frames, the last among them."""
    images.inspect(data)
    at = picked(frames.count(data), 4)
    for _, picture in frames.read(data, frozenset(at)):
        images.as_seen(picture, _steps())


def _slices() -> list[bytes]:
    shapes = ((20, 6, 25), (3, 5, 6, 7), (5, 3, 6, 7), (5, 6, 7, 3))
    return [pictures.array(np.zeros(shape, kind)) for shape in shapes for kind in ("<f4", "|u1", ">i2")]


def _several_frames() -> list[bytes]:
    each = [Image.new("RGB", (16, 12), (40 * number, 0, 200)) for number in range(5)]
    return [
        image_files.encoded(each[0], kind, save_all=True, append_images=each[1:]) for kind in ("GIF", "WEBP", "TIFF")
    ]


def _steps() -> Preprocessing:
    return catalogue.preset("shapes-cnn").preprocessing


def _of_two_images() -> bytes:
    """A program of two images."""
    return pairs.file(pairs.siamese(), {"left": pairs.image(seed=1), "right": pairs.image(20, 2)})


def _recipes() -> list[bytes]:
    """Of a model of one image, and of one of two."""
    of_one = Recipe("0" * 64, "preset/digits-mlp", "A", ("cat", "dog", "é"), _steps())
    of_two = replace(of_one, architecture="", inputs=("left", "right"), other=_steps())
    return [codec.recipe_to_json(each).encode() for each in (of_one, of_two)]


def _read_recipe(data: bytes) -> None:
    recipe = codec.recipe_from_json(data)
    assert codec.recipe_from_json(codec.recipe_to_json(recipe)) == recipe


def _questions() -> list[bytes]:
    """About one image, and about two."""
    of_one = GradientQuestion(model="preset/digits-mlp", image="sample/digit-3", target=ClassScore(3))
    of_two = replace(of_one, image="sample/digit-3~sample/star@2")
    return [codec.question_to_json(each).encode() for each in (of_one, of_two)]


def _pictures(kind: str) -> list[bytes]:
    options: dict[str, list[dict[str, Any]]] = {
        "PNG": [{}, {"mode": "P"}, {"mode": "RGBA"}, {"mode": "1"}, {"mode": "L"}],
        "JPEG": [{}, {"progressive": True}, {"mode": "CMYK"}, {"mode": "L"}],
        "WEBP": [{}, {"lossless": True}, {"mode": "RGBA"}],
        "GIF": [{}, {"mode": "P"}],
        "BMP": [{}, {"mode": "P"}, {"mode": "1"}, {"mode": "L"}],
        "TIFF": [{"compression": c} for c in (None, "tiff_lzw", "packbits", "tiff_deflate", "jpeg")]
        + [{"mode": "CMYK"}, {"mode": "RGBA"}, {"mode": "1", "compression": "group4"}],
        "AVIF": [{}, {"mode": "RGBA"}, {"mode": "L"}, {"quality": 100}],
    }
    return [pictures.picture(kind, **chosen) for chosen in options[kind]]


def _arrays() -> list[bytes]:
    kinds = ("<f4", "<f8", "|u1", "<u2", ">i4", "|b1", "<f2")
    return [pictures.array(np.zeros((6, 5, 3), kind)) for kind in kinds]


def _labels() -> list[bytes]:
    return ["cat\ndog\nfür\n".encode(), json.dumps(["cat", "dog"]).encode(), b'{"0": "cat", "1": "dog"}']


def _picture_format(kind: str, *more: spoil.Mutation) -> Format:
    return Format(kind.lower(), lambda: _pictures(kind), (spoil.of_bytes, spoil.of_start, *more), _look)


_ALL = (
    Format(
        "state-dict",
        lambda: [weights.sound()],
        (spoil.of_bytes, spoil.of_members, spoil.of_members, spoil.of_headers, spoil.of_pickle, spoil.of_pickle),
        _use,
    ),
    Format("checkpoint", checkpoints.sound, (spoil.of_bytes, spoil.of_members, *[spoil.of_pickle] * 4), _use),
    Format(
        "before-1.6",
        lambda: [checkpoints.saved_before_zip(weights.tensors())],
        (spoil.of_bytes, spoil.of_start, *[spoil.of_pickles] * 4),
        _use,
    ),
    Format(
        "shards",
        lambda: [checkpoints.shards()],
        (spoil.of_bytes, spoil.of_headers, *[spoil.of_members] * 4),
        _use,
    ),
    Format("safetensors", lambda: [safetensors_files.sound()], (spoil.of_start, spoil.of_safetensors), _use),
    Format(
        "pt2",
        lambda: [exported_files.sound(), _of_two_images()],
        (spoil.of_bytes, spoil.of_headers, *[spoil.of_members] * 5, *[spoil.of_program] * 3),
        _use,
    ),
    _picture_format("PNG", spoil.of_chunks, spoil.of_chunks),
    *map(_picture_format, ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")),
    Format("heic", lambda: [heif_files.heic()], (spoil.of_bytes, spoil.of_start, spoil.of_start), _look),
    Format("bands", band_files.samples, (spoil.of_bytes, spoil.of_start, spoil.of_start), _look_at_bands),
    Format("slices", _slices, (spoil.of_bytes, spoil.of_start, *[spoil.of_array_header] * 4), _look_at_slices),
    Format("frames", _several_frames, (spoil.of_bytes, spoil.of_bytes, spoil.of_start), _look_at_frames),
    Format("dicom", dicom_files.samples, (spoil.of_bytes, spoil.of_start, spoil.of_start), _look_at_slice),
    Format("npy", _arrays, (spoil.of_bytes, spoil.of_start, *[spoil.of_array_header] * 4), _look),
    Format("labels", _labels, (spoil.of_bytes, spoil.of_json), label_files.read),
    Format("recipe", _recipes, (spoil.of_json, spoil.of_json, spoil.of_bytes), _read_recipe),
    Format("question", _questions, (spoil.of_json, spoil.of_json, spoil.of_bytes), codec.question_from_json),
    Format("operators", lambda: [b""], (lambda random, _: random.randbytes(8),), random_operators.run),
)
FORMATS = {form.name: form for form in _ALL}


def complaint(form: Format, data: bytes) -> str:
    """What is wrong with how this file was read; empty where it was read, or refused with a sentence."""
    try:
        form.read(data)
    except GradVizError as error:
        if str(error).startswith(WENT_WRONG):
            cause = error.__cause__ or error
            return f"{type(cause).__name__}: {cause} at {place(cause)}"[:500]
        return f"an endless sentence of {len(str(error)):,} characters" if len(str(error)) > 10_000 else ""
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"[:500]
    return ""
