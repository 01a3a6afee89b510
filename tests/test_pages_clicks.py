"""Clicks on pictures, and the controls that do the same: a pixel, a cell, a unit, kept from page to page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.drawing import bars, captions, fields
from gradviz_core.drawing.screen import OverInput
from gradviz_core.types import (
    INPUT,
    GradientAnswer,
    GradientQuestion,
    Layout,
    PerturbationAnswer,
    PerturbationQuestion,
    Question,
    Site,
    SiteInfo,
    SurveyAnswer,
    SurveyQuestion,
    Unit,
)
from pages.shell import address, pixel, sites
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click
from pages.understand import changes
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, errors, opened, texts

PERTURBATION = "pages/understand/perturbation.py"
CNN = {"model": "preset/shapes-cnn", "image": "sample/star"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What clicks chose."""
    choices: dict[str, object] = {}
    monkeypatch.setattr(address, "write", choices.update)
    return choices


def gradient(**choices: object) -> GradientAnswer:
    answer = inline.ask(GradientQuestion(**(CNN | choices)))  # type: ignore[arg-type]
    assert isinstance(answer, GradientAnswer)
    return answer


# -------------------------------------------------------------------------------------------------------------- a pixel


def _boxed(app: AppTest, key: str) -> list[tuple[float, float]]:
    """Row and column in the middle of each box in a picture."""
    shapes = [s for s in chart(app, key)["layout"]["shapes"] if s["type"] == "rect"]
    return [((s["y0"] + s["y1"]) / 2, (s["x0"] + s["x1"]) / 2) for s in shapes]


def test_a_pixel_is_told_in_exact_numbers_and_marked(asked: list[Question]) -> None:
    app = opened(**CNN)
    before = len(asked)
    app.text_input(key="shown_pixel").set_value("30, 41").run()
    assert len(asked) == before, "what is told is in the answer already"
    assert app.query_params["pixel"] == "30, 41"
    answer = gradient()
    values = answer.gradients[INPUT][0, :, 30, 41]
    (said,) = [text for text in texts(app) if "row 30, column 41" in text]
    for value in (*values, values.sum(), np.sqrt((values**2).sum())):
        assert f"**{captions.number_text(float(value), 4)}**" in said
    assert "rgb({}, {}, {})".format(*answer.pixels[30, 41]) in said
    for key in ("image", "gradient"):
        assert _boxed(app, key)[-1] == pytest.approx((30, 41))


def test_every_channel_is_marked_where_each_is_shown() -> None:
    app = opened(**CNN, view="channels", pixel="2,3")
    marks = [s for s in chart(app, "gradient")["layout"]["shapes"] if s["line"].get("dash") == "solid"]
    assert len(marks) == 3
    assert len({(s["x0"], s["y0"]) for s in marks}) == 3


@pytest.mark.parametrize("page", [SALIENCY, NEURONS, MAPS, PERTURBATION])
@pytest.mark.parametrize("text", ["96,0", "3", "-1,4", "a,b", "1,2,3", "9" * 20 + ",1"])
def test_a_pixel_outside_the_picture_is_an_error_and_no_other_pixel(page: str, text: str) -> None:
    follow = {"follow": "unit"} if page == PERTURBATION else {}
    app = opened(page, **CNN, **follow, pixel=text)
    (said,) = errors(app)
    assert "it must be a row from 0 to 95 and a column from 0 to 95" in said
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert app.get("plotly_chart")


def test_a_click_chooses_the_pixel_on_one_picture_and_on_one_of_several(written: dict[str, object]) -> None:
    pixel.click(Click(5, 7, -1))
    assert written == {"pixel": "5,7"}
    sheet = fields.tile(np.ones((3, 20, 30), np.float32), columns=3)
    row, column = sheet.corner(2)
    whole = OverInput(np.ones((1, 3, 20, 30), np.float32))
    pixel.click_over(whole, sheet)(Click(row + 8, column + 9, -1))
    assert written == {"pixel": "8,9"}
    pixel.click_over(whole, sheet)(Click(row - 1, column + 9, -1))
    pixel.click_over(whole, sheet)(Click(row, column - 1, -1))
    pixel.click(Click(-1, -1, -1))
    assert written == {"pixel": "8,9"}, "neither a number above a picture nor a gap is a pixel"
    pixel.click_over(whole)(Click(1, 2, -1))
    assert written == {"pixel": "1,2"}


def test_the_unit_over_the_pixel_is_asked_at_every_site(asked: list[Question]) -> None:
    app = opened(NEURONS, **CNN, pixel="90,5", site="features.14", channel="2")
    row, column = _place(app)
    rows, columns = next(info.shape for info in _sites() if str(info.site) == "features.14")[2:]
    assert (row, column) == (int(90.5 / 96 * rows), int(5.5 / 96 * columns))
    assert asked[-1].target == Unit(Site("features.14"), (2, row, column))  # type: ignore[attr-defined]
    app.selectbox(key="shown_site").select("features.2").run()
    rows, columns = next(info.shape for info in _sites() if str(info.site) == "features.2")[2:]
    assert _place(app) == [int(90.5 / 96 * rows), int(5.5 / 96 * columns)]
    assert "row" not in app.query_params


def _place(app: AppTest) -> list[int]:
    """Row and column of the unit."""
    return [int(app.number_input(key=key).value or 0) for key in ("shown_row", "shown_col")]


def test_a_place_that_was_chosen_counts_until_another_pixel_is() -> None:
    app = opened(PERTURBATION, **CNN, follow="unit", site="features.14", row="1", col="2")
    assert [n.value for n in app.number_input[:2]] == [1, 2]
    app.text_input(key="shown_pixel").set_value("95,95").run()
    assert [n.value for n in app.number_input[:2]] == [11, 11]
    assert "row" not in app.query_params


def test_a_token_over_the_pixel_is_asked_in_a_transformer() -> None:
    app = opened(NEURONS, model="preset/shapes-vit", image="sample/star", pixel="0,0")
    (token,) = [n for n in app.number_input if n.label == "Token"]
    last = opened(NEURONS, model="preset/shapes-vit", image="sample/star", pixel="95,95")
    (other,) = [n for n in last.number_input if n.label == "Token"]
    assert (token.value, other.value) == (1, other.max), "token 0 stands for no part of the picture"


def test_the_perturbation_page_tells_the_pixel_before_and_after() -> None:
    app = opened(PERTURBATION, **CNN, pixel="40,50")
    answer = inline.ask(PerturbationQuestion(model=CNN["model"], image=CNN["image"], epsilon=4, away=True))
    assert isinstance(answer, PerturbationAnswer)
    (said,) = [text for text in texts(app) if "row 40, column 50" in text]
    for picture in (answer.pixels, answer.after):
        assert "rgb({}, {}, {})".format(*picture[40, 50]) in said
    for key in ("before", "after", "difference"):
        assert [column for _, column in _boxed(app, key)] == pytest.approx([50, 50])


# ------------------------------------------------------------------------------------------------------ a cell, a unit


def _sites(model: str = "preset/shapes-cnn") -> tuple[SiteInfo, ...]:
    answer = inline.ask(SurveyQuestion(model=model, image="sample/star"))
    assert isinstance(answer, SurveyAnswer)
    return answer.sites


@pytest.mark.parametrize(
    ("shape", "layout", "cell", "place"),
    [
        ((1, 4, 5, 6), "maps", (2, 3), {"row": 2, "col": 3}),
        ((1, 5, 6, 4), "maps_last", (2, 3), {"row": 2, "col": 3}),
        ((1, 10, 4), "tokens", (2, 1), {"token": 2}),
        ((1, 10, 4), "tokens", (0, 0), {"token": 0}),
        ((1, 10, 4), "tokens", (1, 1), {}),
        ((1, 7), "vector", (0, 0), {}),
    ],
)
def test_a_click_on_a_tile_chooses_its_channel_and_the_place(
    shape: tuple[int, ...], layout: Layout, cell: tuple[int, int], place: dict[str, int], written: dict[str, object]
) -> None:
    planes = fields.planes(np.ones(shape, np.float32), layout)
    numbers = list(range(len(planes.maps)))[::-1]
    sheet = fields.tile(planes.maps, numbers)
    row, column = sheet.corner(1)
    sites.choose_tile(sheet, planes)(Click(row + cell[0], column + cell[1], -1))
    assert written == {"channel": numbers[1], **place}
    written.clear()
    sites.choose_tile(sheet)(Click(row + cell[0], column + cell[1], -1))
    sites.choose_tile(sheet, planes)(Click(row - 1, column, -1))
    assert written == {"channel": numbers[1]}, "means of several places, and a tile's number, choose the channel alone"


def test_the_feature_maps_page_marks_the_unit_and_tells_its_numbers(asked: list[Question]) -> None:
    app = opened(MAPS, **CNN, site="features.14", channel="3", row="2", col="5", maps="product")
    before = len(asked)
    site = Site("features.14")
    answer = gradient(wrt=(site,))
    value, slope = answer.activations[site][0, 3, 2, 5], answer.gradients[site][0, 3, 2, 5]
    (said,) = [text for text in texts(app) if "channel 3 at row 2, column 5" in text]
    for number in (value, slope, value * slope):
        assert f"**{captions.number_text(float(number), 4)}**" in said
    assert _boxed(app, "channel")[-1] == pytest.approx((2, 5))
    app.number_input(key="shown_col").set_value(6).run()
    assert len(asked) == before, "another place is in the answer already"
    assert app.query_params["col"] == "6"


def test_this_unit_is_the_one_that_the_neurons_page_shows(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(st, "switch_page", lambda page, query_params: None)  # pages are known in a real server alone
    app = opened(MAPS, **CNN, site="features.14", row="2", col="5")
    channel = int(app.number_input(key="shown_channel").value or 0)
    next(button for button in app.button if button.label == "This unit on the Neurons page").click().run()
    app.switch_page(NEURONS).run()
    assert not app.exception
    assert asked[-1].target == Unit(Site("features.14"), (channel, 2, 5))  # type: ignore[attr-defined]
    assert {name: app.query_params[name] for name in ("channel", "row", "col", "site")} == {
        "channel": str(channel),
        "row": "2",
        "col": "5",
        "site": "features.14",
    }


def test_sheets_of_means_and_single_numbers_are_drawn_too() -> None:
    app = opened(MAPS, model="torchvision/resnet18@random-0", image="sample/star", site="conv1", row="111", col="0")
    assert not app.error
    assert len(_boxed(app, "channel")) == 2
    assert len(chart(app, "channels")["layout"]["shapes"]) == 2, "the chosen tile alone is outlined"
    app = opened(MAPS, model="preset/digits-mlp", image="sample/digit-3")
    assert not app.error
    assert any("Click a feature" in caption.value for caption in app.caption)


# --------------------------------------------------------------------------------------------------- classes and sizes


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "The only class"),
        (2, "Both classes"),
        (3, "All three classes"),
        (4, "All four classes"),
        (5, "The five most likely classes"),
        (8, "The five most likely classes"),
    ],
)
def test_the_bars_say_how_many_classes_they_show(count: int, words: str) -> None:
    assert bars.sentence(count) == words


@pytest.mark.parametrize(
    ("norm", "clicked", "epsilon"), [("max", 7, 7), ("max", 0, 1), ("max", 900, 64), ("l2", 333, 340), ("l2", -1, 20)]
)
def test_a_click_on_the_curve_chooses_the_nearest_epsilon(
    norm: str, clicked: int, epsilon: int, written: dict[str, object]
) -> None:
    question = PerturbationQuestion(**CNN, norm=norm)  # type: ignore[arg-type]
    changes.choose_size(question)(Click(0, clicked, 3))
    assert written == {"epsilon": epsilon}
