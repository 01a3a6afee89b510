"""The pages with a model of two images: both are chosen, each has its gradient, and the address says all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.compute import client
from gradviz_core.drawing import colour_bars
from gradviz_core.types import keys
from gradviz_core.types.cards import Recipe
from gradviz_core.uploads import model_files, store
from pages.shell.answer_cache import answer_cache
from pages.uploads import camera, images
from tests import bands, pairs, snippet_runs
from tests.opening import MAPS, SALIENCY, answer_here, chart, errors, opened, read, texts, values
from tests.pairs import image, kept
from tests.test_permalinks import PAGES

LEFT, RIGHT = image(seed=1), image(20, 2)
PAIR = "sample/star~sample/heart"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


def siamese() -> str:
    return pairs.model(pairs.file(pairs.siamese(), {"left": LEFT, "right": RIGHT}))


def signed_sum(model: str, pair: str) -> np.ndarray:
    answer = gv.answer(gv.GradientQuestion(model=model, image=pair))
    summed: np.ndarray = answer.gradients[gv.INPUT][0].sum(0)
    return summed


def switch(app: AppTest) -> Any:
    (control,) = [group for group in app.sidebar.button_group if group.label == "Gradient of"]
    return control


def test_both_gradients_stand_side_by_side_on_one_scale() -> None:
    model = siamese()
    app = opened(model=model, image=PAIR)
    assert errors(app) == []
    first, second = chart(app, "gradient"), chart(app, "gradient2")
    np.testing.assert_allclose(values(first), signed_sum(model, PAIR), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(values(second), signed_sum(model, f"{PAIR}@2"), rtol=1e-5, atol=1e-9)
    scales = [
        (trace["zmin"], trace["zmax"]) for figure in (first, second) for trace in figure["data"] if "zmin" in trace
    ]
    assert len(set(scales)) == 1
    said = " ".join(texts(app))
    assert "For the image “images_left”, with “images_right” held as it is: how the" in said
    assert "For the image “images_right”, with “images_left” held as it is: how the" in said


def test_the_two_maps_have_the_same_room_for_their_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the numbers of one scale are longer, because values beyond its ends were cut."""
    rooms = iter((88, 108) * 9)
    monkeypatch.setattr(colour_bars, "room", lambda field: next(rooms))
    app = opened(model=siamese(), image=PAIR)
    margins = [chart(app, name)["layout"]["margin"]["r"] for name in ("gradient", "gradient2")]
    assert margins == [108, 108]


class Apart(nn.Module):
    """Each image has an output of its own."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return a.mean((2, 3)), b.square().mean((2, 3))


@pytest.mark.parametrize("place", [0, 1])
def test_a_score_of_one_image_alone_is_shown_and_the_other_image_is_named(place: int) -> None:
    model, pair = pairs.model(pairs.file(Apart(), LEFT, image(seed=2))), keys.pair("sample/star", "sample/heart", place)
    target = gv.ClassScore(0, head=gv.Head(str(place)))
    app = opened(model=model, image=pair, target="0", head=str(place))
    assert errors(app) == []
    answer = gv.answer(gv.GradientQuestion(model=model, image=pair, target=target))
    np.testing.assert_allclose(values(chart(app, "gradient")), answer.gradients[gv.INPUT][0].sum(0), rtol=1e-5)
    assert [read(each.value) for each in app.info] == [
        f"This score does not depend on the image “{'ba'[place]}”, so there is no gradient by it to show."
    ]
    (said,) = errors(opened(model=model, image=keys.turned(pair), target="0", head=str(place)))
    assert "look at that one" in said


def test_the_sidebar_has_a_place_for_each_image_and_says_which_the_gradient_is_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "_given", lambda: True)
    app = opened(model=siamese(), image=PAIR)
    said = [read(each.value) for each in app.sidebar.markdown]
    assert said.index("First image: images_left") < said.index("Second image: images_right")
    assert any("· inputs 12×12 and 20×20" in read(each.value) for each in app.sidebar.caption)
    assert switch(app).value == "images_left"
    switch(app).set_value("images_right").run()
    assert app.query_params["image"] == f"{PAIR}@2"
    assert errors(app) == []
    assert values(chart(app, "gradient")).shape == (20, 20)
    assert values(chart(app, "gradient2")).shape == (12, 12)
    assert any("· inputs 12×12 and 20×20" in read(each.value) for each in app.sidebar.caption)


def test_a_name_from_a_recipe_is_text() -> None:
    recipe = replace(pairs.recipe(pairs.file(pairs.Product(), LEFT, image(seed=2))), inputs=("**a**", ":red[b]"))
    app = opened(model=keys.upload(store.here().keep_recipe(recipe)), image=PAIR)
    assert errors(app) == []
    shown = [each.value for each in (*app.markdown, *app.caption, *app.sidebar.markdown, *app.sidebar.caption)]
    assert any(r"\*\*a" in each for each in shown)
    assert not [each for each in shown if "**a**" in each or ":red[b]" in each]


def test_an_address_restores_which_image_is_looked_at() -> None:
    model = siamese()
    app = opened(model=model, image=f"{PAIR}@2", method="gradient_x_input")
    assert errors(app) == []
    assert switch(app).value == "images_right"
    answer = gv.answer(gv.GradientQuestion(model=model, image=f"{PAIR}@2", method="gradient_x_input"))
    np.testing.assert_allclose(
        values(chart(app, "gradient")), answer.attributions[gv.INPUT][0].sum(0), rtol=1e-5, atol=1e-9
    )
    assert not [each for each in app.get("plotly_chart") if each.proto.id.endswith("chart_gradient2")]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_it(page: str) -> None:
    app = opened(page, model=siamese(), image=f"{PAIR}@2", pixel="3,5")
    assert errors(app) == []
    assert app.get("plotly_chart") or page.endswith("doctor.py")
    assert ":gray[image] **images_right**\N{EM SPACE}:gray[held] **images_left**" in _unspaced(app)


def _unspaced(app: AppTest) -> str:
    return " ".join(texts(app)).replace("&emsp;", "\N{EM SPACE}")


def test_a_model_chosen_for_one_image_gets_another_and_back() -> None:
    app = opened(model=siamese(), image="sample/star")
    assert errors(app) == []
    assert values(chart(app, "gradient2")).shape == (20, 20)
    assert images.as_pair("sample/star") == keys.pair("sample/star", "sample/ring")
    app = opened(model="preset/shapes-cnn", image=f"{PAIR}@2")
    assert errors(app) == []
    whole = gv.answer(gv.GradientQuestion(model="preset/shapes-cnn", image="sample/heart"))
    np.testing.assert_allclose(
        values(chart(app, "gradient")), whole.gradients[gv.INPUT][0].sum(0), rtol=1e-5, atol=1e-9
    )


def test_uploads_in_both_places_and_one_that_is_gone() -> None:
    model = siamese()
    pair = keys.pair(kept(LEFT), kept(RIGHT))
    app = opened(model=model, image=pair)
    assert errors(app) == []
    np.testing.assert_allclose(values(chart(app, "gradient2")), signed_sum(model, f"{pair}@2"), rtol=1e-5, atol=1e-9)
    gone = keys.pair(kept(LEFT), keys.upload("0" * 64))
    (said,) = errors(opened(SALIENCY, model=model, image=gone))
    assert "pload" in said


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("looked_at", [0, 1])
def test_an_image_takes_the_place_it_was_chosen_for(place: int, looked_at: int) -> None:
    slot = images._Slot("", "", keys.pair("sample/star", "sample/heart", looked_at), place)
    assert slot.chosen == ("sample/star", "sample/heart")[place]
    first, second = ("sample/star", "sample/ring") if place else ("sample/ring", "sample/heart")
    assert slot.with_image("sample/ring") == keys.pair(first, second, looked_at)
    assert slot.looked_at("sample/ring") == keys.pair(first, second, place)


class OfBands(nn.Module):
    """Compares the mean of five bands with that of four."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        score = (a.mean((1, 2, 3)) * b.mean((1, 2, 3)))[:, None]
        return torch.cat([score, -score], 1)


@pytest.mark.parametrize("place", [0, 1])
def test_the_bands_that_are_shown_are_chosen_for_the_image_that_is_looked_at(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "keep_recipe", lambda recipe: keys.upload(store.here().keep_recipe(recipe)))
    data = pairs.file(OfBands(), torch.rand(1, 5, 6, 6), torch.rand(1, 4, 6, 6))
    report = model_files.inspect(data)
    assert report.preprocessing is not None
    recipe = Recipe(store.here().put(data), "", "Two", (), report.preprocessing, inputs=("a", "b"), other=report.other)
    given = [bands.kept(bands.reflectances(count, 6, 6)) for count in (5, 4)]
    app = opened(model=keys.upload(store.here().keep_recipe(recipe)), image=keys.pair(given[0], given[1], place))
    assert errors(app) == []
    next(group for group in app.button_group if group.label == "Bands shown").set_value("3").run()
    assert errors(app) == []
    kept_now = store.here().recipe(keys.digest(app.query_params["model"]) or "")
    assert kept_now.other is not None
    assert [steps.shown == (3,) for steps in (kept_now.preprocessing, kept_now.other)] == [place == 0, place == 1]
    assert "Band 3 in grey" in " ".join(texts(app))


@pytest.mark.parametrize("place", [0, 1])
def test_a_link_brings_the_thumbnails_of_both_uploads(place: int) -> None:
    pair = keys.pair(kept(LEFT), kept(RIGHT), place)
    app = opened(model=siamese(), image=pair, method="gradient_x_input")
    assert errors(app) == []
    assert sorted(app.session_state["uploads"]) == sorted(keys.images(pair))
    pictures = app.session_state["uploads"].values()
    assert len(set(pictures)) == 2, "each has its own"


@pytest.mark.parametrize("place", [0, 1])
def test_compare_takes_the_layer_output_that_saw_the_image_it_is_drawn_over(place: int) -> None:
    model, pair = siamese(), keys.pair("sample/star", "sample/heart", place)
    app = opened("pages/comparing/compare.py", model=model, image=pair, map1="layer.grad_cam")
    assert errors(app) == []
    said = " ".join(texts(app))
    assert f"relu, {('first', 'second')[place]} call" in said
    assert "depends on the other image alone" not in said
    assert f"For the image “images_{('left', 'right')[place]}”, with" in said
    other = opened(
        "pages/comparing/compare.py",
        model=model,
        image=pair,
        map1="layer.grad_cam",
        map1_layer=f"relu{':1' * (1 - place)}",
    )
    assert errors(other) == []
    assert "depends on the other image alone, which is not the one below" in " ".join(texts(other))


@pytest.mark.parametrize("place", [0, 1])
def test_layers_takes_the_layer_output_that_saw_the_image_it_is_drawn_over(place: int) -> None:
    pair = keys.pair("sample/star", "sample/heart", place)
    app = opened(MAPS, model=siamese(), image=pair, maps="method", layer_method="grad_cam")
    assert errors(app) == []
    said = [text for text in texts(app) if text.startswith("Where the channels of")]
    assert said
    assert f"of relu, {('first', 'second')[place]} call" in said[0]
