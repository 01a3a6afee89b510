"""The backward page without a browser: what it draws is what the library answers, and the address says it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.types import BackwardQuestion, DiagnosisQuestion, Question, Site
from pages.shell import pointing, widgets
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from pages.understand import backward_breaks
from pages.understand.backward_choice import consumer
from pages.understand.backward_strip import blocks_of, cells
from tests.opening import answer_here, chart, errors, opened, read, texts, values

PAGE = "pages/understand/backward_pass.py"
CNN, STAR = "preset/shapes-cnn", "sample/star"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def test_the_whole_play_is_one_answer_and_a_step_draws_its_planes(asked: list[Question]) -> None:
    app = opened(PAGE, model=CNN, image=STAR, step="38")
    assert not app.error
    question = BackwardQuestion(model=CNN, image=STAR)
    assert [one for one in asked if isinstance(one, BackwardQuestion)] == [question]
    answer = inline.ask(question)
    assert answer.steps[3].name == "features.3"
    np.testing.assert_array_equal(values(chart(app, "arrives")), answer.arrays["incoming/3"])
    np.testing.assert_array_equal(values(chart(app, "leaves")), answer.arrays["outgoing/3"])
    app.query_params["step"] = "37"
    app.run()
    assert [one for one in asked if isinstance(one, BackwardQuestion)] == [question]


def test_on_the_way_forth_the_values_are_drawn() -> None:
    app = opened(PAGE, model=CNN, image=STAR, step="3")
    answer = inline.ask(BackwardQuestion(model=CNN, image=STAR))
    np.testing.assert_array_equal(values(chart(app, "arrives")), answer.arrays["input/3"])
    np.testing.assert_array_equal(values(chart(app, "leaves")), answer.arrays["output/3"])


def test_a_number_in_the_address_asks_for_its_terms(asked: list[Question]) -> None:
    app = opened(PAGE, model=CNN, image=STAR, step="38", number="2,10,11")
    assert not app.error
    assert BackwardQuestion(model=CNN, image=STAR, step=3, index=(2, 10, 11)) in asked


@pytest.mark.parametrize(
    ("sent", "cell"),
    [
        ({"row": 5, "column": 7.0}, (5, 7)),
        ({"row": -1, "column": -1}, None),
        ({"row": 10**9, "column": 0}, None),
        ({"row": float("nan"), "column": 0}, None),
        ({"row": "5", "column": 7}, None),
        ({"row": 5}, None),
        ([5, 7], None),
        (None, None),
    ],
)
def test_a_browser_may_send_anything_as_a_cell(
    sent: object, cell: pointing.Cell | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointing, "sent", lambda key, name: sent)
    assert pointing.at("any") == cell


def test_the_number_under_the_pointer_is_asked_for_and_the_address_keeps_the_chosen_one(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointing, "at", lambda key: (5, 7))
    app = opened(PAGE, model=CNN, image=STAR, step="38", number="12,30,20")
    assert [one.index for one in asked if isinstance(one, BackwardQuestion)] == [(), (12, 30, 20), (12, 5, 7)]
    assert app.query_params["number"] == "12,30,20"
    asked.clear()
    monkeypatch.setattr(pointing, "at", lambda key: (999, 0))
    assert not app.run().error
    assert not asked


def test_a_fault_in_the_address_is_diagnosed(asked: list[Question]) -> None:
    app = opened(PAGE, model=CNN, image=STAR, **{"break": "detach@features.7"})
    assert not app.error
    assert asked[-1] == DiagnosisQuestion(model=CNN, image=STAR, broken="detach", broken_at=Site("features.7"))
    (said,) = [text for text in texts(app) if "The doctor" in text]
    assert "detached here" in said
    assert any("predicted without the break" in text for text in texts(app))
    sound = opened(PAGE, model=CNN, image=STAR)
    assert not any("without the break" in text for text in texts(sound))
    assert any("No problems found" in text for text in texts(sound))


def offered(app: AppTest) -> list[dict[str, Any]]:
    """The pictures in the menu of downloads."""
    (found,) = [e.proto for e in app.get("bidi_component") if e.proto.component_name == "gradviz_downloads"]
    rows: list[dict[str, Any]] = json.loads(found.json)["rows"]
    return rows


def test_only_pictures_that_are_drawn_are_downloads_and_they_name_the_fault() -> None:
    fault = "broken on purpose: detached at features.7"
    app = opened(PAGE, model=CNN, image=STAR, step="34", **{"break": "detach@features.7"})
    (row,) = offered(app)
    assert row["chart"] == "chart_arrives"
    assert row["lines"][0].endswith(f"the logit of star (3), {fault}")
    assert any(fault in read(caption.value) for caption in app.caption), "it is in the alternative text, too"
    sound = opened(PAGE, model=CNN, image=STAR, step="34")
    assert [row["chart"] for row in offered(sound)] == ["chart_arrives", "chart_leaves"]
    assert [row["label"] for row in offered(sound)] == ["Arrives", "Goes on"], "as the page calls them"
    assert not any("broken" in line for row in offered(sound) for line in row["lines"])


def test_the_name_of_a_broken_layer_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    name, labels = "**a** :smile: [x](y)", dict[str, str]()
    monkeypatch.setattr(widgets, "option", lambda _label, _name, words, _meaning: labels.update(words))
    step = inline.ask(BackwardQuestion(model=CNN, image=STAR)).steps[3]
    for here in (step, replace(step, site=Site(name))):
        labels.clear()
        backward_breaks.switches(here, "dead", Site(name))
        assert labels[f"dead@{name}"] == f"Dead ReLU at {plain(name)}"


def test_overwritten_in_place_the_page_still_plays_forth() -> None:
    app = opened(PAGE, model=CNN, image=STAR, step="3", **{"break": "in_place@features.6"})
    assert not app.error
    assert values(chart(app, "leaves")).shape == (24, 24)
    back = opened(PAGE, model=CNN, image=STAR, step="30", **{"break": "in_place@features.6"})
    assert any("raises an error" in text for text in texts(back))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"step": "42"}, "Step cannot be 42: this pass has 21 steps each way, 0 to 41"),
        ({"step": "<b>"}, "Step cannot be"),
        ({"number": "1,2,x"}, "Number cannot be"),
        ({"number": "999"}, "has no number"),
        ({"break": "burn@features.7"}, "Break cannot be"),
        ({"break": "detach@nowhere"}, "There is no site"),
        ({"break": "dead@features.7"}, "is no ReLU"),
        ({"speed": "1000"}, "Speed cannot be"),
    ],
)
def test_what_does_not_exist_is_said_and_not_replaced(choices: dict[str, str], said: str) -> None:
    app = opened(PAGE, model=CNN, image=STAR, **choices)
    assert said in " ".join(errors(app)).replace("\\", "")


def test_a_number_of_an_output_is_followed_only_to_the_step_whose_first_input_it_is() -> None:
    answer = inline.ask(BackwardQuestion(model="torchvision/squeezenet1_1@random-0", image=STAR))
    followed = [(step, consumer(answer, step)) for step in answer.steps]
    assert all(answer.steps[i].into == step.site for step, i in followed if i is not None)
    second = [step for step, i in followed if i is None]
    assert "features.3.expand3x3_activation" in [step.name for step in second]


def test_nothing_is_overwritten_where_numbers_are_only_passed_on() -> None:
    steps = inline.ask(BackwardQuestion(model=CNN, image=STAR)).steps
    without = [step.name for step in steps if step.layer and "in_place" not in backward_breaks.possible(step)]
    assert without == ["flatten"]


def test_the_strip_has_blocks_and_levels() -> None:
    answer = inline.ask(BackwardQuestion(model=CNN, image=STAR))
    assert blocks_of(answer.steps)[:7] == ["features.0 to 2"] * 3 + ["features.3 to 5"] * 3 + ["features.6 to 8"]
    levels = [cell.level for cell in cells(answer)]
    assert min(levels) == 0
    assert max(levels) == 1
    residual = blocks_of(inline.ask(BackwardQuestion(model="preset/shapes-resnet", image=STAR)).steps)
    assert residual[3:12] == ["layer1.0"] * 9
    assert residual[12:19] == ["layer1.1"] * 7
    tokens = blocks_of(inline.ask(BackwardQuestion(model="preset/shapes-vit", image=STAR)).steps)
    assert tokens[8:16] == ["layers.0"] * 8
