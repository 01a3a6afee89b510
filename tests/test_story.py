"""The story: every claim is true of the pictures beside it, and every view opens and leads on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.story import asked as questions
from gradviz_core.story import magnitude, photo
from gradviz_core.story.regions import fewest, share_inside, square, strongest_window
from gradviz_core.story.told import NotSo, Subject, Told
from gradviz_core.story.views import VIEWS, View
from gradviz_core.types import INPUT, GradientAnswer, Question
from pages.layout import contents
from pages.shell.answer_cache import answer_cache
from pages.uploads import images, models
from tests.opening import ROOT, answer_here, chart, errors, opened, texts

STORY = "pages/front/story.py"
HERE = Subject(models.first(), images.suited(models.first()))
"""What the app tells its story of."""
EACH = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def told(view: View) -> Told:
    return view.tell(inline.ask, HERE)


def number(text: str, before: str) -> float:
    """The percentage that stands before these words."""
    (found,) = re.findall(rf"([\d.]+)\u00a0%{re.escape(before)}", text)
    return float(found)


@pytest.fixture(scope="module")
def gradient() -> GradientAnswer:
    return questions.gradient(inline.ask, HERE)


# -------------------------------------------------------------------------------------------------------------- claims


@EACH
def test_each_view_says_something_of_this_model_and_marks_a_place(view: View) -> None:
    what = told(view)
    assert re.search(r"\d", what.sentence), "a claim is made of the answer's numbers"
    assert what.sentence.endswith(".")
    assert what.note.endswith(".")
    assert any(shown.figure.layout.shapes for shown in what.pictures), "one region is marked"
    assert all(shown.caption.facts for shown in what.pictures)


def test_the_marked_quarter_holds_the_share_that_is_said(gradient: GradientAnswer) -> None:
    what, found = photo.tell(inline.ask, HERE), photo.most(gradient)
    squares = np.square(gradient.gradients[INPUT][0].astype(float)).sum(axis=0)
    top, bottom, left, right = found.box
    inside = squares[top : bottom + 1, left : right + 1]
    assert inside.size == squares.size // 4
    assert number(what.note, " of the gradient's square") == pytest.approx(100 * inside.sum() / squares.sum(), abs=0.05)
    assert gradient.prediction[0].label in what.sentence


def test_size_and_sign_are_as_said(gradient: GradientAnswer) -> None:
    what = magnitude.tell(inline.ask, HERE)
    signed = gradient.gradients[INPUT][0].astype(float).sum(axis=0)
    assert number(what.sentence, " of the pixels are red") == pytest.approx(100 * (signed > 0).mean(), abs=0.05)
    left = abs(signed.sum()) / np.abs(signed).sum()
    assert number(what.note, " of what they do") == pytest.approx(100 * left, abs=0.05)
    squares = np.sort(np.square(gradient.gradients[INPUT][0].astype(float)).sum(axis=0).ravel())[::-1]
    held = round(number(what.sentence, " of the pixels. The sign") / 100 * squares.size)
    assert squares[: held + 60].sum() > squares.sum() / 2 > squares[: held - 60].sum()


def test_a_claim_that_does_not_hold_is_not_made() -> None:
    with pytest.raises(NotSo, match="less than a fifth of the pixels"):
        magnitude.facts(np.ones((1, 3, 8, 8), np.float32))
    with pytest.raises(NotSo, match="red and blue cancel"):
        magnitude.facts(np.eye(8, dtype=np.float32)[None, None])


def test_the_strongest_window_is_where_the_largest_sum_is() -> None:
    amounts = np.zeros((5, 6))
    amounts[3, 4], amounts[3, 5], amounts[0, 0] = 2, 2, 3
    assert strongest_window(amounts, 2, 2) == ((2, 3, 4, 5), 4 / 7)
    assert strongest_window(amounts, 1, 1) == ((0, 0, 0, 0), 3 / 7)
    assert share_inside(amounts, (3, 3, 4, 4)) == 2 / 7
    assert fewest(amounts, 0.5) == 2 / 30
    np.testing.assert_array_equal(square(np.full((1, 3, 1, 2), 2.0)), [[12, 12]])
    with pytest.raises(ValueError, match="largest sum"):
        strongest_window(np.zeros((4, 4)), 2, 2)


# ---------------------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize(
    ("choices", "title"),
    [
        ({}, VIEWS[0].title),
        ({"story": VIEWS[1].name}, VIEWS[1].title),
        ({"utm": "x"}, VIEWS[0].title),
        ({"image": "sample/star"}, "Input saliency"),
        ({"view": "l2"}, "Input saliency"),
        ({"target": "3", "story": VIEWS[1].name}, "Input saliency"),
    ],
)
def test_the_start_is_the_story_or_input_saliency_if_the_address_asks_a_question(
    choices: dict[str, str], title: str
) -> None:
    assert title in _title(_at_the_start(**choices))


def test_input_saliency_stays_at_the_start_when_its_last_choice_is_at_its_default() -> None:
    app = _at_the_start(view="l2")
    app.query_params.clear()  # as the browser says once it is
    app.run()
    assert _title(app) == "Input saliency"


@EACH
def test_each_view_opens_at_its_own_address(view: View) -> None:
    app = opened(STORY, story=view.name)
    assert not app.error
    assert view.title in _title(app)
    assert chart(app, "story_0")["data"]
    assert _said(told(view).sentence) in [_said(text) for text in texts(app)]


@EACH
def test_explore_this_leads_to_the_page_with_the_same_question(
    view: View, asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []  # they are known in a real server alone
    monkeypatch.setattr(st, "switch_page", lambda page, query_params: pages.append(page))
    app = opened(STORY, story=view.name)
    before, there = list(asked), told(view).explore
    next(button for button in app.button if button.label == "Explore this").click().run()
    assert pages == [contents.pages()[there.page].script]
    app.switch_page(pages[0]).run()
    assert not app.exception
    assert not app.error
    assert {name: app.query_params[name] for name, _ in there.choices} == dict(there.choices)
    (kind,) = {question.kind for question in before if question.kind not in ("survey", "flow")}
    assert all(question in before for question in asked[len(before) :] if question.kind == kind), "the same question"


def test_a_view_that_does_not_exist_is_refused_in_one_sentence() -> None:
    app = opened(STORY, story="nowhere")
    assert "nowhere" in errors(app)[0]
    assert not app.get("plotly_chart")


def _at_the_start(**choices: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "navigation.py"), default_timeout=60)
    for name, value in choices.items():
        app.query_params[name] = value
    return app.run()


def _title(app: AppTest) -> str:
    return str(app.title[0].value)


def _said(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")
