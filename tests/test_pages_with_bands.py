"""Every page about a model shows a network of twelve bands, or says in one sentence why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import client
from gradviz_core.images import uploads
from gradviz_core.types.cards import ImageReport
from gradviz_core.uploads import store
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from tests import bands, handing_in, snippet_runs, volumes
from tests.fake_uploads import FakeDelivery
from tests.image_files import npy
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, errors, opened, texts, values
from tests.test_pages_compare import COMPARE
from tests.test_permalinks import PAGES, PERTURBATION


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize("page", [page for page in PAGES if page != PERTURBATION])
def test_a_page_shows_it(page: str) -> None:
    app = opened(page, model=bands.model(), image=bands.kept(bands.reflectances()), pixel="3,5")
    assert errors(app) == []
    assert app.get("plotly_chart") or page.endswith("doctor.py")


def test_the_perturbation_says_why_not() -> None:
    app = opened(PERTURBATION, model=bands.model(), image=bands.kept(bands.reflectances()))
    (said,) = errors(app)
    assert "the bands of this image have none" in said


@pytest.mark.parametrize(("page", "key"), [(SALIENCY, "gradient"), (COMPARE, "map1")])
def test_numbers_as_they_are_in_the_file_have_its_unit(page: str, key: str) -> None:
    image = bands.kept(bands.reflectances())
    for steps, unit in (
        (bands.AS_THEY_ARE, "logit per unit of the file"),
        (replace(bands.AS_THEY_ARE, standardised=True), "logit per normalised-pixel unit"),
    ):
        app = opened(page, model=bands.model(steps), image=image)
        assert [each["text"] for each in chart(app, key)["layout"]["annotations"] if each.get("name") == "unit"] == [
            unit
        ]


def test_channels_are_bands_in_a_square() -> None:
    model, image = bands.model(), bands.kept(bands.reflectances())
    question = gv.GradientQuestion(model=model, image=image, target=gv.ClassScore(2))
    app = opened(SALIENCY, model=model, image=image, view="channels", pixel="3,5", target="2")
    assert errors(app) == []
    drawn = values(chart(app, "gradient"))
    slope = gv.answer(question).gradients[gv.INPUT][0]
    corner = drawn[-bands.ROWS :, -bands.COLUMNS :]
    assert drawn.shape[1] > 3 * bands.COLUMNS
    assert drawn.shape[0] > 2 * bands.ROWS
    assert (corner == slope[11]).all()
    assert "band 11" in str(chart(app, "gradient")["data"])


def test_one_click_shows_another_band_and_the_map_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "keep_recipe", lambda recipe: f"upload/{store.here().keep_recipe(recipe)}")
    image = bands.kept(bands.reflectances())
    app = opened(SALIENCY, model=bands.model(replace(bands.AS_THEY_ARE, shown=(3, 2, 1))), image=image)
    before, first = values(chart(app, "gradient")), app.query_params["model"]
    said = []
    for wanted in ("7", "Colours"):
        next(group for group in app.button_group if group.label == "Bands shown").set_value(wanted).run()
        assert errors(app) == []
        said.append(" ".join(texts(app)))
        np.testing.assert_array_equal(values(chart(app, "gradient")), before)
    assert "Band 7 in grey" in said[0]
    assert "Bands 3, 2 and 1 as red, green and blue" in said[1]
    assert app.query_params["model"] == first
    assert len(app.session_state["models"]) == 1, "the list holds the model once"


@pytest.mark.parametrize("page", [MAPS, NEURONS])
def test_no_page_calls_the_bands_that_are_shown_all_that_the_network_sees(page: str) -> None:
    app = opened(page, model=bands.model(), image=bands.kept(bands.reflectances()))
    assert not any("The image as the network sees it" in text for text in texts(app))


def test_a_page_without_an_image_that_fits_keeps_what_is_known_of_the_model() -> None:
    app = opened(SALIENCY, model=bands.model(), image="sample/coffee")
    (said,) = errors(app)
    assert said.startswith(plain("This model takes 12 bands, and the image is a picture"))
    assert any(plain(f"12 bands of {bands.ROWS}×{bands.COLUMNS}") in c.value for c in app.sidebar.caption)
    assert not any("Coffee" in c.value for c in app.sidebar.caption)
    assert {"bring", "bring_change"} <= {b.key for b in app.sidebar.button}


def test_a_page_whose_image_is_gone_keeps_the_line_of_a_preset() -> None:
    app = opened(SALIENCY, model="preset/shapes-cnn", image=f"upload/{'0' * 64}")
    assert errors(app)
    assert any(plain("k parameters · accuracy") in c.value for c in app.sidebar.caption)


# -------------------------------------------------------------------------------------------------------------- uploads


class Reads:
    """Reads and keeps what comes in this process."""

    def upload_image(self, data: bytes, value_range: tuple[float, float] | None = None) -> ImageReport:
        report, kept = uploads.inspect(data, value_range)
        store.here().put(kept)
        return report


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> None:
    handing_in.forget()
    monkeypatch.setattr(client, "deliver", lambda kind, size, asker: FakeDelivery(Reads()))


def uploaded(files: dict[str, bytes], model: str) -> AppTest:
    """The page, after these files were chosen at once."""
    app = opened(model=model, image="sample/star")
    handed = [(*handing_in.hand_in(name, data), "application/octet-stream") for name, data in files.items()]
    app.file_uploader(key="upload_0").set_value(handed).run()
    assert not app.exception
    return app


@pytest.mark.usefixtures("reads")
def test_of_several_arrays_the_first_with_the_right_bands_is_taken_at_once() -> None:
    arrays = [bands.reflectances(7), bands.reflectances(), bands.reflectances() + 1]
    names = ("bands7.npy", "first.npy", "second.npy")
    app = uploaded({name: npy(array) for name, array in zip(names, arrays, strict=True)}, bands.model())
    _, first, second = map(bands.kept, arrays)
    assert app.query_params["image"] in (first, [first])
    assert [*app.session_state["uploads"]] == [first, second]
    (said,) = errors(app)
    assert said.startswith(plain("'bands7.npy': The image has 7 bands, and this model takes 12."))
    assert app.get("plotly_chart")


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (bands.reflectances(7), "The image has 7 bands, and this model takes 12."),
        (bands.reflectances(3) / 9000, "This model takes 12 bands, and the image is a picture in grey or colours."),
    ],
)
def test_an_array_that_the_model_does_not_take_is_refused_where_it_was_chosen(
    array: npt.NDArray[np.generic], sentence: str
) -> None:
    app = uploaded({"scene.npy": npy(array)}, bands.model())
    assert any(said.startswith(plain(sentence)) for said in (e.value for e in app.sidebar.error))
    assert app.query_params["image"] in ("sample/star", ["sample/star"])
    assert "uploads" not in app.session_state or not app.session_state["uploads"]


@pytest.mark.usefixtures("reads")
def test_the_range_of_an_array_is_asked_for_where_it_may_matter() -> None:
    array = npy(bands.reflectances(3) / 9000)
    assert "upload_array" not in [b.key for b in uploaded({"a.npy": array}, bands.model()).button]
    for names, label in ((["a.npy"], "Use this array"), (["a.npy", "b.npy"], "Use these arrays")):
        app = uploaded(dict.fromkeys(names, array), "preset/shapes-cnn")
        assert app.button(key="upload_array").label == label
        assert "upload_range" in [group.key for group in app.button_group]


@pytest.mark.usefixtures("reads")
def test_a_model_of_slices_scales_no_array_from_a_range_that_nobody_stated() -> None:
    slices = volumes.numbers(1, 1, 6, 12, 14)
    app = uploaded({"slice.npy": npy(slices[0, 0, 0]), "volume.npy": npy(slices)}, volumes.model())
    assert app.query_params["image"] in (volumes.kept(slices), [volumes.kept(slices)])
    (said,) = errors(app)
    assert said.startswith(plain("'slice.npy': The array holds float32 numbers"))
    assert plain("save it as 1 × 1 × slices × height × width") in said
