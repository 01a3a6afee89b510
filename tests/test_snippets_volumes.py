"""The program of each picture of one slice of a volume or a clip gives the very array that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.drawing.screen import one_slice
from gradviz_core.drawing.snippets import Setting
from gradviz_core.errors import QuestionError
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.methods import METHODS
from gradviz_core.uploads import store
from tests import snippet_runs, volumes
from tests.image_files import encoded, noise, npy
from tests.test_snippets import check

AT = 4
"""The slice that is drawn."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def put(folder: Path, steps: Preprocessing, array: npt.NDArray[np.generic]) -> tuple[str, str]:
    """Keys of the network with these steps and of the array, whose files lie in ``folder``."""
    data = volumes.sound(steps)
    (folder / "your-model.pt2").write_bytes(data)
    (folder / "your-array.npy").write_bytes(npy(array))
    return volumes.model(steps, data), volumes.kept(array)


def each_method(model: str, image: str) -> Iterator[snippet_runs.View]:
    at = replace(snippet_runs.setting(model, image), slice=AT)
    for method in snippet_runs.METHODS:
        if METHODS[method].one_picture:
            continue
        options = snippet_runs.few(method)
        try:
            answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=image, method=method, options=options))
        except QuestionError:
            assert method in snippet_runs.OF_SOME_MODELS, f"{method} is for every model"
            continue
        drawn = one_slice.sliced(answer, at.card.preprocessing, AT)
        target = answer.target if snippets.asks_elsewhere(method) else gv.ClassScore()
        yield (
            method,
            snippets.saliency(at, target, method, "channel", options),
            drawn.attributions[gv.INPUT][0],
        )


@pytest.mark.parametrize(
    ("steps", "shape"),
    [
        (replace(volumes.OF_VOLUMES, size=(12, 14), resize=15), (1, 9, 20, 21)),
        (volumes.OF_CLIPS, (9, 20, 21, 3)),
    ],
)
def test_every_method(steps: Preprocessing, shape: tuple[int, ...], folder: Path) -> None:
    model, image = put(folder, steps, volumes.numbers(*shape))
    assert check(seen(replace(snippet_runs.setting(model, image), slice=AT), model, image), folder) == 1
    assert check(each_method(model, image), folder) > 8


def seen(at: Setting, model: str, image: str) -> Iterator[snippet_runs.View]:
    pixels = snippet_runs.ask(gv.SurveyQuestion(model=model, image=image)).pixels
    yield "the slice", snippets.seen(at), pixels[AT]


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, replace(volumes.OF_CLIPS, channels="bgr")])
def test_a_still_image_and_a_volume_of_8_bits(steps: Preprocessing, folder: Path) -> None:
    levels = (volumes.numbers(6, len(steps.mean), 12, 14) * 40 + 128).clip(0, 255).astype(np.uint8)
    model, image = put(folder, steps, levels if steps.slices_first else levels[:, 0])
    for key in (image, "sample/star"):
        at = replace(snippet_runs.setting(model, key), slice=AT)
        assert check(seen(at, model, key), folder) == 1
        answer = snippet_runs.ask(gv.GradientQuestion(model=model, image=key))
        drawn = one_slice.sliced(answer, steps, AT).gradients[gv.INPUT][0].sum(axis=0)
        code = snippets.saliency(at, gv.ClassScore(), "gradient", "signed_sum")
        assert snippet_runs.error(snippet_runs.run(code, folder), drawn) < 1e-6, code


@pytest.mark.parametrize("slices_first", [False, True])
@pytest.mark.parametrize("baseline", ["black", "white", "blurred", "noise", "image"])
def test_paths_begin_at_each_baseline(baseline: str, slices_first: bool, folder: Path) -> None:
    steps = volumes.OF_CLIPS if slices_first else volumes.OF_VOLUMES
    model, image = put(folder, steps, volumes.numbers(7, len(steps.mean), 12, 14)[:, :3].squeeze())
    options: tuple[tuple[str, float | str], ...] = (("steps", 4.0), ("baseline", baseline))
    if baseline == "image":
        options += (("baseline_image", "sample/star"),)
    question = gv.GradientQuestion(model=model, image=image, method="integrated_gradients", options=options)
    answer = snippet_runs.ask(question)
    made = one_slice.sliced(answer, steps, AT).attributions[gv.INPUT][0].sum(axis=0)
    at = replace(snippet_runs.setting(model, image), slice=AT)
    code = snippets.saliency(at, answer.target, "integrated_gradients", "signed_sum", options)
    assert snippet_runs.error(snippet_runs.run(code, folder), made) < 1e-6, code


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_the_strongest_channels_in_one_slice(steps: Preprocessing, folder: Path) -> None:
    model, image = put(folder, steps, volumes.numbers(6, len(steps.mean), 12, 14).squeeze())
    question = gv.UnitsQuestion(model=model, image=image, site=gv.Site("relu"), place=(2, 3, 3), count=3)
    whole = snippet_runs.ask(question)
    drawn = np.moveaxis(whole.arrays["gradients"], steps.slice_axis, 0)[2].sum(axis=1)[:, 1:9, 2:11]
    assert drawn.any()
    at = replace(snippet_runs.setting(model, image), slice=2)
    assert check(iter([("strongest", snippets.strongest(at, question, (1, 8, 2, 10)), drawn)]), folder) == 1


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_frames_of_a_file(kind: str, folder: Path) -> None:
    steps = replace(volumes.OF_CLIPS, resize=14)
    model, _ = put(folder, steps, volumes.numbers(6, 3, 12, 14))
    frames = [Image.fromarray(noise(20, 26, seed=number)) for number in range(9)]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    (folder / f"your-image.{'tif' if kind == 'TIFF' else 'gif'}").write_bytes(data)
    image = f"upload/{store.here().put(data)}"
    at = replace(snippet_runs.setting(model, image), slice=AT)
    assert check(seen(at, model, image), folder) == 1
    drawn = one_slice.sliced(snippet_runs.ask(gv.GradientQuestion(model=model, image=image)), steps, AT)
    code = snippets.saliency(at, gv.ClassScore(), "gradient", "channel")
    assert snippet_runs.error(snippet_runs.run(code, folder), drawn.gradients[gv.INPUT][0]) < 1e-6, code
