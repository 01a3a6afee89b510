"""A model that draws random numbers, on the pages: which draw is shown, and another one as a control."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from gradviz_core.answers.load import Model, RecentModels, load
from gradviz_core.types import Question
from pages.shell import draws
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, errors, opened, values

PAGES = (
    SALIENCY,
    NEURONS,
    MAPS,
    *(f"pages/understand/{name}.py" for name in ("gradient_flow", "jacobian", "perturbation")),
    "pages/learn/doctor.py",
)
LABEL = "Random seed"


class Noisy(nn.Module):
    """A preset that looks at its picture through noise."""

    def __init__(self) -> None:
        super().__init__()
        self.model = load("preset/shapes-cnn").module

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x + 0.3 * torch.randn_like(x))  # type: ignore[no-any-return]


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    model = Model(Noisy().eval(), load("preset/shapes-cnn").card)
    monkeypatch.setattr(RecentModels, "get", lambda _self, _key, _device: model)
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize(
    ("text", "draw"),
    [
        ("7", 7),
        ("007", 7),
        ("999", 999),
        ("1000", 0),
        ("0000000005000", 0),
        ("0" * 9 + "9" * 5000, 0),
        ("-1", 0),
        ("²", 0),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_draw_of_any_number_of_digits_is_one_that_there_is(
    text: str, draw: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine noughts and five thousand more digits stopped the page, and nine and four more chose draw 5000."""
    monkeypatch.setattr("pages.shell.address.read", lambda _name: text)
    assert draws.chosen() == draw


def _shown(app: AppTest) -> int | None:
    found = [one.value for one in app.sidebar.number_input if one.label == LABEL]
    return int(found[0]) if found and found[0] is not None else None


@pytest.mark.parametrize("page", PAGES)
def test_every_question_of_a_page_is_about_the_draw_that_is_chosen(page: str, questions: list[Question]) -> None:
    app = opened(page, draw="3")
    assert not errors(app)
    assert _shown(app) == 3
    assert len(questions) >= 2
    assert {getattr(question, "seed", None) for question in questions} == {3}
    assert sum("the result for random seed 3" in one.value for one in app.info) == 1, (
        "said once, however many answers say it"
    )


def test_another_draw_is_another_picture(questions: list[Question]) -> None:
    app = opened()
    first = values(chart(app, "gradient"))
    (control,) = [one for one in app.sidebar.number_input if one.label == LABEL]
    assert control.value == 0
    control.set_value(1).run()
    assert app.query_params["draw"] == "1"
    assert not np.array_equal(values(chart(app, "gradient")), first)
    assert {question.seed for question in questions[-2:] if hasattr(question, "seed")} == {1}


@pytest.mark.parametrize("draw", ["x", "-1", "1000", "12345678901"])
def test_a_draw_that_is_not_there_is_an_error(draw: str, questions: list[Question]) -> None:
    (said,) = errors(opened(draw=draw))
    assert "it must be a whole number from 0 to 999" in said.replace("\\", "")
    assert questions


def test_a_model_that_draws_nothing_has_no_such_control(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_cache.clear()
    answer_here(monkeypatch)
    app = opened()
    assert _shown(app) is None
    assert not [one for one in app.info if "random seed" in one.value]
