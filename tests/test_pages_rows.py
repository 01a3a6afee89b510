"""A long sum on the page: the picture as it converges, how far it is, stopping, going on, and what is kept."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import client, inline, rows
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.connection_pool import Cancelled
from gradviz_core.drawing import fields
from gradviz_core.errors import DeadlineExceeded, GradVizError, ServiceStarting
from gradviz_core.serving import long_sums
from gradviz_core.serving.offers import Arrays, offers
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.types import INPUT, Answer, ClassScore, GradientAnswer, GradientQuestion, Question
from gradviz_core.types.controls import Number
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS
from pages.shell import later
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, answer_here, chart, errors, opened, read, texts, values

CHOICES = {"model": "preset/digits-cnn", "image": "sample/digit-8", "target": "8", "method": "smoothgrad"}


def about(draws: int) -> GradientQuestion:
    options = (("draws", float(draws)), ("spread", 0.15), ("seed", 0.0))
    return GradientQuestion(
        model=CHOICES["model"],
        image=CHOICES["image"],
        target=ClassScore(8),
        method="smoothgrad",
        options=options,
    )


@dataclass
class Service:
    """Parts are answered up to a term; while the page waits for a later one, the person clicks, or it fails."""

    up_to: int = 10_000
    error: GradVizError | None = None
    asked: list[Question] = field(default_factory=list)
    sent: list[Later] = field(default_factory=list)

    def begin(self, question: Question, look: Look | None = None, asker: Asker | None = None) -> Later:
        if not isinstance(question, GradientQuestion) or question.part is None:
            raise ServiceStarting("Nothing else is asked ahead.")
        self.sent.append(Later(self, question))
        return self.sent[-1]

    @property
    def parts(self) -> list[tuple[int, int]]:
        return [one.question.part for one in self.sent if one.question.part is not None]


@dataclass
class Later:
    service: Service
    question: GradientQuestion
    fate: str = ""

    def answer(self, left: threading.Event | None = None) -> GradientAnswer:
        assert not self.fate
        self.fate = "read"
        assert self.question.part is not None
        if self.question.part[0] >= self.service.up_to:
            if self.service.error is not None:
                raise self.service.error
            st.stop()  # as a click ends it
        return inline.ask(self.question)

    def drop(self) -> None:
        assert not self.fate
        self.fate = "dropped"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """No sum is short."""
    answer_cache.clear()
    monkeypatch.setattr(rows, "SHORT_S", 0.0)
    monkeypatch.setattr("pages.shell.rows.SHORT_S", 0.0)
    made = Service()
    made.asked = answer_here(monkeypatch)
    monkeypatch.setattr(client, "begin", made.begin)
    yield made
    answer_cache.clear()


def drawn(app: AppTest) -> np.ndarray:
    return values(chart(app, "gradient"))


def expected(draws: int) -> np.ndarray:
    return fields.signed_sum(inline.ask(about(draws)).attributions[INPUT]).values


def progress(app: AppTest) -> list[str]:
    return [bar.proto.text for bar in app.get("progress")]


def captions_of(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def close(found: np.ndarray, true: np.ndarray) -> bool:
    return bool(np.allclose(found, true, rtol=1e-6, atol=1e-7 * np.abs(true).max()))


def test_a_row_is_drawn_to_its_end_and_then_comes_from_the_cache(service: Service) -> None:
    app = opened(**CHOICES, options="draws=64")
    assert close(drawn(app), expected(64))
    assert service.parts[:3] == [(0, 8), (8, 16), (16, 32)]
    assert (service.parts[-1][1], {one.fate for one in service.sent}) == (64, {"read"})
    assert "64 draws in " in captions_of(app)
    assert progress(app) == []
    assert "averaged over 64 noisy copies" in " ".join(texts(app))

    service.sent.clear()
    service.asked.clear()
    again = opened(**CHOICES, options="draws=64")
    assert close(drawn(again), expected(64))
    assert (service.sent, [question.kind for question in service.asked]) == ([], [])
    assert "64 draws in " not in captions_of(again)


def test_a_finished_sum_is_kept_when_the_answers_of_others_take_its_place(service: Service) -> None:
    app = opened(**CHOICES, options="draws=64")
    service.sent.clear()
    service.asked.clear()
    answer_cache.clear()
    app.run()
    assert close(drawn(app), expected(64))
    assert service.sent == []
    assert not [one for one in service.asked if isinstance(one, GradientQuestion) and one.method == "smoothgrad"]


def test_a_short_sum_is_one_question_and_shows_no_progress(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "SHORT_S", 1e6)
    monkeypatch.setattr("pages.shell.rows.SHORT_S", 1e6)
    app = opened(**CHOICES, options="draws=16")
    gradients = [question for question in service.asked if isinstance(question, GradientQuestion)]
    assert [question.part for question in gradients] == [(0, 1), None]
    assert (service.sent, progress(app)) == ([], [])
    assert "row_stop" not in [button.key for button in app.button]
    service.asked.clear()
    app.session_state["address"].chosen |= {"options": "draws=24"}
    app.run()
    gradients = [question for question in service.asked if isinstance(question, GradientQuestion)]
    assert [question.part for question in gradients] == [None]  # how long a term takes is known


def test_stop_keeps_what_is_there_and_go_on_goes_on(service: Service) -> None:
    service.up_to = 16
    app = opened(**CHOICES, options="draws=64")
    assert close(drawn(app), expected(16))
    assert [text.partition(",")[0] for text in progress(app)] == ["16 of 64 draws"]
    assert " left" in progress(app)[0]
    assert "averaged over 16 noisy copies" in " ".join(texts(app))
    assert service.sent[-1].fate == "dropped"  # it was on its way

    sent = len(service.sent)
    app.button(key="row_stop").click().run()
    assert "Stopped after 16 of 64 draws." in texts(app)
    assert close(drawn(app), expected(16))
    assert (len(service.sent), progress(app)) == (sent, [])

    service.up_to = 10_000
    app.button(key="row_go_on").click().run()
    assert service.parts[sent] == (16, 32)
    assert close(drawn(app), expected(64))


def test_a_part_of_a_path_says_how_far_it_is(service: Service) -> None:
    service.up_to = 16
    app = opened(**CHOICES | {"method": "integrated_gradients"}, options="steps=64")
    assert any(text.startswith("So far: the first 16 of 64 steps. ") for text in texts(app))
    app.button(key="row_stop").click().run()
    assert app.button(key="row_go_on").label == "Continue"


def test_whether_a_path_adds_up_is_not_said_before_it_is_whole(service: Service) -> None:
    service.up_to = 16
    app = opened(**CHOICES | {"method": "integrated_gradients"}, options="steps=64", trust="law")
    assert not errors(app)
    assert "Terms of the sum are missing" in captions_of(app)
    service.up_to = 10_000
    app.run()
    assert any("This map adds up" in text for text in texts(app))


def test_another_view_of_the_same_sum_goes_on_and_another_question_leaves_it(service: Service) -> None:
    service.up_to = 16
    app = opened(**CHOICES, options="draws=64")
    service.sent.clear()
    app.session_state["address"].chosen |= {"view": "l2"}
    app.run()
    assert service.parts[0] == (16, 32)
    assert all(one.fate for one in service.sent)

    service.sent.clear()
    app.session_state["address"].chosen |= {"target": "3"}
    service.up_to = 10_000
    app.run()
    assert {one.question.target for one in service.sent} == {ClassScore(3)}
    assert not errors(app)


def test_questions_that_are_asked_later_take_turns_with_the_parts_of_a_sum(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "TOGETHER_S", 0.0)  # one question in each turn
    order: list[str] = []
    take, ask = rows.Row.take, later._Asked.ask

    def part(row: rows.Row) -> None:
        order.append("part")
        take(row)

    def curve(one: later._Asked) -> Answer:
        order.append("curve")
        return ask(one)

    monkeypatch.setattr(rows.Row, "take", part)
    monkeypatch.setattr(later._Asked, "ask", curve)
    app = opened(**CHOICES, options="draws=64", trust="weights")
    assert close(drawn(app), expected(64))
    assert order.count("curve") == 3, "with 0, 2 and 3 layers shuffled; the map of 1 is drawn"
    first = order.index("curve")
    assert order[first : first + 5] == ["curve", "part", "curve", "part", "curve"]
    assert not app.get("progress")


def test_another_page_leaves_the_row(service: Service) -> None:
    service.up_to = 16
    app = opened(**CHOICES, options="draws=64")
    assert app.session_state["row"].row is not None
    app.switch_page("pages/explore/neurons.py").run()
    assert app.session_state["row"].row is None


def test_an_error_is_one_sentence_below_what_is_there_and_asking_again_goes_on_from_there(service: Service) -> None:
    service.up_to, service.error = 16, DeadlineExceeded("The question took longer than 60 s.")
    app = opened(**CHOICES, options="draws=64")
    assert [read(error) for error in errors(app)] == ["The question took longer than 60 s."]
    assert close(drawn(app), expected(16))
    assert "Stopped after 16 of 64 draws." in texts(app)
    sent, service.up_to = len(service.sent), 10_000
    app.button(key="ask_again_1").click().run()
    assert not errors(app)
    assert service.parts[sent] == (16, 32)
    assert close(drawn(app), expected(64))


def offered() -> Arrays:
    """The arrays that the page offers."""
    found = [offer.what for _, offer in offers()._offers.values() if isinstance(offer.what, Arrays)]
    return found[-1]


@pytest.mark.parametrize("shown", [True, False])
def test_the_arrays_of_a_long_sum_are_those_that_were_shown_or_are_added_up(service: Service, shown: bool) -> None:
    opened(**CHOICES, options="draws=64")
    assert question_from_json(offered().question) == about(64)
    service.sent.clear()
    kept = answer_cache().whole if shown else lambda text: None
    file = long_sums.arrays(kept, offered().question, "said", ANYONE, threading.Event())
    assert file is not None
    parts = list(file.parts())
    file.close()
    assert sum(map(len, parts)) == file.size
    arrays = np.load(io.BytesIO(b"".join(parts)))
    assert (service.parts[:2], str(arrays["check"])) == ([] if shown else [(0, 1), (0, 8)], "said")
    assert question_from_json(str(arrays["question"])) == about(64)
    assert close(arrays[f"attribution/{INPUT}"], inline.ask(about(64)).attributions[INPUT])


def test_the_arrays_of_any_other_question_come_from_the_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(client, "arrays", lambda question, check, asker, left: asked.append(question))
    monkeypatch.setattr(rows, "SHORT_S", 1e6)
    questions = (
        GradientQuestion(model=CHOICES["model"], image=CHOICES["image"]),
        about(64),
    )  # here the second is short
    for question in map(question_to_json, questions):
        assert long_sums.arrays(lambda text: None, question, None, ANYONE, threading.Event()) is None
    assert asked == [question_to_json(question) for question in questions]


def test_nobody_waits_for_a_file_that_was_left(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(later: Later, left: threading.Event | None = None) -> GradientAnswer:
        assert left is not None
        left.set()
        if later.question.part != (0, 1):
            later.fate = "read"
            raise Cancelled
        return inline.ask(later.question)

    monkeypatch.setattr(Later, "answer", answer)
    assert long_sums.arrays(lambda text: None, question_to_json(about(64)), None, ANYONE, threading.Event()) is None
    assert [one.fate for one in service.sent] == ["", "read", "dropped"]


def apart(said: str) -> str:
    """``1.2``: how many percent the sum and what it should be are apart."""
    return said.partition("(")[2].removesuffix(" % apart).")


def test_more_steps_double_until_the_gap_is_small_and_the_address_says_how_many(service: Service) -> None:
    app = opened(**CHOICES | {"method": "integrated_gradients"}, options="steps=1,rule=trapezoid")
    (said,) = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert float(apart(said)) > 1
    app.button(key="more_steps_options").click().run()
    (said,) = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert apart(said) == "below 0.1" or float(apart(said)) <= 1
    assert "more_steps_options" not in [button.key for button in app.button]
    options = "".join(app.query_params["options"])
    steps = int(options.partition("steps=")[2].partition(",")[0])
    refined = gv.refine(
        replace(about(1), method="integrated_gradients", options=(("steps", 1.0), ("rule", "trapezoid")))
    )
    assert steps == refined.steps
    assert steps > 1


def test_who_comes_back_to_a_question_starts_no_doubling(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(**CHOICES | {"method": "integrated_gradients"}, options="steps=1,rule=trapezoid")
    app.button(key="more_steps_options").click().run()
    refined = app.session_state["refines"]
    app.session_state["address"].chosen |= {"target": "3"}
    app.run()
    monkeypatch.setattr("gradviz_core.drawing.completeness.CLOSE", 1e-9)
    app.session_state["address"].chosen |= {"target": "8"}
    app.run()
    said = "".join(app.query_params["options"]).partition("steps=")[2].partition(",")[0]
    assert float(said) == dict(refined.options)["steps"]
    assert "more_steps_options" in [button.key for button in app.button]


def test_where_no_more_steps_can_be_the_gap_is_said_to_stay(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    card = METHODS["integrated_gradients"]
    options = tuple(
        replace(one, high=2, default=1) if isinstance(one, Number) and one.name == "steps" else one
        for one in card.options
    )
    monkeypatch.setitem(METHODS, "integrated_gradients", replace(card, options=options))
    monkeypatch.setattr("gradviz_core.drawing.completeness.CLOSE", 1e-9)
    app = opened(**CHOICES | {"method": "integrated_gradients"})
    app.button(key="more_steps_options").click().run()
    (said,) = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert said.endswith("They stay more than 1e-07 % apart with 2 steps, the most that there can be.")
    assert "more_steps_options" not in [button.key for button in app.button]


@pytest.mark.parametrize("method", ["layer_integrated_gradients", "conductance"])
def test_a_long_sum_at_a_layer_converges_and_its_steps_double_too(service: Service, method: str) -> None:
    chosen = {"maps": "method", "layer_method": method, "site": "features.3", "channel": "0"}
    app = opened(MAPS, **CHOICES, **chosen, layer_options="steps=200")
    assert not errors(app)
    assert (service.parts[:2], service.parts[-1][1]) == ([(0, 8), (8, 16)], 200)
    asked = replace(about(1), method=method, options=(("steps", 200.0),), wrt=(gv.Site("features.3"),))
    true = inline.ask(asked).attributions[gv.Site("features.3")][0, 0]
    assert close(values(chart(app, "channel")), true)
    assert "200 steps in " in captions_of(app)
    sums = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert len(sums) == (method == "layer_integrated_gradients")

    service.up_to = 16
    app = opened(MAPS, **CHOICES | {"target": "3"}, **chosen, layer_options="steps=200")
    assert any(text.startswith("So far: the first 16 of 200 steps. ") for text in texts(app))
    assert progress(app)[0].startswith("16 of 200 steps, about ")
