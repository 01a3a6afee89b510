"""The perturbation page without a browser: what it draws is what the library answers, and the address says it all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gradviz_core.compute import inline
from gradviz_core.drawing import captions
from gradviz_core.types import ClassScore, Norm, PerturbationAnswer, PerturbationQuestion, Question, Site, Unit
from pages.shell.answer_cache import answer_cache
from pages.understand import changes
from tests.opening import answer_here, chart, errors, opened, texts, values

PAGE = "pages/understand/perturbation.py"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def _answer(question: PerturbationQuestion) -> PerturbationAnswer:
    answer = inline.ask(question)
    assert isinstance(answer, PerturbationAnswer)
    return answer


def test_an_address_asks_one_question_and_its_answer_is_drawn(asked: list[Question]) -> None:
    app = opened(
        PAGE,
        model="preset/shapes-cnn",
        image="sample/star",
        target="3",
        norm="l2",
        epsilon="300",
        steps="2",
        way="towards",
    )
    assert not app.error
    question = PerturbationQuestion(
        model="preset/shapes-cnn", image="sample/star", target=ClassScore(3), norm="l2", epsilon=300, steps=2
    )
    assert asked[-1] == question
    answer = _answer(question)
    change = answer.after.astype(np.float32) - answer.pixels
    np.testing.assert_array_equal(values(chart(app, "difference")), change.sum(axis=2))
    traces = {trace["name"]: trace for trace in chart(app, "change")["data"]}
    assert list(traces) == [
        "predicted, one step",
        "actual, one step",
        "actual, step by step",
        "predicted, this picture",
        "actual, this picture",
    ]
    (predicted,) = traces["predicted, this picture"]["y"]
    (actual,) = traces["actual, this picture"]["y"]
    assert (predicted, actual) == (answer.predicted_change, answer.score_after - answer.score)
    (facts,) = [text for text in texts(app) if "predicted change]" in text]
    assert f"predicted change] **{captions.number_text(predicted)}**" in facts
    assert f"actual change] **{captions.number_text(actual)}**" in facts
    bars = chart(app, "classes")["data"]
    assert [bar["name"] for bar in bars[:2]] == ["before", "after"]
    assert bars[0]["x"] == pytest.approx([100 * (p.probability or 0.0) for p in answer.prediction])
    assert any("This is exactly the image that the network was given" in text for text in texts(app))


def test_the_controls_change_the_question_and_the_address(asked: list[Question]) -> None:
    app = opened(PAGE, image="sample/star")
    first = asked[-1]
    assert isinstance(first, PerturbationQuestion)
    assert (first.norm, first.epsilon, first.steps, first.away) == ("max", 4, 1, True)
    app.slider(key="shown_epsilon").set_value(9).run()
    app.slider(key="shown_steps").set_value(3).run()
    app.button_group(key="shown_way").set_value("towards").run()
    last = asked[-1]
    assert isinstance(last, PerturbationQuestion)
    assert (last.epsilon, last.steps, last.away) == (9, 3, False)
    app.button_group(key="shown_norm").set_value("l2").run()
    last = asked[-1]
    assert isinstance(last, PerturbationQuestion)
    assert (last.norm, last.epsilon, last.steps) == ("l2", 400, 3), "epsilon of one norm means nothing in another"
    assert "epsilon" not in app.query_params
    assert app.query_params["norm"] == "l2"
    assert not app.error


def test_the_unit_of_the_neurons_page_is_followed(asked: list[Question]) -> None:
    app = opened(PAGE, image="sample/star", follow="unit", site="features.7", channel="2", row="5", col="6")
    assert not app.error
    last = asked[-1]
    assert isinstance(last, PerturbationQuestion)
    assert last.target == Unit(Site("features.7"), (2, 5, 6))
    assert len(app.get("plotly_chart")) == 5, "before, after, difference, change, classes"


def test_a_unit_that_is_off_is_said_to_leave_nothing_to_follow(asked: list[Question]) -> None:
    relu = inline.ask(PerturbationQuestion(model="preset/shapes-cnn", image="sample/star"))
    assert isinstance(relu, PerturbationAnswer)
    app = opened(PAGE, image="sample/star", follow="unit", site="features.8", channel="0", row="0", col="0")
    for channel in range(1, 40):
        if any("no direction to follow" in i.value for i in app.info):
            break
        app.number_input(key="shown_channel").set_value(channel).run()
    else:
        pytest.fail("no unit is off")
    assert not app.error
    assert not app.exception


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("epsilon", "0", "Epsilon cannot be 0: it must be a whole number from 1 to 64 of 255."),
        ("epsilon", "9" * 40, "Epsilon cannot be 999"),
        ("steps", "21", "Steps cannot be 21"),
        ("norm", "l1", "Kind of step cannot be 'l1'"),
        ("way", "up", "Direction cannot be 'up'"),
        ("follow", "<b>", "Follow cannot be '<b>'"),
    ],
)
def test_a_crafted_address_gets_one_sentence_and_no_other_picture(name: str, value: str, sentence: str) -> None:
    app = opened(PAGE, **{name: value})
    (said,) = errors(app)
    assert sentence in said.replace("\\", "")
    assert not app.get("plotly_chart")
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert len(app.get("plotly_chart")) == 5


@pytest.mark.parametrize(
    ("norm", "steps", "parts"),
    [
        (
            "max",
            1,
            [
                r"r' = \operatorname{clip}_0^{255}",
                r"\left(r - \varepsilon\, \operatorname{sign} \partial z / \partial r\right)",
            ],
        ),
        (
            "max",
            10,
            [
                r"g &= \partial z / \partial r_k,\quad r_0 = r \\",
                r"r_{k+1} &= \operatorname{clip}_0^{255}",
                r"\left(r_k - \tfrac{\varepsilon}{10}\, \operatorname{sign} g\right) \\",
                r"r' &= r + \operatorname{round}\left(r_{10} - r\right)",
            ],
        ),
        (
            "l2",
            1,
            [
                r"g &= \partial z / \partial r \\",
                r"r_1 &= \operatorname{clip}_0^{255}\left(r - \varepsilon\, g / \lVert g \rVert_2\right) \\",
                r"\operatorname{round}_{\lVert\cdot\rVert_2 \le \varepsilon}\left(r_1 - r\right)",
            ],
        ),
        ("l2", 5, [r"\left(r_k - \tfrac{\varepsilon}{5}\, g / \lVert g \rVert_2\right)", r"\left(r_{5} - r\right)"]),
    ],
)
def test_the_formula_is_that_of_every_step(norm: Norm, steps: int, parts: list[str]) -> None:
    question = PerturbationQuestion(model="m", image="i", norm=norm, epsilon=20, steps=steps, away=True)
    formula = changes.step_formula(question, "z")
    assert all(part in formula for part in parts), formula
    assert (r"_{k+1}" in formula) == (steps > 1)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (2, "Both classes, before and after."),
        (5, "The five most likely classes, before and after."),
        (6, "The 6 classes that are among the five most likely before or after."),
    ],
)
def test_the_bars_say_which_classes_they_show(count: int, words: str) -> None:
    assert changes.which(count) == words


def test_a_model_without_classes_and_a_grey_one_are_followed_too() -> None:
    app = opened(PAGE, model="preset/digits-mlp", image="sample/digit-3")
    assert not app.error
    assert np.ptp(values(chart(app, "difference"))) > 0
