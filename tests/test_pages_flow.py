"""The gradient flow page without a browser: what it draws is what the library answers, and the address says it all."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import streamlit as st

from gradviz_core.compute import inline
from gradviz_core.types import INPUT, ClassDifference, FlowAnswer, FlowQuestion, Question, Site
from gradviz_core.types.sites import site_name
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click
from pages.understand import flow, flow_clicks
from tests.opening import MAPS, answer_here, chart, errors, opened, texts

PAGE = "pages/understand/gradient_flow.py"
MODEL, IMAGE = "preset/shapes-resnet", "sample/star"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def answered(model: str = MODEL, image: str = IMAGE) -> FlowAnswer:
    answer = inline.ask(FlowQuestion(model=model, image=image, parameters=True))
    assert isinstance(answer, FlowAnswer)
    return answer


def line(figure: dict[str, Any], name: str) -> np.ndarray:
    (trace,) = [t for t in figure["data"] if t["name"] == name and t["type"] == "scatter"]
    return _numbers(trace["y"])


def _numbers(sent: Any) -> np.ndarray:
    if isinstance(sent, dict):
        return np.frombuffer(base64.b64decode(sent["bdata"]), dtype=sent["dtype"])
    return np.array([np.nan if value is None else value for value in sent], dtype=np.float64)


def test_the_lines_are_the_norms_and_nothing_else() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE)
    answer = answered()
    shown = [i for i, info in enumerate(answer.sites) if info.same_as is None and info.site != INPUT]
    drawn = chart(app, "flow")
    np.testing.assert_allclose(line(drawn, "gradient"), answer.arrays["gradient_norm"][shown])
    np.testing.assert_allclose(line(drawn, "activation"), answer.arrays["activation_norm"][shown])
    (bars,) = [t for t in drawn["data"] if t["type"] == "bar"]
    np.testing.assert_allclose(_numbers(bars["y"]), 100 * answer.arrays["dead_share"][shown])
    parameters = chart(app, "parameters")
    np.testing.assert_allclose(line(parameters, "gradient"), answer.arrays["parameter_gradient_norm"])
    assert not app.error


def test_two_models_share_one_scale_and_the_address_restores_them(asked: list[Question]) -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, model2="preset/shapes-cnn", image2="sample/heart")
    drawn = chart(app, "flow")
    other = answered("preset/shapes-cnn", "sample/heart")
    shown = [i for i, info in enumerate(other.sites) if info.same_as is None and info.site != INPUT]
    found = line(drawn, "gradient, shapes-cnn on heart")
    np.testing.assert_allclose(found, other.arrays["gradient_norm"][shown])
    assert len(found) != len(line(drawn, "gradient, shapes-resnet on star"))
    assert {t.get("yaxis", "y") for t in drawn["data"] if t["type"] == "scatter"} == {"y"}
    assert [q.model for q in asked if isinstance(q, FlowQuestion)] == [MODEL, "preset/shapes-cnn"]


@pytest.mark.parametrize(("name", "value"), [("model2", "preset/nothing"), ("image2", "upload/x")])
def test_what_cannot_be_compared_with_is_said(name: str, value: str) -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, **{name: value})
    assert any(f"nothing called '{value}'" in text.replace("\\", "") for text in errors(app))
    assert line(chart(app, "flow"), "gradient").size


def test_a_second_model_that_fails_leaves_the_first_on_the_page() -> None:
    app = opened(PAGE, model="torchvision/squeezenet1_1@random-0", image=IMAGE, target="500", model2=MODEL)
    assert any("Class 500 does not exist" in text for text in errors(app))
    assert line(chart(app, "flow"), "gradient").size


def test_the_chosen_site_is_marked_told_and_linked() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, site="layer1.0.relu:1")
    assert len(chart(app, "flow")["layout"]["shapes"]) == 1
    assert any("norm of the gradient" in text for text in texts(app))
    assert "layer1.0.relu, second call on the Layers page" in [
        link.proto.label.replace("\\", "") for link in app.get("page_link")
    ]


def test_zeros_and_what_is_not_finite_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = answered()
    shown = [i for i, info in enumerate(answer.sites) if info.same_as is None and info.site != INPUT]
    norms, weights = answer.arrays["gradient_norm"].copy(), answer.arrays["parameter_gradient_norm"].copy()
    norms[shown[2]], norms[shown[5]], weights[1], weights[3] = 0, np.inf, 0, np.nan
    changed = replace(answer, arrays={**answer.arrays, "gradient_norm": norms, "parameter_gradient_norm": weights})
    ends = dict(flow.range_of(changed))
    name = site_name(answer.sites[shown[2]].site, answer.sites[shown[2]].calls)
    assert ends["smallest gradient"] == f"0 at {name}"
    assert ends["largest gradient"].startswith("NaN or infinity at ")
    assert ("norm of the gradient", "zero") in flow.facts_of(changed, answer.sites[shown[2]])
    picture = flow.over_sites(changed, None, (), (), "")
    assert picture.caption is not None
    assert {"open marks at the bottom: zero", "crosses at the top: NaN or infinity"} <= {*picture.caption.facts}
    assert "gradient contains NaN or infinity" in picture.figure.data[0].customdata[5]
    parameters = flow.over_parameters(changed, None, ())
    assert parameters.caption is not None
    count = len(weights)
    assert f"the gradient is zero at 1 of {count} parameters" in parameters.caption.facts
    assert f"no gradient reaches 1 of {count} parameters" in parameters.caption.facts
    assert "crosses at the top: NaN or infinity" not in parameters.caption.facts


def test_the_other_model_has_names_of_its_own() -> None:
    app = opened(PAGE, model="preset/shapes-cnn", image="sample/digit-8", target="8", model2="preset/digits-mlp")
    assert not app.error
    (caption,) = {text for text in texts(app) if "the comparison, on the same scale" in text}
    assert "hexagon" in caption
    assert "where it is the logit of class 8" in caption


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What each click chose as it opened the feature maps."""
    choices: list[dict[str, object]] = []

    def leave(page: str, chosen: dict[str, object]) -> None:
        assert page == MAPS
        choices.append(chosen)

    monkeypatch.setattr(address, "leave", leave)
    monkeypatch.setattr(address, "read", lambda name, default="": default)
    return choices


def test_a_click_opens_the_feature_maps_of_the_line_that_was_clicked(left: list[dict[str, object]]) -> None:
    first, heart, other = answered(), answered(image="sample/heart"), answered("preset/shapes-cnn", "sample/heart")
    sites = [[info.site for info in a.sites if info.same_as is None and info.site != INPUT] for a in (first, other)]
    flow_clicks.open_site(first, None)(Click(0, 0, 3, 2))
    flow_clicks.open_site(first, heart)(Click(0, 0, 4, 3))
    flow_clicks.open_site(first, other)(Click(0, 0, 5, 2))
    flow_clicks.open_site(first, other)(Click(0, 0, 6, 1))
    flow_clicks.open_site(first, other)(Click(0, 0, len(sites[1]), 2))
    predicted = {"target": None, "minus": None}
    assert left == [
        {"site": sites[0][3]},
        {"model": MODEL, "image": "sample/heart", "image2": IMAGE, **predicted, "site": sites[0][4]},
        {
            "model": "preset/shapes-cnn",
            "image": "sample/heart",
            "model2": MODEL,
            "image2": IMAGE,
            **predicted,
            "site": sites[1][5],
        },
        {"site": sites[0][6]},
    ]


def test_the_lines_lie_in_the_order_that_a_click_counts_on() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, model2="preset/shapes-cnn")
    names = [trace["name"] for trace in chart(app, "flow")["data"]]
    assert {i for i, name in enumerate(names) if name.endswith("shapes-cnn")} == set(flow_clicks._OF_THE_SECOND)
    names = [trace["name"] for trace in chart(app, "parameters")["data"]]
    assert [i for i, name in enumerate(names) if name.endswith("shapes-cnn")] == [2, 3]


def test_a_score_stays_the_same_on_the_way_to_the_second_model(left: list[dict[str, object]]) -> None:
    first, second = (
        inline.ask(FlowQuestion(model=model, image=IMAGE, target=ClassDifference(3, 5), parameters=True))
        for model in (MODEL, "preset/shapes-cnn")
    )
    assert isinstance(first, FlowAnswer)
    assert isinstance(second, FlowAnswer)
    flow_clicks.open_site(first, second)(Click(0, 0, 0, 3))
    assert (left[0]["target"], left[0]["minus"]) == (3, 5)


def test_a_click_on_a_parameter_opens_the_maps_of_its_layer(
    left: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(st, "toast", said.append)
    answer = answered("preset/shapes-vit")
    for position, parameter in enumerate(answer.parameters):
        flow_clicks.open_holder(answer, None)(Click(0, 0, position, 0))
        path = parameter.name.rpartition(".")[0]
        if path and any(info.site.path == path for info in answer.sites):
            site = left.pop()["site"]
            (info,) = [info for info in answer.sites if info.site == site]
            assert info.same_as is None
            assert path in [other.site.path for other in answer.sites if site in (other.site, other.same_as)]
        else:
            assert parameter.name in said.pop().replace("\\", "")
    assert not left
    assert not said


def test_a_layer_that_never_ran_has_no_maps_to_open() -> None:
    answer = answered()
    assert flow_clicks.holder(answer, "layer1.0.conv1.weight") == Site("layer1.0.conv1")
    assert flow_clicks.holder(answer, "no.such.layer.weight") is None
    assert flow_clicks.holder(answer, "class_token") is None
