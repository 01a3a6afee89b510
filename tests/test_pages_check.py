"""The line beside a gradient picture: asked for after all else, found by the browser once it is known, kept with the
picture."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.compute.askers import Asker
from gradviz_core.doctor import verdicts
from gradviz_core.errors import Busy, GradVizError, QuestionError
from gradviz_core.serving.checks import MOST_LINES, PATH, Checks, Lines, checks, said
from gradviz_core.serving.offers import Arrays, Page, offers
from gradviz_core.text.codec import question_to_json
from gradviz_core.text.shown_text import keeping_direction
from gradviz_core.types import (
    INPUT,
    ClassScore,
    GradientAnswer,
    GradientQuestion,
    ProofAnswer,
    ProofQuestion,
    Question,
    Receipt,
)
from gradviz_core.types.findings import DirectionProof, Proof, Step
from pages.shell import check
from pages.shell.answer_cache import answer_cache
from tests import own_loop
from tests.compute.conftest import until
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, opened

PERTURBATION = "pages/understand/perturbation.py"
Answering = Callable[[ProofQuestion, threading.Event, Asker], ProofAnswer | None]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    checks.cache_clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()
    checks.cache_clear()


def found(proof: Proof) -> Answering:
    """A client that has this proof."""

    def answer(question: ProofQuestion, _left: threading.Event, _asker: Asker) -> ProofAnswer:
        receipt = Receipt("CPU", (), 1.0)
        return ProofAnswer(question=question, target=question.target, proof=proof, notes=(), receipt=receipt, arrays={})

    return answer


def failing(error: GradVizError) -> Answering:
    """A client that has no proof."""

    def answer(_question: ProofQuestion, _left: threading.Event, _asker: Asker) -> ProofAnswer:
        raise error

    return answer


def proof(difference: float, derivative: float = 1.0) -> Proof:
    error = abs(difference - derivative) / max(difference, derivative)
    return verdicts.proof([DirectionProof(".input", derivative, (Step(1e-6, difference, error, 1e-9),))], 2.0)


def data(app: AppTest) -> list[dict[str, Any]]:
    """What each line on the page is drawn from."""
    components = [element.proto for element in app.get("bidi_component")]
    return [json.loads(each.json) for each in components if each.component_name == "gradviz_check"]


def lines(app: AppTest) -> list[str]:
    """What the lines say as they are drawn."""
    return [line["said"]["words"] if line["said"] else line["pending"] for line in data(app)]


def looked_for(address: str) -> Any:
    """What a browser gets that looks for a verdict."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("nothing more is sent")

    where, _, token = address.removeprefix("/").partition("/")
    assert where == PATH
    own_loop.run(Lines(checks())({"path_params": {"token": token}}, receive, send))
    start, body = sent
    assert start["status"] == 200
    return json.loads(body["body"])


def drawn(app: AppTest) -> list[ProofQuestion]:
    questions: list[ProofQuestion] = list(app.session_state["checks_drawn"].values())
    return questions


def settled(app: AppTest) -> AppTest:
    """The page once the verdicts are there."""
    assert until(lambda: all(checks().found(one) for one in drawn(app)))
    return app.run()


class Waiting:
    """A client that never answers, and knows which checks were asked and which were left."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left: list[str] = []

    def __call__(self, question: ProofQuestion, left: threading.Event, _asker: Asker) -> None:
        self.asked.append(question.image)
        left.wait(10)
        self.left.append(question.image)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    made = Waiting()
    monkeypatch.setattr(client, "check", made)
    yield made
    checks().show("a", {})
    checks().show("b", {})


def named(*images: str) -> dict[str, ProofQuestion]:
    made = [ProofQuestion(model="m", image=image) for image in images]
    return {question_to_json(one): one for one in made}


# ---------------------------------------------------------------------------------------------------------- on the page


@pytest.mark.parametrize(
    ("page", "choices", "count"),
    [
        (SALIENCY, {}, 1),
        (SALIENCY, {"method": "gradient_x_input"}, 1),
        (SALIENCY, {"method": "guided_backprop", "model": "preset/shapes-resnet"}, 0),
        (SALIENCY, {"method": "smoothgrad", "options": "draws=2"}, 0),
        (NEURONS, {}, 1),
        (PERTURBATION, {}, 1),
        ("pages/understand/jacobian.py", {"of": "features.14", "wrt": ".input"}, 1),
        (MAPS, {"maps": "gradient"}, 1),
        (MAPS, {"maps": "product"}, 1),
        (MAPS, {"maps": "activation"}, 0),
    ],
)
def test_a_line_stands_beside_each_picture_of_a_gradient(page: str, choices: dict[str, str], count: int) -> None:
    app = opened(page, image="sample/star", **choices)
    assert lines(app) == [check.PENDING] * count


def test_the_question_is_that_of_the_picture(asked: list[Question]) -> None:
    (one,) = drawn(opened(MAPS, maps="gradient", image="sample/star", target="3"))
    picture = asked[-1]
    assert isinstance(picture, GradientQuestion)
    shown = inline.ask(picture)
    assert isinstance(shown, GradientAnswer)
    assert (one.model, one.image, one.target, (one.wrt,)) == (
        picture.model,
        picture.image,
        shown.target,
        picture.wrt,
    )
    (other,) = drawn(opened(image="sample/star"))
    assert isinstance(other.target, ClassScore)
    assert (other.wrt, other.target.index) == (INPUT, 3), "the predicted class by its number: one check for both"


def test_a_true_verdict_comes_after_all_answers(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(question: ProofQuestion, _left: threading.Event, _asker: Asker) -> ProofAnswer:
        asked.append(question)
        answer = inline.ask(question)
        assert isinstance(answer, ProofAnswer)
        return answer

    monkeypatch.setattr(client, "check", answer)
    app = opened(image="sample/star")
    assert lines(settled(app)) == ["The gradient agrees with finite differences to 6 digits"]
    assert [question.kind for question in asked][-1] == "proof"
    assert [question.kind for question in asked].count("proof") == 1


def test_the_browser_finds_a_verdict_once_it_is_known(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(image="sample/star")
    (line,) = data(app)
    assert line["said"] is None
    assert looked_for(line["address"]) == {"line": True, "said": None}
    monkeypatch.setattr(client, "check", found(proof(1 + 3e-7)))
    checks().leave("test session id")
    (again,) = data(settled(app.run()))
    words = "The gradient agrees with finite differences to 6 digits"
    found_there = looked_for(again["address"])["said"]
    assert (found_there["icon"], found_there["words"], found_there["loud"]) == ("check", words, False)
    assert found_there["more"] == "They agree in the one direction, to 3e-07 at worst, at the input."
    assert again["said"] == found_there, "what is known is drawn at once"


def test_a_line_that_is_on_no_page_any_more_has_no_verdict(waiting: Waiting) -> None:
    app = opened(image="sample/star")
    (line,) = data(app)
    app.switch_page(NEURONS).run()
    assert looked_for(line["address"]) == {"line": False, "said": None}
    assert looked_for("/check/guessed") == {"line": False, "said": None}


def test_each_session_has_an_address_of_its_own() -> None:
    (question,) = named("one").values()
    known = checks()
    mine, other = known.token_for("a", question), known.token_for("b", question)
    assert mine != other
    assert known.token_for("a", question) == mine
    assert known.behind(mine) == known.behind(other) == (True, None)
    known.leave("a")
    assert known.behind(mine) == (False, None)
    assert known.behind(other) == (True, None)


def test_a_line_that_stays_on_the_page_is_never_gone_in_between(waiting: Waiting) -> None:
    """Where the browser is told that its line is gone, it looks no more."""
    questions, known = named("one", "two", "three"), checks()
    token, over, there = known.token_for("a", questions[next(iter(questions))]), threading.Event(), set[bool]()

    def look() -> None:
        while not over.is_set():
            there.add(known.behind(token)[0])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    browser = threading.Thread(target=look)
    try:
        browser.start()
        for _ in range(10_000):
            known.show("a", questions)
    finally:
        over.set()
        browser.join()
        sys.setswitchinterval(interval)
    assert there == {True}


def test_pages_that_are_never_drawn_to_their_end_leave_few_lines_behind() -> None:
    tokens = [checks().token_for("a", question) for question in named(*map(str, range(MOST_LINES + 10))).values()]
    assert [checks().behind(token)[0] for token in tokens] == [False] * 10 + [True] * MOST_LINES


def test_what_disagrees_is_said_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "check", found(proof(3.0)))
    app = settled(opened())
    (line,) = data(app)
    assert line["said"]["loud"]
    assert line["said"]["words"].startswith(
        "The gradient disagrees with finite differences: 1 by automatic differentiation, 3 by finite differences."
    )


def test_signs_that_are_not_seen_are_shown_in_a_line() -> None:
    assert said(QuestionError("The model \u202ex.pt2 does not run.")).words == (
        "Not checked. The model ⟨U+202E⟩x.pt2 does not run."
    )


def test_a_name_from_right_to_left_leaves_the_order_of_a_line_as_it_is() -> None:
    text = "The model שכבה.pt2 does not run."
    assert said(QuestionError(text)).words == keeping_direction(f"Not checked. {text}") != f"Not checked. {text}"


def test_a_check_that_goes_wrong_inside_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ((text, question),) = named("one").items()

    went_wrong: list[object] = []

    def wrong(_question: ProofQuestion, _left: threading.Event, _asker: Asker) -> None:
        raise RuntimeError

    monkeypatch.setattr(threading, "excepthook", went_wrong.append)  # else the log gets it
    known = Checks(wrong)
    for times in (1, 2):
        known.show("a", {text: question})
        assert until(lambda times=times: len(went_wrong) == times and not known.any_asked)  # type: ignore[misc]


def test_what_cannot_be_checked_is_said_and_asked_anew_only_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "check", failing(QuestionError("It does not run in float64.")))
    app = settled(opened())
    assert lines(app) == ["Not checked. It does not run in float64."]
    monkeypatch.setattr(client, "check", found(proof(1.0)))
    assert lines(app.run()) == ["Not checked. It does not run in float64."]

    monkeypatch.setattr(client, "check", failing(Busy("Other questions came first.")))
    app = settled(opened(target="2"))
    assert lines(app) == [check.PENDING], "it is asked anew, and the browser looks"
    monkeypatch.setattr(client, "check", found(proof(1.0)))
    assert lines(settled(app.run())) == ["The gradient agrees with finite differences to 9 digits"]


# ------------------------------------------------------------------------------------------------- who waits for what


def test_a_check_that_nobody_sees_any_more_is_left(waiting: Waiting) -> None:
    known: Checks = checks()
    known.show("a", named("one", "two"))
    assert until(lambda: sorted(waiting.asked) == ["one", "two"])
    known.show("a", named("two", "three"))
    assert until(lambda: waiting.left == ["one"])
    assert until(lambda: sorted(waiting.asked) == ["one", "three", "two"]), "what goes on is not asked twice"


def test_two_who_see_one_picture_wait_for_one_check(waiting: Waiting) -> None:
    known: Checks = checks()
    known.show("a", named("one"))
    known.show("b", named("one"))
    assert until(lambda: waiting.asked == ["one"])
    known.show("a", {})
    assert not until(lambda: waiting.left, 0.2)
    known.leave("b")  # its tab is closed
    assert until(lambda: waiting.left == ["one"])
    assert waiting.asked == ["one"]


def test_a_click_stops_the_check_first_of_all(
    waiting: Waiting, asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(image="sample/star")
    assert until(lambda: waiting.asked)
    before = len(asked)
    stopped_after: list[int] = []
    monkeypatch.setattr(client, "stop_check", lambda: stopped_after.append(len(asked) - before))
    app.switch_page(NEURONS).run()
    assert stopped_after == [0], "before any question"
    assert len(asked) > before


def test_the_next_page_leaves_the_checks_of_the_last(waiting: Waiting) -> None:
    app = opened(image="sample/star")
    assert until(lambda: waiting.asked == ["sample/star"])
    app.switch_page("pages/understand/gradient_flow.py").run()  # none of its pictures is checked
    assert until(lambda: waiting.left == ["sample/star"])
    assert waiting.asked == ["sample/star"]


# -------------------------------------------------------------------------------------------------- in what is kept


def test_what_is_kept_says_what_the_check_found(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(image="sample/star")
    (question,) = drawn(app)
    offered = {offer.file: offer.what for _, offer in offers()._offers.values()}
    arrays, page = offered["gradviz-saliency.npz"], offered["gradviz-saliency-gradient.html"]
    assert isinstance(arrays, Arrays)
    assert isinstance(page, Page)
    assert arrays.check is not None
    said = json.loads(arrays.check())
    assert said["question"] == json.loads(question_to_json(question))
    assert (said["line"], said["proof"]) == ("The gradient is not checked by finite differences yet", None)
    monkeypatch.setattr(client, "check", found(proof(1 + 3e-7)))
    settled(app.run())
    kept = json.loads(arrays.check())["proof"]
    assert (kept["outcome"], kept["digits"], len(kept["directions"])) == ("agrees", 6, 1)
    assert [step["h"] for step in kept["directions"][0]["steps"]] == [1e-6]
    assert page.title()[1:] == [
        "Shapes, plain convolutions · Star",
        "The gradient agrees with finite differences to 6 digits",
    ]
