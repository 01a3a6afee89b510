"""The program of each picture of a network that takes bands gives the very array that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.drawing import fields, snippets
from gradviz_core.drawing.snippets import Setting
from gradviz_core.errors import QuestionError
from gradviz_core.types.cards import Preprocessing
from gradviz_core.uploads import store
from tests import bands, snippet_runs
from tests.image_files import npy, tiff
from tests.test_snippets import check

MEAN, STD = tuple(1000.0 + 90 * band for band in range(12)), tuple(300.0 + band for band in range(12))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def put(folder: Path, steps: Preprocessing, *, last: bool = False) -> tuple[str, str]:
    """Keys of the network with these steps and of an image, whose files lie in ``folder``."""
    (folder / "your-model.pt2").write_bytes(bands.file())
    array = bands.reflectances(12, 20, 24)[None]
    array = np.moveaxis(array, 1, -1) if last else array
    (folder / "your-array.npy").write_bytes(npy(array))
    (folder / "other-array.npy").write_bytes(npy(bands.reflectances()))
    return bands.model(steps), bands.kept(array)


def test_every_method(folder: Path) -> None:
    model, image = put(
        folder, replace(bands.AS_THEY_ARE, resize=16, size=(14, 16), mean=MEAN, std=STD, shown=(3, 2, 1))
    )
    at = snippet_runs.setting(model, image)
    assert check(snippet_runs.seen(at, model, image), folder) == 2
    assert check(each_method(at, model, image), folder) > 12


def each_method(at: Setting, model: str, image: str) -> Iterator[snippet_runs.View]:
    for method in snippet_runs.METHODS:
        options = snippet_runs.few(method)
        try:
            answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, method=method, options=options))
        except QuestionError:
            assert method in snippet_runs.OF_SOME_MODELS, f"{method} is for every model"
            continue
        target = answer.target if snippets.asks_elsewhere(method) else gv.ClassScore()
        code = snippets.saliency(at, target, method, "channel", options)
        yield method, code, answer.attributions[gv.INPUT][0]


@pytest.mark.parametrize("last", [False, True])
def test_standardised_bands_in_either_order(last: bool, folder: Path) -> None:
    model, image = put(folder, replace(bands.AS_THEY_ARE, standardised=True, shown=(7,)), last=last)
    at = snippet_runs.setting(model, image)
    assert check(snippet_runs.seen(at, model, image), folder) == 2
    slope = snippet_runs.ask(gv.GradientQuestion(model=model, image=image)).gradients[gv.INPUT][0]
    code = snippets.saliency(at, gv.ClassScore(), "gradient", "channel")
    assert snippet_runs.error(snippet_runs.run(code, folder), slope) < 1e-6, code


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_a_tiff_of_bands(planes: str, folder: Path) -> None:
    array = bands.reflectances(12, 20, 24)
    lying = array if planes == "separate" else np.moveaxis(array, 0, -1).copy()
    data = tiff(lying, photometric="minisblack", planarconfig=planes, extrasamples=["unspecified"] * 11)
    (folder / "your-image.tif").write_bytes(data)
    (folder / "your-model.pt2").write_bytes(bands.file())
    model, image = bands.model(), f"upload/{store.here().put(data)}"
    assert check(snippet_runs.seen(snippet_runs.setting(model, image), model, image), folder) == 2


@pytest.mark.parametrize("baseline", ["black", "white", "blurred", "noise", "image"])
def test_paths_begin_at_each_baseline(baseline: str, folder: Path) -> None:
    model, image = put(folder, replace(bands.AS_THEY_ARE, mean=MEAN, std=STD))
    other = bands.kept(bands.reflectances())
    options: tuple[tuple[str, float | str], ...] = (("steps", 4.0), ("baseline", baseline))
    if baseline == "image":
        options += (("baseline_image", other),)
    question = gv.GradientQuestion(model=model, image=image, method="integrated_gradients", options=options)
    answer = snippet_runs.ask(question)
    made = fields.signed_sum(answer.attributions[gv.INPUT]).values
    at = snippet_runs.setting(model, image)
    code = snippets.saliency(at, answer.target, "integrated_gradients", "signed_sum", options)
    assert snippet_runs.error(snippet_runs.run(code, folder), made) < 1e-6, code
