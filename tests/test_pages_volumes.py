"""Every page about a model shows one slice of a volume or a clip, or says in one sentence why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.drawing import slice_words
from gradviz_core.drawing.screen import one_slice
from gradviz_core.types.cards import ImageFile, Preprocessing
from gradviz_core.types.picked_slices import picked
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from tests import snippet_runs, volumes
from tests.opening import NEURONS, SALIENCY, answer_here, chart, errors, opened, read, texts, values
from tests.test_pages_compare import COMPARE
from tests.test_permalinks import BACKWARD, PAGES, PERTURBATION

REFUSED = (COMPARE, PERTURBATION, BACKWARD)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


def uploaded(steps: Preprocessing) -> tuple[str, str]:
    shape = (6, 3, 12, 14) if steps.slices_first else (6, 12, 14)
    return volumes.model(steps), volumes.kept(volumes.numbers(*shape))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_one_slice_or_says_what_does(page: str) -> None:
    model, image = uploaded(volumes.OF_CLIPS)
    app = opened(page, model=model, image=image)
    if page not in REFUSED:
        assert errors(app) == []
        assert app.get("plotly_chart") or page.endswith("doctor.py")
    else:
        (said,) = errors(app)
        assert "this one takes 6 slices" in said


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_the_slider_shows_another_slice_on_the_same_scale_without_asking_again(
    steps: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = uploaded(steps)
    gradient = gv.answer(gv.GradientQuestion(model=model, image=image)).gradients[gv.INPUT]
    every = np.moveaxis(gradient[0], steps.slice_axis - 1, 0)
    strongest = int(np.square(every).sum((1, 2, 3)).argmax())
    app = opened(SALIENCY, model=model, image=image)
    word = "Frame" if steps.slices_first else "Slice"
    assert any(f"{word} {strongest} of 0 to 5" in text for text in texts(app))
    np.testing.assert_allclose(values(chart(app, "gradient")), every[strongest].sum(axis=0), rtol=1e-5, atol=1e-9)
    scale = chart(app, "gradient")["data"][0]["zmax"]
    asked = answer_here(monkeypatch)
    other = (strongest + 2) % 6
    app.slider(key="shown_input_slice").set_value(other).run()
    assert errors(app) == []
    assert asked == []
    assert app.query_params["input_slice"] in (str(other), [str(other)])
    np.testing.assert_allclose(values(chart(app, "gradient")), every[other].sum(axis=0), rtol=1e-5, atol=1e-9)
    assert chart(app, "gradient")["data"][0]["zmax"] == scale
    assert np.quantile(np.abs(every.sum(axis=1)), 0.99, method="higher") == pytest.approx(scale, rel=1e-5)
    along = chart(app, "slices")["data"][0]
    assert along["marker"]["size"].index(13) == other


def test_the_strongest_channels_are_shown_where_their_gradients_are_on_a_scale_of_these() -> None:
    model, image = uploaded(volumes.OF_VOLUMES)
    app = opened(NEURONS, model=model, image=image, site="relu", slice="3", row="5", col="6", input_slice="3")
    assert errors(app) == []
    drawn = values(chart(app, "gallery"))
    limit = chart(app, "gallery")["data"][0]["zmax"]
    assert np.isfinite(drawn).any()
    assert (np.abs(drawn[np.isfinite(drawn)]) > limit).mean() <= 0.02
    assert drawn[np.isfinite(drawn)].size == 3 * 3 * 4
    assert any("elsewhere they are zero" in read(caption.value) for caption in app.caption)


@pytest.mark.parametrize(
    ("frames", "slices", "says"),
    [
        (3, 6, "each comes twice."),
        (5, 6, "each comes once, and slice 2 twice."),
        (4, 6, "each comes once, and slices 1, 3 twice."),
        (9, 6, "of so many equal parts of the whole, the middle one of each."),
    ],
)
def test_which_slices_stand_more_than_once(frames: int, slices: int, says: str) -> None:
    steps = replace(volumes.OF_VOLUMES, slices=slices)
    found = slice_words.made_of(steps, ImageFile("NPY", frames=frames))
    assert found == f"The file has {frames} slices and the network takes {slices}: {says}"
    often = [picked(frames, slices).count(number) for number in range(frames)]
    assert max(often) == 2 or frames > slices


def test_an_address_may_name_a_slice_and_none_that_there_is_not() -> None:
    model, image = uploaded(volumes.OF_VOLUMES)
    app = opened(SALIENCY, model=model, image=image, input_slice="2")
    assert any(
        "The array was read as slices × height × width. All 6 slices of the file." in text for text in texts(app)
    )
    assert any("Slice 2 of 0 to 5" in text for text in texts(app))
    (said,) = errors(opened(SALIENCY, model=model, image=image, input_slice="6"))
    assert plain("Slice cannot be 6: it must be a whole number from 0 to 5") in said


def test_a_still_image_is_said_to_stand_in_every_slice() -> None:
    app = opened(SALIENCY, model=volumes.model(volumes.OF_CLIPS), image="sample/star")
    assert errors(app) == []
    assert any("this one picture stands in each of them" in text for text in texts(app))
    assert any("this model takes several frames" in read(caption.value) for caption in app.caption)


def test_the_slice_where_the_map_is_zero_everywhere_is_the_middle_one() -> None:
    model, image = uploaded(volumes.OF_VOLUMES)
    answer = gv.answer(gv.GradientQuestion(model=model, image=image))
    flat = {name: 0 * array if name.startswith("gradient/") else array for name, array in answer.arrays.items()}
    assert one_slice.strongest(replace(answer, arrays=flat), volumes.OF_VOLUMES) == 3


def test_methods_of_one_picture_are_not_offered_and_an_address_that_names_one_gets_a_sentence() -> None:
    model, image = uploaded(volumes.OF_VOLUMES)
    offered = opened(SALIENCY, model=model, image=image).selectbox(key="shown_method").options
    assert "Integrated gradients" in offered
    assert not {"Occlusion", "RISE", "FullGrad"} & set(offered)
    (said,) = errors(opened(SALIENCY, model=model, image=image, method="occlusion"))
    assert plain("Occlusion works on the rows and columns of one picture, and this model takes 6 slices") in said


def test_a_single_slice_has_no_slider() -> None:
    steps = replace(volumes.OF_CLIPS, slices=1)
    app = opened(SALIENCY, model=volumes.model(steps), image=volumes.kept(volumes.numbers(9, 3, 12, 14)))
    assert errors(app) == []
    assert not [slider for slider in app.slider if slider.key == "shown_input_slice"]
    assert not any("of 0 to 0" in text for text in texts(app))
    assert values(chart(app, "gradient")).shape == (12, 14)


def test_a_map_of_slices_is_refused_beside_one_of_a_picture() -> None:
    model, image = uploaded(volumes.OF_VOLUMES)
    at = {"model": "preset/shapes-cnn", "image": "sample/star"}
    app = opened(COMPARE, **at, map1="gradient", map1_model=model, map1_image=image)
    assert any("Compare shows models that take one picture" in said for said in errors(app))
