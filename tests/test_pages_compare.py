"""Compare without a browser: what stands side by side, on which scale, and the address that restores it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.types import GradientQuestion, Question
from pages.explore import compare_items
from pages.explore.compare_items import Texts
from pages.shell.answer_cache import answer_cache
from tests.opening import answer_here, chart, errors, opened, read, texts, values

COMPARE = "pages/explore/compare.py"
SHAPES = {"model": "preset/shapes-cnn", "image": "sample/star"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def summed(**choices: object) -> np.ndarray:
    question = GradientQuestion(**{**SHAPES, **choices})  # type: ignore[arg-type]
    found: np.ndarray = inline.ask(question).attributions[gv.INPUT][0].sum(axis=0)
    return found


def said_of_maps(app: AppTest) -> dict[str, str]:
    said = {name: app.query_params[name] for name in app.query_params if name.startswith("map")}
    return {name: text if isinstance(text, str) else text[0] for name, text in said.items()}


def test_a_first_visit_compares_three_methods_and_says_nothing_in_the_address() -> None:
    app = opened(COMPARE, **SHAPES)
    assert not errors(app)
    np.testing.assert_array_equal(values(chart(app, "map1")), summed())
    np.testing.assert_allclose(values(chart(app, "map2")), summed(method="smoothgrad"), rtol=1e-5, atol=1e-7)
    limits = [trace["zmax"] for key in ("map1", "map2", "map3") for trace in chart(app, key)["data"][-1:]]
    assert limits[0] == limits[1] != limits[2]
    said = " ".join([*texts(app), *(one.value for one in app.caption)])
    assert "A and B share one scale" in said
    assert "C has a scale of its own" in said
    assert not {name for name in app.query_params if name.startswith("map")}


def test_the_address_restores_methods_layers_scores_models_and_images() -> None:
    choices = {
        "map1": "integrated_gradients",
        "map1_options": "steps=4",
        "map1_target": "2",
        "map1_scale": "probability",
        "map2": "layer.gradient_x_input",
        "map2_layer": "features.11",
        "map2_image": "sample/heart",
        "map3": "gradient",
        "map3_model": "preset/shapes-resnet",
        "map3_target": '{"index":3,"kind":"difference","other":5}',
        "map4": "layer.grad_cam",
        "map4_layer": "features.14",
    }
    app = opened(COMPARE, **SHAPES, **choices)
    assert not errors(app)
    assert said_of_maps(app) == choices
    share = gv.ClassScore(2, "probability")
    options = (("baseline", "zero"), ("steps", 4.0), ("rule", "gauss"))
    expected = summed(method="integrated_gradients", options=options, target=share)
    np.testing.assert_allclose(values(chart(app, "map1")), expected, rtol=1e-5, atol=1e-7)
    site = gv.Site("features.11")
    inside = inline.ask(
        GradientQuestion(model=SHAPES["model"], image="sample/heart", method="gradient_x_input", wrt=(site,))
    )
    np.testing.assert_array_equal(values(chart(app, "map2")), inside.attributions[site][0].sum(axis=0))
    other = summed(model="preset/shapes-resnet", target=gv.ClassDifference(3, 5))
    np.testing.assert_array_equal(values(chart(app, "map3")), other)
    heads = " ".join(texts(app))
    for words in ("A Integrated gradients", "B Gradient × input of features.11", "D Grad-CAM of features.14"):
        assert words in heads.replace("&ensp;", " ").replace("**", ""), words


def test_what_is_taken_is_written_so_that_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        Texts("layer.grad_cam", "negative=kept", "layer4", "m", "i", "3", "probability"),
        Texts("smoothgrad"),
        Texts("gradient"),
        Texts("rise", target='{"kind":"loss","label":2}'),
    ]
    for count in range(1, 5):
        said = {name: text for name, text in compare_items.written(items[:count]).items() if text}
        monkeypatch.setattr("pages.shell.address.kept", lambda names, said=said: {n: said.get(n, "") for n in names})
        assert list(compare_items.chosen().values()) == items[:count]
    assert compare_items.written([Texts(method) for method in compare_items.FIRST]) == dict.fromkeys(
        [parameter.name for parameter in compare_items.PARAMETERS], ""
    ), "the usual ones are not in the address"


def test_they_are_added_and_removed() -> None:
    app = opened(COMPARE, **SHAPES)
    app.button(key="remove_2").click().run()
    assert said_of_maps(app) == {"map2": "layer.grad_cam", "map3": "none"}
    assert [c.proto.id.rpartition("-")[2] for c in app.get("plotly_chart")] == ["chart_map1", "chart_map2"]
    next(button for button in app.button if button.label == "Add").click().run()
    assert said_of_maps(app) == {"map2": "layer.grad_cam"}, "the third is the usual one again"
    assert not errors(app)


def test_what_fails_says_so_in_its_place_and_the_others_stand() -> None:
    wrong = {
        "map1": "magic",
        "map2": "layer.grad_cam",
        "map2_layer": "nowhere",
        "map3": "gradient",
        "map4": "layer.rise",
    }
    app = opened(COMPARE, **SHAPES, **wrong)
    assert len(errors(app)) == 3
    said = [read(error) for error in errors(app)]
    assert "There is no method 'magic' at the input" in said[0]
    assert "There is no site 'nowhere'" in said[1]
    assert "There is no method 'layer.rise' at a layer output" in said[2]
    assert [c.proto.id.rpartition("-")[2] for c in app.get("plotly_chart")] == ["chart_map3"]
