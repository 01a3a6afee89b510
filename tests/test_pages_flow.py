"""The gradient flow page without a browser: what it draws is what the library answers, and the address says it all."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradviz_core.compute import inline
from gradviz_core.types import INPUT, FlowAnswer, FlowQuestion, Question
from pages.parts import address, flow
from pages.parts.clicks import Click
from pages.parts.kept import kept
from tests.opening import answer_here, chart, errors, opened

PAGE = "pages/understand/gradient_flow.py"
MODEL, IMAGE = "preset/shapes-resnet", "sample/star"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    kept.clear()
    yield answer_here(monkeypatch)
    kept.clear()


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
    assert any("norm of the gradient" in text.value for text in app.markdown)
    assert "Feature maps of layer1.0.relu, second call" in [
        link.proto.label.replace("\\", "") for link in app.get("page_link")
    ]


def test_a_click_chooses_the_site_of_the_first_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    monkeypatch.setattr(address, "write", lambda choices: written.append(choices["site"]))
    first, second, third = answered(), answered(image="sample/heart"), answered("preset/shapes-cnn")
    sites = [info.site for info in first.sites if info.same_as is None and info.site != INPUT]
    flow.choose_site(first, None)(Click(0, 0, 3, 0))
    flow.choose_site(first, second)(Click(0, 0, 4, 2))
    flow.choose_site(first, third)(Click(0, 0, 5, 2))
    flow.choose_site(first, third)(Click(0, 0, 6, 1))
    flow.choose_site(first, third)(Click(0, 0, 999, 1))
    assert written == [sites[3], sites[4], sites[6]]
