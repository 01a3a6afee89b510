"""What a page will ask soon is sent before it is needed: it is asked once, and left where the page does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.drawing.screen import fit
from gradviz_core.errors import Busy
from gradviz_core.types import Answer, ClassScore, GradientQuestion, Question, SurveyQuestion
from gradviz_core.types.looks import USUAL, Look
from pages.shell import words
from pages.shell.answer_cache import answer_cache
from tests.opening import SALIENCY, answer_here, chart, errors, opened

STAR = SurveyQuestion(model="preset/shapes-cnn", image="sample/star")
RING = SurveyQuestion(model="preset/shapes-cnn", image="sample/ring")


@dataclass(slots=True)
class Later:
    """A question that was sent, as ``client.Asked`` is."""

    question: Question
    look: Look | None
    fate: str = ""

    def answer(self) -> Answer:
        assert not self.fate
        self.fate = "read"
        return fit(inline.ask(self.question), self.look or USUAL)

    def drop(self) -> None:
        assert not self.fate
        self.fate = "dropped"


@dataclass(slots=True)
class Service:
    sent: list[Later] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    """What was not sent ahead."""

    def begin(self, question: Question, look: Look | None = None) -> Later:
        self.sent.append(Later(question, look))
        return self.sent[-1]

    def fates(self) -> list[tuple[Question, str]]:
        """Of what was sent since this was last called."""
        found = [(one.question, one.fate) for one in self.sent]
        self.sent.clear()
        return found


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    answer_cache.clear()
    made = Service()
    made.asked = answer_here(monkeypatch)
    monkeypatch.setattr(client, "begin", made.begin)
    yield made
    answer_cache.clear()


def _another_image(app: AppTest, key: str, **more: str) -> AppTest:
    """The page at another image, as after a click on its thumbnail."""
    app.session_state["address"].chosen |= {"image": key, **more}
    return app.run()


def test_the_survey_is_sent_ahead_and_then_what_was_asked_of_the_image_before(service: Service) -> None:
    app = opened(model="preset/shapes-cnn", image="sample/star", target="3")
    assert service.fates() == [(STAR, "read")]
    assert [question.kind for question in service.asked] == ["gradient"]
    service.asked.clear()
    _another_image(app, "sample/ring")
    gradient = GradientQuestion(model=RING.model, image=RING.image, target=ClassScore(3))
    assert service.fates() == [(RING, "read"), (gradient, "read")]
    assert service.asked == [], "both answers had been sent for"
    assert chart(app, "gradient")


def test_what_is_known_is_not_sent_again(service: Service) -> None:
    app = opened(model="preset/shapes-cnn", image="sample/star")
    _another_image(app, "sample/ring")
    service.fates()
    service.asked.clear()
    _another_image(app, "sample/star")
    assert (service.fates(), service.asked) == ([], [])


def test_what_the_page_does_not_ask_after_all_is_dropped(service: Service) -> None:
    app = opened(model="preset/shapes-cnn", image="sample/star", target="3")
    service.fates()
    _another_image(app, "sample/ring", target="4")
    wrong = GradientQuestion(model=RING.model, image=RING.image, target=ClassScore(3))
    assert service.fates() == [(RING, "read"), (wrong, "dropped")]
    assert service.asked[-1] == GradientQuestion(model=RING.model, image=RING.image, target=ClassScore(4))


def test_of_another_model_only_the_survey_is_sent(service: Service) -> None:
    app = opened(model="preset/shapes-cnn", image="sample/star")
    service.fates()
    _another_image(app, "sample/ring", model="preset/shapes-resnet")
    assert service.fates() == [(SurveyQuestion(model="preset/shapes-resnet", image="sample/ring"), "read")]


def test_a_page_that_shows_nothing_of_the_model_sends_nothing(service: Service) -> None:
    opened("pages/help/export.py")
    assert service.fates() == []


def test_what_goes_wrong_is_said_where_it_is_asked_and_may_be_asked_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Later) -> Answer:
        self.fate = "read"
        raise Busy("32 questions wait already. Try again in a moment.")

    with monkeypatch.context() as full:
        full.setattr(Later, "answer", refuse)
        app = opened(SALIENCY, model="preset/shapes-cnn", image="sample/star")
        assert errors(app) == [words.plain("32 questions wait already. Try again in a moment.")]
    app.button(key="ask_again_1").click().run()
    assert not app.error
    assert chart(app, "gradient")
