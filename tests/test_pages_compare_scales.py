"""Compare without a browser: scales of their own, and maps of two images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from gradviz_core.compute import inline
from gradviz_core.drawing import colour_bars, compared_words, fields, figures
from gradviz_core.types import SurveyQuestion
from pages.comparing import slots
from pages.comparing.slots import Texts
from pages.shell.answer_cache import answer_cache
from tests.opening import answer_here, chart, opened, values
from tests.test_pages_compare import COMPARE, SHAPES, said_of_maps


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield
    answer_cache.clear()


def test_maps_of_two_images_are_not_compared_place_by_place() -> None:
    app = opened(COMPARE, **SHAPES, map2="gradient", map2_image="sample/heart", map3="none")
    (table,) = [m.value for m in app.markdown if m.value.startswith("| maps |")]
    assert [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]] == [
        "A, B",
        *["–"] * 3,
        "nothing: two images",
    ]


def test_each_map_can_have_a_scale_of_its_own_and_their_difference_stays() -> None:
    shared, own = opened(COMPARE, **SHAPES), opened(COMPARE, **SHAPES, map_scale="own")
    limits = [chart(own, key)["data"][-1]["zmax"] for key in ("map1", "map2")]
    assert limits[1] < 0.9 * limits[0]
    said = " ".join(one.value for one in own.caption)
    assert all(f"{letter} has a scale of its own" in said for letter in "ABC")
    assert "one scale" not in said
    np.testing.assert_array_equal(values(chart(own, "map_difference")), values(chart(shared, "map_difference")))
    control = shared.button_group(key="shown_map_scale")
    control.set_value("own").run()
    assert said_of_maps(shared) == {"map_scale": "own"}


def test_what_is_added_is_not_there_yet_and_keeps_model_image_and_score_of_the_last() -> None:
    survey = inline.ask(SurveyQuestion(model=SHAPES["model"], image=SHAPES["image"]))
    items = [Texts(method) for method in slots.FIRST[:2]]
    items.append(Texts("layer.grad_cam", "negative=kept", "features.11", "m", "i", "3", "probability"))
    while len(items) < slots.MOST:
        items.append(slots.added(items, survey))
    assert len({each.method for each in items}) == slots.MOST
    assert items[3] == Texts("integrated_gradients", "", "", "m", "i", "3", "probability")
    assert slots.added(items[:2], replace(survey, sites=())).method == "integrated_gradients"


def test_a_map_that_is_all_but_blank_on_the_shared_scale_says_so() -> None:
    strong = fields.field(np.linspace(-1, 1, 400, dtype=np.float32).reshape(20, 20), signed=True)
    weak = fields.field(0.05 * strong.values, signed=True)
    _, drawn = fields.share_scale([strong, weak])
    said = compared_words.faint(weak, drawn)
    assert f"at most ±{weak.limit:.3g} here" in said
    assert said.endswith("“Per map” shows it.")
    assert compared_words.faint(weak, weak) == "", "on its own scale"
    assert compared_words.faint(strong, drawn) == ""
    zero = fields.field(np.zeros((20, 20), np.float32), signed=True)
    assert compared_words.faint(zero, drawn) == ""


def test_pictures_side_by_side_have_one_room_for_their_bars_and_say_their_units() -> None:
    app = opened(COMPARE, **SHAPES, map4="integrated_gradients")
    layouts = [chart(app, f"map{slot}")["layout"] for slot in range(1, 5)]
    assert len({each["margin"]["r"] for each in layouts}) == 1
    assert all("unit" in [said.get("name") for said in each["annotations"]] for each in layouts)
    field = fields.field(np.linspace(-1e-5, 1e-5, 400, dtype=np.float32).reshape(20, 20), signed=True, unit="logit")
    figure = figures.heatmap(field)
    colour_bars.give_room(figure, 140)
    assert figure.layout.margin.r == 140
    assert [each.xshift for each in figure.layout.annotations if each.name == "unit"] == [131]
