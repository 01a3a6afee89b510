"""Permalinks: whatever is chosen on a page, its address shows the same choices and pictures in a fresh session."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.lessons.contents import LESSONS, lesson_of
from gradviz_core.types import Question
from gradviz_core.types.controls import Choice
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, errors, opened

JACOBIAN, PERTURBATION, FLOW = (f"pages/understand/{name}.py" for name in ("jacobian", "perturbation", "gradient_flow"))
LESSON, DOCTOR = "pages/learn/lessons.py", "pages/learn/doctor.py"
BACKWARD = "pages/understand/backward_pass.py"
COMPARE = "pages/comparing/compare.py"
PAGES = (SALIENCY, NEURONS, MAPS, COMPARE, FLOW, JACOBIAN, PERTURBATION, BACKWARD, DOCTOR)
SEEDS = range(3)
MODELS = ("preset/shapes-cnn", "preset/shapes-vit", "preset/digits-cnn", "preset/digits-mlp")
IMAGES = ("sample/star", "sample/digit-3", "sample/tagged-arrow")
ANSWERS = {
    "scale": ("logit", "log_probability", "probability", "difference", "loss"),
    "view": ("signed", "l2", "max", "channels"),
    "method": ("gradient", "gradient_x_input"),
    "maps": ("activation", "gradient", "product"),
    "sort": ("strength", "index"),
    "follow": ("score", "unit"),
    "norm": ("max", "l2"),
    "way": ("away", "towards"),
    "model2": ("", *MODELS),
    "image2": ("", *IMAGES),
    "rows": ("", "2-5", "7"),
    "pixel": ("", "3,5", "27,0"),
}
"""What addresses that people have kept may say; none of it may come to mean something else."""
ROUNDS = (
    ("target", "scale", "view", "method", "maps", "sort", "follow", "norm", "way", "of", "rows", "model2", "image2"),
    ("site", "epsilon", "steps", "minus", "pixel"),
    ("channel", "row", "col", "token", "output", "opacity"),
)
"""Choices that let others fall come before those."""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def _controls(app: AppTest) -> dict[str, Any]:
    """The controls on the page whose choice is in the address, by key."""
    every = (*app.selectbox, *app.number_input, *app.slider, *app.text_input, *app.button_group, *app.radio)
    return {str(c.key): c for c in every if str(c.key).startswith(("shown_", "prediction_"))}


def _pictures(app: AppTest) -> dict[str, Any]:
    """Every figure by its key."""
    return {chart.proto.id.rpartition("-")[2]: json.loads(chart.proto.spec) for chart in app.get("plotly_chart")}


def _choose(app: AppTest, name: str, random: Random, answers: Sequence[str] = ()) -> None:
    """Something that the control for ``name`` allows, where the page has one."""
    control = _controls(app).get(f"shown_{name}")
    answers = answers or ANSWERS.get(name, ())
    if control is None or control.disabled:
        return
    if answers and control.type != "number_input":
        control.set_value(random.choice(answers))
    elif control.type == "selectbox":
        control.select_index(random.randrange(len(control.options)))
    else:
        count = round((control.max - control.min) / control.step)
        value = control.min + random.randint(0, count) * control.step
        control.set_value(type(control.value)(value) if control.value is not None else value)


def _check_restored(page: str, app: AppTest) -> None:
    """A fresh session at the address of this one shows the same."""
    assert not app.exception
    written = dict(app.query_params)
    fresh = opened(page, **{name: text if isinstance(text, str) else text[0] for name, text in written.items()})
    assert {k: c.value for k, c in _controls(fresh).items()} == {k: c.value for k, c in _controls(app).items()}, written
    assert errors(fresh) == errors(app), written
    assert _pictures(fresh) == _pictures(app), written
    assert [h.value for h in fresh.header] == [h.value for h in app.header], written
    assert dict(fresh.query_params) == written


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("page", PAGES)
def test_an_address_restores_all_that_was_chosen(page: str, seed: int) -> None:
    random = Random(f"{page} {seed}")
    app = opened(page)
    models = MODELS if page != JACOBIAN else MODELS[-1:]  # whose values are so small that all entries are computed
    app.selectbox(key="shown_model").select(random.choice(models)).run()
    app.session_state["address"].chosen["image"] = random.choice(IMAGES)  # as a click on a thumbnail does
    for names in ROUNDS:
        for name in names:
            _choose(app, name, random)
        app.run()
    if page == DOCTOR:
        next(button for button in app.button if button.label == "Check the gradient").click().run()
        assert app.query_params["check"]
    assert not app.error
    assert _pictures(app) or page == DOCTOR
    _check_restored(page, app)


def test_a_choice_of_one_page_means_nothing_else_on_another() -> None:
    """A place on the Neurons page is no output of a Jacobian, nor the other way round."""
    app = opened(NEURONS, model="preset/shapes-cnn", image="sample/star", site="features.6", row="11", col="3")
    for page in PAGES:
        app.switch_page(page).run()
        assert not app.error, page
        assert ("row" in app.query_params) == (page in (NEURONS, MAPS, PERTURBATION)), page
    app.switch_page(NEURONS).run()
    assert app.query_params["row"] == "11"
    large = opened(
        JACOBIAN, model="preset/shapes-cnn", of="features.14", wrt="features.14", rows="490-510", output="500"
    )
    assert not large.error
    for page in PAGES:
        large.switch_page(page).run()
        assert not large.error, page
        assert ("output" in large.query_params) == (page == JACOBIAN), page
    large.switch_page(JACOBIAN).run()
    assert large.query_params["output"] == "500"


@pytest.mark.parametrize("key", [lesson.key for lesson in LESSONS])
def test_an_address_restores_a_lesson(key: str) -> None:
    random, lesson = Random(key), lesson_of(key)
    card = lesson.steps[-1]
    app = opened(LESSON, lesson=key, lesson_step=card.key)
    for control in (control for control in lesson.controls if control.name in card.controls):
        _choose(
            app,
            f"set.{control.name}",
            random,
            [option.value for option in control.options] if isinstance(control, Choice) else (),
        )
        app.run()
    app.radio[0].set_value(random.randrange(len(app.radio[0].options)))
    next(button for button in app.button if button.label == "Run and check").click().run()
    assert not app.error
    assert app.query_params["guess"]
    _check_restored(LESSON, app)


@pytest.mark.parametrize("name", ["model", "image"])
@pytest.mark.parametrize("page", PAGES)
def test_a_link_whose_upload_is_gone_says_so_in_one_sentence(page: str, name: str) -> None:
    app = opened(page, **{name: "upload/" + "0" * 64})
    (said,) = errors(app)
    assert "has been removed" in said
    assert "pload it again" in said
    assert not app.get("plotly_chart")


@pytest.mark.parametrize("name", ["model2", "image2"])
def test_a_comparison_whose_upload_is_gone_says_so_and_the_rest_stays(name: str) -> None:
    app = opened(FLOW, **{name: "upload/" + "0" * 64})
    (said,) = errors(app)
    assert "has been removed" in said
    assert app.get("plotly_chart")
