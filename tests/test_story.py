"""The story: every claim is true of the pictures beside it, and every view opens and leads on."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.story.told import Subject, Told
from gradviz_core.story.views import VIEWS, View
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import AboutAModel, Answer, Question
from gradviz_core.types.kinds import answer_to
from pages.layout import contents
from pages.shell import unfinished
from pages.shell.answer_cache import answer_cache
from pages.uploads import images, models
from tests.opening import MAPS, NEURONS, ROOT, answer_here, chart, errors, opened, texts

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
    """By the answers that the page has asked for, where it has."""
    return view.tell(lambda question: answer_to(question, _answer(question)), HERE)


def _answer(question: Question) -> Answer:
    return answer_cache().get(question_to_json(question), lambda: inline.ask(question))


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
    monkeypatch.setattr(unfinished, "go_on", lambda: None)  # what a page asks once it is drawn is a matter of its own
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
    new = [question for question in asked[len(before) :] if isinstance(question, AboutAModel)]
    assert all((question.model, question.image) == tuple(dict(there.choices).values())[:2] for question in new)
    if (
        there.page in ("saliency", "perturbation") and view.name != "path"
    ):  # which no page asks: it shows the map at the end
        assert not {question.kind for question in new} & {"gradient", "perturbation"}, "the answer is there already"


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
    return str(app.title[0].value).replace("\\", "")


def _said(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")


TOUR = (
    ("pages/explore/saliency.py", "model=preset/shapes-cnn&image=sample/star&target=3"),
    (NEURONS, "model=preset/shapes-resnet&image=sample/star&site=layer1.0.relu&channel=21&row=16&col=8"),
    (MAPS, "model=preset/digits-cnn&image=sample/digit-3&site=features.1&maps=activation"),
    (
        "pages/understand/perturbation.py",
        "model=preset/shapes-vit&image=sample/star&way=away&norm=max&epsilon=4&steps=1",
    ),
    ("pages/explore/saliency.py", "model=preset/shapes-shortcut&image=sample/tagged-arrow&target=3"),
    ("pages/explore/saliency.py", "model=preset/shapes-cnn&image=sample/tagged-arrow&target=9"),
)
"""The addresses of an earlier version's tour, which the story has replaced: people have kept them."""


@pytest.mark.parametrize(("page", "query"), TOUR)
def test_an_address_of_the_former_tour_still_opens(page: str, query: str) -> None:
    app = opened(page, **dict(parse_qsl(query)))
    assert not app.error
    assert not app.warning
    assert app.get("plotly_chart")
