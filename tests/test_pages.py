"""The pages without a browser: each draws exact numbers, restores its address, answers bad input in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.errors import Busy, GradVizError, ServiceStarting, Unreachable
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import Answer, ClassScore, GradientAnswer, GradientQuestion, Question
from pages.shell import words
from pages.shell.answer_cache import AnswerCache, answer_cache
from pages.shell.clicks import _read, sent
from pages.shell.facts import _fact
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, errors, opened, texts, values


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


# -------------------------------------------------------------------------------------------------------- what is shown


def test_the_saliency_map_is_the_gradient_and_nothing_else() -> None:
    app = opened(model="preset/shapes-cnn", image="sample/star", target="3")
    answer = inline.ask(GradientQuestion(model="preset/shapes-cnn", image="sample/star", target=ClassScore(3)))
    assert isinstance(answer, GradientAnswer)
    expected = answer.arrays["gradient/.input"][0].sum(axis=0)
    np.testing.assert_array_equal(values(chart(app, "gradient")), expected.astype(np.float32))


@pytest.mark.parametrize("view", ["signed", "l2", "max", "channels"])
@pytest.mark.parametrize("method", ["gradient", "gradient_x_input"])
def test_every_view_and_method_draws_something_finite_and_not_constant(view: str, method: str) -> None:
    app = opened(view=view, method=method)
    shown = values(chart(app, "gradient"))
    finite = shown[np.isfinite(shown)]
    assert finite.size
    assert finite.min() < finite.max()
    assert not app.error


def test_the_largest_value_is_named_where_it_is() -> None:
    answer = inline.ask(GradientQuestion(model="preset/shapes-cnn", image="sample/star"))
    gradient = answer.arrays["gradient/.input"][0]
    channel, row, column = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
    name = ("red", "green", "blue")[channel]
    app = opened(image="sample/star", view="channels")
    assert any(f"{name}, row {row}, column {column}" in text for text in texts(app))


def test_a_line_of_facts_ends_between_two_facts() -> None:
    app = opened(image="sample/star")
    lines = [m.value for m in app.markdown if m.value.startswith(":gray[")]
    facts = [fact for line in lines for fact in line.split("&emsp;")]
    assert len(facts) > 3
    assert len(lines) < len(facts)
    assert all(len(fact.split(" ")) == 1 for fact in facts), facts
    long = _fact("the share of it that lies within", "rows 10 to 20, columns 3 to 9")
    assert len(long.split(" ")) > 10, "longer than a phone is wide: it has to wrap somewhere"


def test_neurons_draws_a_unit_and_the_strongest_channels() -> None:
    app = opened(NEURONS)
    assert not app.error
    for key in ("activation", "gradient", "gallery"):
        assert np.ptp(values(chart(app, key))[np.isfinite(values(chart(app, key)))]) > 0
    assert {s["line"].get("dash") for s in chart(app, "gradient")["layout"]["shapes"]} == {None, "solid", "dash"}


@pytest.mark.parametrize("page", [NEURONS, MAPS])
def test_a_unit_is_chosen_by_channel_row_and_column(page: str) -> None:
    assert [box.label for box in opened(page).number_input] == ["Channel", "Row", "Column"]


@pytest.mark.parametrize(
    ("page", "scored"),
    [(SALIENCY, True), (MAPS, True), (NEURONS, False), ("pages/understand/jacobian.py", False)],
)
def test_a_score_can_be_chosen_where_it_is_what_is_differentiated(page: str, scored: bool) -> None:
    labels = [box.label for box in opened(page).selectbox]
    assert ("Target" in labels, "Score" in labels) == (scored, scored)


@pytest.mark.parametrize(
    ("model", "image", "site", "each"),
    [
        ("shapes-cnn", "star", "features.6", "channel"),
        ("digits-mlp", "digit-3", "relu1", "feature"),
        ("shapes-vit", "star", "layers.0.norm1", "feature"),
    ],
)
def test_the_hover_calls_tiles_what_the_page_calls_them(model: str, image: str, site: str, each: str) -> None:
    choices = {"model": f"preset/{model}", "image": f"sample/{image}", "site": site}
    for page, key in ((MAPS, "channels"), (NEURONS, "gallery")):
        (tiles, *_) = chart(opened(page, **choices), key)["data"]
        assert tiles["hovertemplate"].startswith(f"{each} %"), page


def test_feature_maps_draws_all_channels_on_the_scale_of_the_one_enlarged() -> None:
    app = opened(MAPS, maps="product")
    assert not app.error
    sheet, one = chart(app, "channels"), chart(app, "channel")
    assert sheet["data"][0]["zmax"] == one["data"][0]["zmax"]
    assert np.isfinite(values(sheet)).sum() == values(one).size * len(sheet["data"][1]["text"])


def test_channels_are_drawn_where_the_gradient_could_not_be_followed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "flow", lambda: Busy("The worker has died."), times=1)
    app = opened(MAPS, site="features.4", maps="activation")
    assert not app.exception
    assert errors(app) == [words.plain("The worker has died.")]
    assert np.isfinite(values(chart(app, "channels"))).any()


def test_a_vision_transformer_and_a_flat_network_are_drawn_too() -> None:
    for model in ("preset/shapes-vit", "preset/digits-mlp"):
        for page in (NEURONS, MAPS):
            app = opened(page, model=model)
            assert not app.error, (model, page)


# ---------------------------------------------------------------------------------------------------------- the address


def test_an_address_restores_the_view(asked: list[Question]) -> None:
    app = opened(
        NEURONS, model="preset/shapes-cnn", image="sample/heart", site="features.6", row="3", col="4", channel="5"
    )
    shown = {n.label: n.value for n in app.number_input}
    assert (shown["Row"], shown["Column"], shown["Channel"]) == (3, 4, 5)
    assert '"index":[5,3,4]' in question_to_json(asked[-1])
    assert '"image":"sample/heart"' in question_to_json(asked[-1])


def test_what_is_chosen_is_written_to_the_address() -> None:
    app = opened()
    app.button_group(key="shown_view").set_value("l2").run()
    app.selectbox(key="shown_target").select("4").run()
    assert (app.query_params["view"], app.query_params["target"]) == ("l2", "4")
    app.selectbox(key="shown_model").select("preset/digits-cnn").run()
    assert "target" not in app.query_params, "a class of one model means nothing in another"
    assert app.query_params["view"] == "l2"
    assert not app.error


def crafted(page: str, name: str, value: str) -> AppTest:
    others = {"target": "3", "scale": "difference"} if name == "minus" else {}
    return opened(page, **others, **{name: value})


def charts(app: AppTest) -> list[Any]:
    return list(app.get("plotly_chart"))


def mend(app: AppTest, name: str) -> None:
    """Do what the sentence says: choose another one."""
    match name:
        case "model" | "target" | "scale" | "minus" | "site" | "method":
            good = {
                "model": "preset/shapes-cnn",
                "target": "3",
                "scale": "probability",
                "minus": "4",
                "site": "features.6",
                "method": "gradient_x_input",
            }
            app.selectbox(key=f"shown_{name}").select(good[name]).run()
        case "view" | "maps" | "sort":
            good = {"view": "max", "maps": "product", "sort": "index"}
            app.button_group(key=f"shown_{name}").set_value(good[name]).run()
        case "row" | "channel":
            app.number_input(key=f"shown_{name}").set_value(1).run()
        case "opacity":
            app.slider(key="shown_opacity").set_value(50).run()
        case "options":
            app.selectbox(key="shown_method").select("gradient_x_input").run()
        case _:
            app.session_state["address"].chosen[name] = "sample/star"  # as a click on a thumbnail does
            app.run()


CRAFTED = pytest.mark.parametrize(
    ("page", "name", "value", "sentence"),
    [
        (
            SALIENCY,
            "model",
            "preset/nope",
            "There is no preset 'nope'. Choose one of efficientnet-lite0 (EfficientNet-Lite0), shapes-cnn (Shapes,",
        ),
        (SALIENCY, "model", "preset/shapes", "Did you mean shapes-vit (Shapes, vision transformer)"),
        (SALIENCY, "model", "torchvision/resnet18", "does not name its weights. Add one of IMAGENET1K_V1"),
        (SALIENCY, "model", "../../etc/passwd", "There is no model '../../etc/passwd'"),
        (SALIENCY, "image", "sample/nope", "There is no sample image 'nope'"),
        (SALIENCY, "image", "upload/" + "0" * 64, "Upload it again"),
        (SALIENCY, "target", "12", "Class 12 does not exist"),
        (SALIENCY, "target", "x[y](z)", "Class x[y](z) does not exist"),
        (SALIENCY, "scale", "softmax", "Score cannot be 'softmax'"),
        (SALIENCY, "view", "<script>alert(1)</script>", "View cannot be '<script>alert(1)</script>'"),
        (SALIENCY, "method", "magic", "Method cannot be 'magic'"),
        (SALIENCY, "options", "draws=3", "Gradient has no option 'draws'. It has none: leave it out."),
        (SALIENCY, "opacity", "1e9", "Opacity cannot be '1e9': it must be a whole number from 0 to 100 %."),
        (NEURONS, "site", "layer9.relu", "There is no site 'layer9.relu'"),
        (NEURONS, "row", "99", "Row cannot be 99: it must be a whole number from 0 to 11"),
        (NEURONS, "row", "two", "Row cannot be 'two'"),
        (NEURONS, "channel", "-1", "Channel cannot be -1"),
        (MAPS, "channel", "9" * 50, "Channel cannot be 999"),
        (MAPS, "maps", "x", "Show cannot be 'x'"),
        (MAPS, "sort", "A" * 5000, "Sort cannot be 'AAA"),
        (SALIENCY, "minus", "77", "Class 77 does not exist"),
        (SALIENCY, "minus", "3", "minus itself is always 0"),
    ],
)


@CRAFTED
def test_a_crafted_address_gets_one_sentence_and_is_not_answered_as_another(
    page: str, name: str, value: str, sentence: str
) -> None:
    app = crafted(page, name, value)
    (said,) = errors(app)
    assert words.plain(sentence) in said
    assert len(said) < 700
    assert not app.get("plotly_chart") or page == MAPS, "what is drawn comes before what was chosen wrongly"
    assert not {"gradient", "activation", "channels"} & {str(c.proto.id).rpartition("_")[2] for c in charts(app)}
    mend(app, name)
    assert not app.error
    assert app.get("plotly_chart")


@CRAFTED
def test_one_press_goes_on_without_what_is_not_there(page: str, name: str, value: str, sentence: str) -> None:
    app = crafted(page, name, value)
    buttons = [button for button in app.button if button.label == "Continue without it"]
    assert len(buttons) == (name not in ("model", "image"))
    for button in buttons:
        button.click().run()
        assert not app.error
        assert name not in app.query_params
        assert app.get("plotly_chart")


# ------------------------------------------------------------------------------------------------------ what goes wrong


def failing(monkeypatch: pytest.MonkeyPatch, kind: str, error: Callable[[], GradVizError], times: int = 10**6) -> None:
    """Questions of one kind fail so many times."""
    left = [times]

    def ask(question: Question) -> Answer:
        if question.kind == kind and left[0] > 0:
            left[0] -= 1
            raise error()
        return inline.ask(question)

    monkeypatch.setattr(client, "ask", ask)


def test_a_site_no_gradient_reaches_is_said_and_the_strip_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "gradient", lambda: Unreachable("No gradient of class 3 reaches aux.fc. Choose another site."))
    app = opened(MAPS)
    assert errors(app) == [words.plain("No gradient of class 3 reaches aux.fc. Choose another site.")]
    assert chart(app, "strip")


def test_a_busy_service_can_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "gradient", lambda: Busy("32 questions wait already. Try again in a moment."), times=1)
    app = opened()
    assert len(errors(app)) == 1
    app.button(key="ask_again_1").click().run()
    assert not app.error
    assert chart(app, "gradient")


def test_two_parts_of_a_page_may_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ask", _only_surveys)
    app = opened(MAPS)
    assert len(errors(app)) == 2
    assert [button.label for button in app.button].count("Ask again") == 2


def _only_surveys(question: Question) -> Answer:
    if question.kind == "survey":
        return inline.ask(question)
    raise Busy("32 questions wait already. Try again in a moment.")


def test_a_service_that_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "survey", lambda: ServiceStarting("Not yet."), times=2)
    assert not opened().error


# --------------------------------------------------------------------------------------------------------------- pieces


def test_the_same_question_is_asked_once(asked: list[Question]) -> None:
    app = opened()
    before = len(asked)
    app.run()
    app.slider(key="shown_opacity").set_value(50).run()
    assert len(asked) == before
    assert len({question_to_json(q) for q in asked}) == before


def test_kept_answers_are_bounded_by_all_that_they_hold() -> None:
    answer = inline.ask(GradientQuestion(model="preset/digits-cnn", image="sample/digit-3"))
    alone = AnswerCache()
    assert alone.get("a", lambda: answer) is alone.get("a", lambda: pytest.fail("it was kept")) is answer
    assert alone.size > sum(a.nbytes for a in answer.arrays.values()) + len(question_to_json(answer.question))
    store = AnswerCache(most_bytes=2 * alone.size)
    for text in "abcd":
        store.get(text, lambda: answer)
    assert store.size == 2 * alone.size
    assert store.get("d", lambda: pytest.fail("d was kept")) is answer
    small = AnswerCache(most_bytes=alone.size - 1)
    assert small.get("x", lambda: answer) is answer
    assert small.size == 0


@pytest.mark.parametrize("value", [None, {}, {"x": "1", "y": 2}, [1], 5, {"x": 1e99, "y": 0, "position": 0}])
def test_what_a_browser_sends_is_a_click_or_nothing(value: object) -> None:
    assert _read(value) is None


@pytest.mark.parametrize("state", [{}, {"chart_clicks": None}, {"chart_clicks": {}}])
def test_a_click_that_streamlit_has_forgotten_is_none(state: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", state)
    assert sent("chart_clicks", "clicked") is None


def test_text_from_outside_stays_text() -> None:
    assert words.plain("a*b_[c](d) :red[x] $z$ # <b>") == (r"a\*b\_\[c\]\(d\) \:red\[x\] \$z\$ \# \<b\>")
    assert words.plain("a\n# b") == r"a⟨U\+000A⟩\# b"
    assert words.plain("    code") == "&nbsp;" * 4 + "code"
