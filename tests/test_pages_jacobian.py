"""The Jacobian page without a browser: what it opens on, then what the library answers, as addressed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.drawing import spectra
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    JacobianAnswer,
    JacobianQuestion,
    Question,
    Site,
    SpectrumQuestion,
    SurveyAnswer,
    SurveyQuestion,
)
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.shell.choice import Choice
from pages.shell.clicks import Click
from pages.understand import jacobian_answers, jacobian_choice, jacobian_pictures
from tests.opening import answer_here, chart, errors, opened, texts, values

PAGE = "pages/understand/jacobian.py"
MODEL, IMAGE = "preset/digits-mlp", "sample/star"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def _matrix() -> np.ndarray:
    answer = inline.ask(JacobianQuestion(model=MODEL, image=IMAGE))
    assert isinstance(answer, JacobianAnswer)
    return answer.arrays["matrix"]


def test_it_opens_on_the_sensitivity_of_the_outputs_to_the_image_with_the_predicted_class_marked() -> None:
    app = opened(PAGE, model="preset/shapes-cnn", image=IMAGE)
    assert not app.error
    answer = inline.ask(JacobianQuestion(model="preset/shapes-cnn", image=IMAGE))
    assert isinstance(answer, JacobianAnswer)
    norms, star = answer.arrays["row_norms"], 3
    assert norms.argmax() != star, "the strongest row is another one"
    figure = chart(app, "sensitivities")
    (mark,) = figure["layout"]["annotations"]
    assert (mark["text"], mark["x"]) == ("predicted", star)
    assert mark["y"] == pytest.approx(np.log10(norms[star]), abs=1e-4)
    assert figure["layout"]["xaxis"]["ticktext"][star] == "star (3)"
    assert app.number_input(key="shown_output").value == star
    drawn = answer.arrays["matrix"][star].reshape(3, 96, 96).sum(axis=0)
    np.testing.assert_allclose(values(chart(app, "output")), drawn, rtol=1e-5, atol=1e-6)
    assert any("Output 3, star (3), the predicted class" in text for text in texts(app))
    assert "of" not in app.query_params


def test_where_all_outputs_are_too_many_it_opens_on_the_predicted_class_and_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jacobian_choice, "MOST_ENTRIES", 5_000)
    monkeypatch.setattr(jacobian_choice, "AT_FIRST", 4)
    true, survey = _matrix(), inline.ask(SurveyQuestion(model=MODEL, image=IMAGE))
    assert isinstance(survey, SurveyAnswer)
    predicted = survey.prediction[0].index
    app = opened(PAGE, model=MODEL, image=IMAGE)
    np.testing.assert_array_equal(values(chart(app, "matrix")), true[predicted - 2 : predicted + 2])
    said = [info.value.replace("\\", "") for info in app.info]
    assert any("These are 4 of 10 outputs: the predicted class" in text for text in said), said
    app.text_input(key="shown_rows").set_value("all").run()
    assert app.query_params["rows"] == "all"
    assert not app.error
    assert "matrix" not in _charts(app), "all of them are answered by products"
    named = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".input")
    assert "matrix" not in _charts(named), "an address of before means what it meant"


def _charts(app: AppTest) -> set[str]:
    return {element.proto.id.rpartition("-chart_")[2] for element in app.get("plotly_chart")}


def test_an_address_that_names_the_identity_shows_it() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".output")
    assert not app.error
    np.testing.assert_array_equal(values(chart(app, "matrix")), np.eye(10))


def test_an_address_is_drawn_entry_by_entry() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".input", rows="2-5", output="4")
    assert not app.error
    true = _matrix()
    np.testing.assert_array_equal(values(chart(app, "matrix")), true[2:6])
    np.testing.assert_array_equal(values(chart(app, "output")), true[4].reshape(28, 28))
    spectrum = chart(app, "spectrum")["data"][0]
    assert [text for _, text in spectrum["customdata"]] == [
        f"{value:.4g}" for value in np.linalg.svd(true[2:6].astype(float))[1]
    ]
    assert chart(app, "matrix")["layout"]["yaxis"]["ticktext"] == ["class 2", "class 3", "class 4", "class 5"]


def test_a_hidden_layer_as_wide_as_the_classes_is_not_taken_for_them() -> None:
    survey = inline.ask(SurveyQuestion(model="preset/shapes-cnn", image=IMAGE))
    assert isinstance(survey, SurveyAnswer)
    scores = next(info for info in survey.sites if info.site == OUTPUT)
    head = next(info for info in survey.sites if info.site in (scores.same_as, scores.site))
    hidden = replace(head, site=Site("hidden"), same_as=None)
    choice = Choice("preset/shapes-cnn", IMAGE, survey, st.container(), st.container(), subject="")
    names = {
        info.site: (view.unit, view.names(3, 4)[0])
        for info in (scores, head, hidden)
        for view in [jacobian_choice.View(choice, info, survey.sites[0], (0, 10), st.container())]
    }
    label = f"{survey.card.labels[3]} (3)"
    assert names.pop(Site("hidden")) == ("unit of activation per normalised-pixel unit", "feature 3")
    assert set(names.values()) == {("logit per normalised-pixel unit", label)}


@pytest.mark.parametrize(("rank", "text"), [(5.98, "5.98"), (999.4, "999"), (999.99, "1,000"), (12345.6, "12,346")])
def test_an_effective_rank_is_never_written_with_a_power_of_ten(rank: float, text: str) -> None:
    assert jacobian_pictures._rank(rank) == text


def test_a_wide_matrix_is_drawn_in_blocks_and_a_click_chooses_the_row_that_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spectra, "MOST_ROWS", 3)
    monkeypatch.setattr(spectra, "MOST_COLUMNS", 100)
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".input", rows="1-9", output="6")
    true, figure = _matrix()[1:], chart(app, "matrix")
    shown = values(figure)
    assert shown.shape == (3, 98)
    block = true[3:6, 320:328]
    assert shown[1, 40] == block.flat[np.abs(block).argmax()]
    assert figure["layout"]["yaxis"]["ticktext"] == [f"class {i} to class {i + 2}" for i in (1, 4, 7)]
    assert figure["layout"]["xaxis"]["ticktext"][40] == "channel 0, row 11, column 12 to channel 0, row 11, column 19"
    assert (figure["layout"]["shapes"][0]["y0"], figure["layout"]["shapes"][0]["y1"]) == (0.5, 1.5)
    assert any(
        "each cell shows the entry of largest magnitude of 3×8, with its sign" in text.value for text in app.caption
    )

    view, found = _view(rows=(1, 10)), inline.ask(JacobianQuestion(model=MODEL, image=IMAGE, rows=(1, 10)))
    assert isinstance(found, JacobianAnswer)
    act = jacobian_pictures.pictures(view, found, 1)["matrix"].act
    written: list[dict[str, object]] = []
    monkeypatch.setattr(address, "write", written.append)
    assert act is not None
    for click in (Click(1, 40, -1), Click(-1, 40, -1), Click(3, 0, -1)):
        act(click)
    assert written == [{"output": 4 + int(np.abs(block).argmax()) // 8}]

    monkeypatch.setattr(spectra, "MOST_COLUMNS", 3)
    act = jacobian_pictures.pictures(view, found, 1)["sensitivities"].act
    assert act is not None
    for click in (Click(0, 0, 2), Click(0, 0, -1), Click(0, 0, 3)):
        act(click)
    assert written[1:] == [{"output": 7 + int(found.arrays["row_norms"][6:].argmax())}]


def _view(rows: tuple[int, int]) -> jacobian_choice.View:
    survey = inline.ask(SurveyQuestion(model=MODEL, image=IMAGE))
    assert isinstance(survey, SurveyAnswer)
    infos = {info.site: info for info in survey.sites}
    choice = Choice(MODEL, IMAGE, survey, st.container(), st.container(), subject="")
    return jacobian_choice.View(choice, infos[OUTPUT], infos[INPUT], rows, st.container())


def test_parts_are_put_together(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jacobian_answers, "PART", 3)
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".input")
    assert not app.error
    assert [q.rows for q in asked if isinstance(q, JacobianQuestion)] == [(0, 3), (3, 6), (6, 9), (9, 10)]
    np.testing.assert_array_equal(values(chart(app, "matrix")), _matrix())


def test_what_is_too_large_is_done_by_products(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (jacobian_choice, jacobian_pictures):
        monkeypatch.setattr(part, "MOST_ENTRIES", 1_000)
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".output", wrt=".input")
    assert not app.error
    asked_for = [q for q in asked if isinstance(q, SpectrumQuestion)]
    assert [q.steps for q in asked_for] == list(range(1, len(asked_for) + 1))
    true = np.linalg.svd(_matrix().astype(float))[1]
    drawn = chart(app, "spectrum")["data"][0]["y"]
    numbers = np.frombuffer(base64.b64decode(drawn["bdata"]), drawn["dtype"])
    np.testing.assert_allclose(numbers, true[:8], rtol=1e-4)
    assert any("Choose one row to see" in info.value for info in app.info)
    assert chart(app, "direction")["data"]
    assert chart(app, "output")["data"]


@pytest.mark.parametrize(
    ("least", "greatest", "text"),
    [
        (1420.2, 27_328, "at least 1,420"),
        (5.8, 6.3, "5.8 to 6.3"),
        (3, 6, "3 to 6"),
        (3, 6.1, "at least 3"),
        (2, 2, "2"),
        (0, 0, "0"),
    ],
)
def test_a_bound_that_says_little_is_left_out(least: float, greatest: float, text: str) -> None:
    assert jacobian_pictures._rank_between(least, greatest) == text


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("7-3", "7 comes after 3. Write the smaller number first: 3-7"),
        ("70-30", "70 comes after 30"),
        ("0-10", "rows are numbered from 0 to 9"),
        ("99999999999", "rows are numbered from 0 to 9"),
        ("2-4, 7", "several ranges, but one is shown at a time"),
        ("2 4 6", "several ranges"),
        ("x", "neither one row nor a range"),
        ("3-", "neither"),
        ("-1", "neither"),
        ("1-2-3", "neither"),
    ],
)
def test_rows_that_are_not_there_are_said_and_no_others_are_shown(rows: str, reason: str) -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, rows=rows)
    said = errors(app)[0].replace("\\", "")
    assert reason in said
    assert "Write all for all rows" in said
    assert said.count("numbered from 0 to 9") == (reason == "rows are numbered from 0 to 9")
    assert not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert values(chart(app, "matrix")).shape == (10, 784)


def test_a_site_that_comes_later_is_answered_in_one_sentence() -> None:
    app = opened(PAGE, model=MODEL, image=IMAGE, of=".input", wrt=".output")
    assert len(errors(app)) == 1
    assert "output before it" in errors(app)[0]
