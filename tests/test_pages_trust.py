"""The panel "Can I trust this?": nothing before it is opened, exact numbers in it, one sentence for each outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import client, inline
from gradviz_core.drawing import trust_words
from gradviz_core.drawing.completeness import Completeness
from gradviz_core.errors import Busy
from gradviz_core.serving.offers import Arrays, offers
from gradviz_core.text.codec import question_from_json
from gradviz_core.types import (
    Answer,
    CamsQuestion,
    ClassScore,
    InsertionAnswer,
    InsertionQuestion,
    KeepingQuestion,
    Question,
    RandomisedAnswer,
    RandomisedQuestion,
    Site,
)
from pages.layout import code
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.trust import noise, panel
from tests.opening import MAPS, answer_here, chart, errors, opened, read, texts, values

CHOICES = {"model": "preset/digits-cnn", "image": "sample/digit-8", "target": "8"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def lines(app: AppTest, key: str) -> dict[str, list[float]]:
    return {trace["name"]: trace["y"] for trace in chart(app, key)["data"]}


def of_the_panel(asked: list[Question]) -> list[Question]:
    return [one for one in asked if isinstance(one, RandomisedQuestion | InsertionQuestion)]


def randomised(**choices: object) -> RandomisedAnswer:
    question = {"model": CHOICES["model"], "image": CHOICES["image"], "target": ClassScore(8), **choices}
    return inline.ask(RandomisedQuestion(**question))  # type: ignore[arg-type]


def test_folded_away_it_asks_nothing(asked: list[Question]) -> None:
    app = opened(**CHOICES)
    assert not of_the_panel(asked)
    assert "Can I trust this?" in [one.label for one in app.expander]
    assert "trust" not in app.query_params


def test_the_map_with_random_weights_and_the_curve(asked: list[Question]) -> None:
    app = opened(**CHOICES, trust="weights", random_layer="2")
    true = randomised(layer=2)
    np.testing.assert_array_equal(values(chart(app, "trust_map")), true.attribution[0].sum(axis=0))
    assert trust_words.of_weights(true).sentence in " ".join(texts(app))
    shown = lines(app, "trust_curve")
    each = [randomised(layer=layer) for layer in range(4)]
    assert shown["structural similarity (SSIM)"] == pytest.approx([one.ssim for one in each])
    assert shown["rank correlation of magnitudes"] == pytest.approx([one.spearman_absolute for one in each])
    assert not app.get("progress")
    assert not errors(app)

    app.slider(key="shown_random_layer").set_value(0).run()
    assert app.query_params["random_layer"] == "0"
    np.testing.assert_array_equal(values(chart(app, "trust_map")), values(chart(app, "gradient")))
    app.button_group(key="shown_random_mode").set_value("single").run()
    assert {one.mode for one in of_the_panel(asked)[-3:] if isinstance(one, RandomisedQuestion)} == {"single"}
    assert "one layer at a time" in " ".join(texts(app))


@pytest.mark.parametrize("test", ["weights", "noise", "pixels"])
def test_another_visit_asks_nothing_again(test: str, asked: list[Question]) -> None:
    opened(**CHOICES, trust=test)
    assert of_the_panel(asked)
    asked.clear()
    again = opened(**CHOICES, trust=test)
    assert not of_the_panel(asked)
    assert not again.get("progress")


def test_a_layer_that_is_not_there_is_an_error_that_leaves_the_page(asked: list[Question]) -> None:
    for wrong, sentence in (("9", "run 3 layers with parameters"), ("x", "There is no layer")):
        app = opened(**CHOICES, trust="weights", random_layer=wrong)
        (said,) = errors(app)
        assert sentence in said
        app.button(key="without_1").click().run()
        assert not errors(app)
        assert "random_layer" not in app.query_params
    (said,) = errors(opened(**CHOICES, trust="magic"))
    assert "Test cannot be" in said


def test_insertion_and_deletion_of_three_orders(asked: list[Question]) -> None:
    app = opened(**CHOICES, trust="pixels", substrate="black")
    found = {}
    for order in trust_words.ORDERS:
        question = InsertionQuestion(
            model=CHOICES["model"], image=CHOICES["image"], target=ClassScore(8), order=order, substrate="black"
        )
        found[order] = inline.ask(question)
    for curve in ("insertion", "deletion"):
        shown = lines(app, f"trust_{curve}")
        assert list(shown) == list(trust_words.ORDERS.values())
    assert trust_words.of_pixels(found).sentence in " ".join(texts(app))


def test_noise_and_another_draw(asked: list[Question]) -> None:
    app = opened(**CHOICES, trust="noise", noise="10")
    np.testing.assert_array_equal(values(chart(app, "trust_map")), randomised(noise=0.1).attribution[0].sum(axis=0))
    shown = lines(app, "trust_noise")["rank correlation of magnitudes"]
    assert shown == pytest.approx([randomised(noise=size).spearman_absolute for size in noise.NOISES])
    asked.clear()
    app = opened(**CHOICES, trust="draw", method="smoothgrad", options="draws=64")
    (question,) = of_the_panel(asked)
    assert isinstance(question, RandomisedQuestion)
    assert dict(question.options)["draws"] == 64, "whether 64 draws are enough"
    assert not any("Tested on" in one.value for one in app.caption)
    for without in ("gradient", "integrated_gradients"):
        (said,) = errors(opened(**CHOICES, trust="draw", method=without))
        assert "Test cannot be" in said, "it draws nothing"
    app = opened(**CHOICES, trust="draw", method="integrated_gradients", options="baseline=noise,steps=4")
    assert not errors(app)

    app.selectbox(key="shown_method").set_value("gradient").run()
    assert not errors(app), "a test that no longer fits is left"


@pytest.mark.parametrize(
    ("method", "options", "fewer", "said"),
    [
        ("smoothgrad", "draws=64", {"draws": 16}, "from 16 draws, not the one above (64)"),
        ("guided_ig", "", {"steps": 16}, "from 16 steps, not the one above (64)"),
        ("kernelshap", "samples=512,cells=2", {"samples": 256}, "from 256 samples, not the one above (512)"),
    ],
)
def test_a_test_of_another_map_says_so(
    method: str, options: str, fewer: dict[str, float], said: str, asked: list[Question]
) -> None:
    """The verdict is about that other map."""
    app = opened(**CHOICES, trust="noise", method=method, options=options)
    for question in of_the_panel(asked):
        assert isinstance(question, RandomisedQuestion)
        assert dict(question.options).items() >= fewer.items()
    assert any(said in one.value for one in app.caption)


def test_the_panel_asks_after_the_rest_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    order, ask, drawn = [], client.ask, code.panel

    def asking(question: Question) -> Answer:
        order.append(question.kind)
        return ask(question)

    def programs(choice: Any, shown: Any, later: Any = (), at: int | None = None) -> Any:
        order.append("programs")
        return drawn(choice, shown, later, at)

    monkeypatch.setattr(client, "ask", asking)
    monkeypatch.setattr(code, "panel", programs)
    opened(**CHOICES, trust="noise")
    assert order.index("programs") < order.index("randomised")


def test_opened_again_it_shows_the_test_that_it_was_closed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, address_bar = {"panel": False}, {"trust": "draw"}
    monkeypatch.setattr("streamlit.session_state", kept)
    monkeypatch.setattr(address, "read", lambda name: address_bar[name])
    monkeypatch.setattr(address, "write", address_bar.update)
    panel.open_or_close("trust", "panel", ("weights", "draw"))
    assert address_bar == {"trust": ""}
    kept["panel"] = True
    panel.open_or_close("trust", "panel", ("weights", "draw"))
    assert address_bar == {"trust": "draw"}
    panel.open_or_close("trust", "panel", ("weights",))
    assert address_bar == {"trust": "weights"}, "what the method does not have is left"


def test_what_fails_is_said_once_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    true = client.ask

    def busy(question: Question) -> Answer:
        if isinstance(question, InsertionQuestion):
            raise Busy("All workers are busy.")
        return true(question)

    monkeypatch.setattr(client, "ask", busy)
    app = opened(**CHOICES, trust="pixels")
    assert [read(said) for said in errors(app)] == ["All workers are busy."]
    monkeypatch.setattr(client, "ask", true)
    app.button(key="ask_again_1").click().run()
    assert not errors(app)
    assert lines(app, "trust_deletion")


@pytest.mark.parametrize(
    ("likeness", "starts", "good"),
    [
        (0.9, "This map hardly changes when these weights are shuffled: it shows the picture", False),
        (0.6, "This map changes in part", None),
        (0.3, "This map changes when these weights are shuffled", True),
        (np.nan, "This map is the same everywhere, so there is nothing to compare.", None),
    ],
)
def test_each_outcome_has_its_sentence(likeness: float, starts: str, good: bool | None) -> None:
    other = alike(randomised(layer=2), likeness)
    verdict = trust_words.of_weights(other)
    assert verdict.sentence.startswith(starts)
    assert verdict.good is good
    unmoved = replace(other, score_then=other.score)
    assert trust_words.of_noise(unmoved).good is (None if good is None else not good)


def alike(answer: RandomisedAnswer, likeness: float) -> RandomisedAnswer:
    """The answer as if the two maps were so much alike; without a number, as if the first were flat."""
    numbers = {"similarity": np.array([0.1, likeness, 0.1]), "ranges": np.array([0.0 if np.isnan(likeness) else 1, 1])}
    return replace(answer, arrays=dict(answer.arrays) | numbers)


@pytest.mark.parametrize(("sum_", "good"), [(7.3, True), (6.0, False)])
def test_whether_a_map_adds_up(sum_: float, good: bool) -> None:
    verdict = trust_words.of_sums(Completeness(sum_, 7.34), "it sums to the score", can_be_finer=True)
    assert verdict.good is good
    assert f"add up to {sum_:g}; in theory they add up to 7.34" in verdict.sentence
    assert ("More steps" in verdict.sentence) is not good


@pytest.mark.parametrize(
    ("method", "label", "sentence"),
    [
        ("gradient", "Finite differences", "Where both agree, the gradient is correct."),
        ("integrated_gradients", "Completeness", "This map adds up: the attribution sums to the score less"),
    ],
)
def test_the_law_of_a_method_is_one_of_its_tests(method: str, label: str, sentence: str) -> None:
    app = opened(**CHOICES, method=method, trust="law")
    assert not errors(app)
    assert label in app.button_group(key="shown_trust").options
    assert sentence in " ".join(texts(app))
    (said,) = errors(opened(**CHOICES, method="smoothgrad", trust="law"))
    assert "Test cannot be" in said, "no law says what a mean of gradients is"


def test_on_layers_the_map_of_the_chosen_layer_is_tested(asked: list[Question]) -> None:
    choices = {"model": "preset/shapes-cnn", "image": "sample/star", "maps": "method", "layer_method": "hires_cam"}
    app = opened(MAPS, **choices, layer_trust="weights", random_layer="1")
    question = RandomisedQuestion(
        model="preset/shapes-cnn",
        image="sample/star",
        method="hires_cam",
        wrt=Site("features.17"),
        layer=1,
    )
    first = of_the_panel(asked)[0]
    assert isinstance(first, RandomisedQuestion)
    assert first == replace(question, target=first.target, options=first.options)
    assert first.target == inline.ask(question).target
    np.testing.assert_array_equal(values(chart(app, "trust_map")), inline.ask(question).attribution[0, 0])
    assert "trust" not in app.query_params, "Input saliency has a choice of its own"
    app.selectbox(key="shown_site").set_value("pool").run()
    assert not errors(app)


def test_what_can_be_downloaded_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(**CHOICES, trust="pixels", substrate="black")
    files = {offer.file: offer.what for _, offer in offers()._offers.values()}
    for curve in ("insertion", "deletion"):
        assert f"gradviz-saliency-trust_{curve}.html" in files
    mine = files["gradviz-saliency-curves-this-map.npz"]
    assert isinstance(mine, Arrays)
    asked = question_from_json(mine.question)
    assert isinstance(asked, InsertionQuestion)
    assert (asked.order, asked.substrate, asked.target.explains) == ("map", "black", 8)


def test_what_can_be_downloaded_of_all_layers() -> None:
    app = opened(MAPS, model="preset/shapes-cnn", image="sample/star", maps="method")
    files = {offer.file: offer.what for _, offer in offers()._offers.values()}
    assert "gradviz-layers-changes.html" in files
    kinds = {}
    for name in ("all-layers", "regions"):
        arrays = files[f"gradviz-layers-{name}.npz"]
        assert isinstance(arrays, Arrays)
        kinds[name] = question_from_json(arrays.question)
    assert isinstance(kinds["all-layers"], CamsQuestion)
    assert isinstance(kinds["regions"], KeepingQuestion)
    shown = len(chart(app, "changes")["data"][0]["x"])
    assert len(inline.ask(kinds["regions"]).arrays["kept"]) == shown == len(kinds["regions"].sites)


def test_a_map_that_stays_while_the_score_falls_gets_no_tick() -> None:
    same = alike(randomised(noise=0.1), 0.9)
    assert trust_words.of_noise(replace(same, score=10.0, score_then=9.5)).good is True
    fallen = trust_words.of_noise(replace(same, score=10.0, score_then=2.0))
    assert fallen.good is None
    assert "although the score goes from 10 to 2" in fallen.sentence
    assert "do not rely on single pixels" in trust_words.of_noise(alike(same, 0.3)).sentence


def test_what_the_weights_taught_is_judged_from_half_the_layers_on() -> None:
    for few in (alike(randomised(layer=1), 0.9), alike(randomised(layer=3, mode="single"), 0.9)):
        verdict = trust_words.of_weights(few)
        assert verdict.sentence == "Shuffling these layers hardly changes the map."
        assert verdict.good is None


def test_insertion_and_deletion_have_to_beat_both_orders() -> None:
    question = InsertionQuestion(model=CHOICES["model"], image=CHOICES["image"])
    one = inline.ask(question)

    def curves(rise: float, fall: float) -> InsertionAnswer:
        share = np.array([0.0, 1.0])
        arrays = {"share": share, "insertion": np.full(2, rise), "deletion": np.full(2, fall)}
        return InsertionAnswer(question=question, target=one.target, notes=(), receipt=one.receipt, arrays=arrays)

    random, centre = curves(1, 1), curves(2, -1)
    for mine, good in ((curves(3, -2), True), (curves(3, 0), None), (curves(1, -2), None), (curves(1, 0), False)):
        assert trust_words.of_pixels({"map": mine, "random": random, "centre": centre}).good is good
    hardly = trust_words.of_pixels({"map": curves(2.1, -1.1), "random": random, "centre": centre})
    assert hardly.good is False, "one random order stands for all"
    rises, falls = hardly.sentence.split(". ")
    worse = trust_words.of_pixels({"map": curves(0, 2), "random": random, "centre": centre}).sentence
    assert worse.count("less than in random order or from the centre outwards") == 2
    than = "more than in random order, but about as much as from the centre outwards"
    assert rises.endswith(f"{than} (mean score 2.1, against 1 and 2)")
    assert falls.endswith(f"{than} (mean score −1.1, against 1 and −1).")
