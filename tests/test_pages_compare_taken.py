"""Compare without a browser: pictures that are taken from other pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import inline
from pages.comparing import taking
from pages.comparing.slots import Texts
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, SALIENCY, answer_here, chart, errors, opened, values
from tests.test_pages_compare import COMPARE, SHAPES, about, said_of_maps


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield
    answer_cache.clear()


def take(app: AppTest) -> None:
    next(button for button in app.button if button.label == "Take this picture").click().run()


def test_a_picture_that_is_taken_stays_what_it_was_while_the_sidebar_changes() -> None:
    app = opened(SALIENCY, **SHAPES, target="2", method="smoothgrad", options="draws=4", view="l2")
    take(app)
    app.selectbox(key="shown_target").set_value("3").run()
    take(app)
    app.switch_page(COMPARE).run()
    assert not errors(app)
    assert said_of_maps(app) == {
        "map1": "smoothgrad",
        "map1_options": "draws=4",
        "map1_target": "2",
        "map2_options": "draws=4",
        "map2_target": "3",
        "map3": "none",
        "map_view": "l2",
    }, "the model and the image are those of the sidebar again, as both say them"
    options = (("draws", 4.0),)
    for key, target in (("map1", 2), ("map2", 3)):
        question = about(method="smoothgrad", options=options, target=gv.ClassScore(target))
        found = inline.ask(question).attributions[gv.INPUT][0]
        np.testing.assert_allclose(values(chart(app, key)), np.sqrt((found**2).sum(axis=0)), rtol=1e-4, atol=1e-7)
    app.switch_page(SALIENCY).run()
    app.session_state["address"].chosen["image"] = "sample/heart"
    app.run()
    take(app)
    app.switch_page(COMPARE).run()
    said = said_of_maps(app)
    assert [said.get(f"map{slot}_image") for slot in (1, 2, 3)] == ["sample/star", "sample/star", "sample/heart"]


def test_a_map_of_a_layer_is_taken_with_its_layer_and_options() -> None:
    layer = {"maps": "method", "site": "features.11", "layer_options": "negative=kept"}
    app = opened(MAPS, **SHAPES, **layer)
    take(app)
    app.switch_page(COMPARE).run()
    expected = {"map1": "layer.grad_cam", "map1_layer": "features.11", "map1_options": "negative=kept"}
    assert said_of_maps(app) == expected | {"map2": "none", "map3": "none"}
    site = gv.Site("features.11")
    asked = about(method="grad_cam", options=(("negative", "kept"),), wrt=(site,))
    np.testing.assert_array_equal(values(chart(app, "map1")), inline.ask(asked).attributions[site][0, 0])


def test_a_picture_is_taken_once_and_the_button_says_why() -> None:
    app = opened(SALIENCY, **SHAPES)
    take(app)
    button = next(button for button in app.button if button.label == "Take this picture")
    assert (button.disabled, button.help) == (True, "This picture is on Compare already.")
    app.session_state["address"].chosen["target"] = "3"
    app.run()
    assert not next(button for button in app.button if button.label == "Take this picture").disabled


def test_what_all_maps_say_as_the_sidebar_does_is_left_to_it() -> None:
    says = Texts(model="m", image="i", target="predicted")
    both = [
        Texts("gradient", model="m", image="i", target="3"),
        Texts("rise", model="m", image="i", target="predicted"),
    ]
    left = taking.left_to_the_sidebar(both, says)
    assert [(each.model, each.image, each.target) for each in left] == [("", "", "3"), ("", "", "predicted")]
    other = [both[0], Texts("rise", model="m", image="j", target="3")]
    assert [each.image for each in taking.left_to_the_sidebar(other, says)] == ["i", "j"]
    scaled = [Texts("gradient", target="predicted", scale="probability")]
    assert taking.left_to_the_sidebar(scaled, says)[0].target == "predicted", "another scale is another score"
    assert taking.filled(Texts("gradient"), says) == Texts("gradient", model="m", image="i", target="predicted")
