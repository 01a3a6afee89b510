"""Models whose output is not one row of softmax logits, through the pages: the right gradient, the right words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
import torch.nn.functional as F
from streamlit.testing.v1 import AppTest
from torch import Tensor

from gradviz_core.types.heads import OutputKind
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from tests.opening import MAPS, SALIENCY, answer_here, chart, errors, opened, texts
from tests.own_outputs import IMAGE, Served, check_gradient, check_left_out, served_here

FLOW, JACOBIAN, PERTURBATION = (f"pages/understand/{name}.py" for name in ("gradient_flow", "jacobian", "perturbation"))
NEURONS, DOCTOR = "pages/explore/neurons.py", "pages/learn/doctor.py"
GUESS, LAST = "Guessed from its shape and values: change it if this is wrong.", "Taken from the last layer."


@pytest.fixture(autouse=True)
def _answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield
    answer_cache.clear()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Puts a model of ``own_outputs`` behind a key, as an upload."""
    return served_here(monkeypatch)


def facts(app: AppTest) -> str:
    return "\n".join(text for text in texts(app) if text.startswith(":gray["))


KINDS: list[tuple[str, dict[str, str], Callable[..., Tensor], str, str]] = [
    ("classes", {}, lambda z: z[0, 3], GUESS, "predicted"),
    ("one logit", {}, lambda z: z[0, 0], GUESS, "prediction"),
    ("one logit", {"reads": "sigmoid", "scale": "probability"}, lambda z: z[0, 0].sigmoid(), "Chosen here.", "label 0"),
    (
        "one logit",
        {"reads": "sigmoid", "scale": "log_probability", "direction": "decrease"},
        lambda z: F.logsigmoid(-z[0, 0]),
        "Chosen here.",
        "",
    ),
    (
        "labels",
        {"reads": "sigmoid", "target": "1", "scale": "probability"},
        lambda z: z[0, 1].sigmoid(),
        "Chosen here.",
        "probability of",
    ),
    ("softmax", {}, lambda p: p[0].max(), LAST, "probability of"),
    ("softmax", {"target": "1", "scale": "log_probability"}, lambda p: p[0, 1].log(), LAST, "log-probability of"),
    ("log-softmax", {"target": "2"}, lambda p: p[0, 2], LAST, "log-probability of"),
    ("log-softmax", {"target": "2", "scale": "probability"}, lambda p: p[0, 2].exp(), LAST, "probability of"),
    ("sigmoid", {}, lambda p: p[0, 0], LAST, "probability of"),
    ("labels as shares", {"target": "1", "direction": "decrease"}, lambda p: 1 - p[0, 1], LAST, "it is not label 1"),
    ("age", {}, lambda y: y[0, 0], GUESS, "prediction"),
    ("age", {"direction": "decrease"}, lambda y: -y[0, 0], GUESS, "prediction"),
    ("embedding", {"reads": "numbers", "target": "2"}, lambda y: y[0, 2], "Chosen here.", "largest numbers"),
    ("flat", {}, lambda y: y[0], GUESS, "prediction"),
    ("scalar", {}, lambda y: y, GUESS, "prediction"),
    ("two heads", {}, lambda y: y["logits"][0, 3], GUESS, "predicted"),
    ("two heads", {"head": "aux", "target": "1"}, lambda y: y["aux"][0, 1], GUESS, "predicted"),
    ("tuple", {"head": "1", "target": "4"}, lambda y: y[1][0, 4], LAST, "probability of"),
    ("rows", {"outrow": "2"}, lambda y: y[2].max(), GUESS, "predicted"),
    ("tokens", {}, lambda p: p[0, 0, 0], "", "output"),
    ("tokens", {"element": "4,2"}, lambda p: p[0, 4, 2], "", "output"),
    ("five axes", {}, lambda y: y.sum(), "", "sum of"),
    ("five axes", {"element": "1, 2,3,4"}, lambda y: y[0, 1, 2, 3, 4], "", "output"),
]


@pytest.mark.parametrize(("name", "choices", "score", "known", "said"), KINDS)
def test_the_picture_is_the_gradient_of_the_score_that_the_kind_gives(
    name: str, choices: dict[str, str], score: Callable[..., Tensor], known: str, said: str, served: Served
) -> None:
    key = served(name)
    app = opened(SALIENCY, model=key, image=IMAGE, **choices)
    check_gradient(app, name, key, score)
    assert any(caption.value.endswith(known) for caption in app.caption)
    assert said in facts(app)


# ------------------------------------------------------------------------------------------------------ words and bars


def bars(app: AppTest) -> tuple[list[str], list[str]]:
    """Names and texts of the bars, without markup."""
    figure = chart(app, "classes")
    names = [name.replace("<b>", "").replace("</b>", "") for name in figure["layout"]["yaxis"]["ticktext"]]
    return names, [text.replace("\N{NO-BREAK SPACE}", " ") for text in figure["data"][0]["text"]]


def headers(app: AppTest) -> list[str]:
    return [header.value for header in app.header]


def test_labels_have_a_probability_each_and_need_not_add_up(served: Served) -> None:
    app = opened(SALIENCY, model=served("labels"), image=IMAGE, reads="sigmoid")
    names, said = bars(app)
    assert set(names) == {f"label {i}" for i in range(4)}
    assert sum(float(text.removesuffix(" %")) for text in said) > 150
    assert headers(app)[0] == "Labels"
    assert "predicted **label 3 62.0 %, label 2 54" in facts(app).replace(":gray[predicted]", "predicted")


def test_probabilities_that_do_not_add_up_to_one_are_those_of_labels(served: Served) -> None:
    app = opened(SALIENCY, model=served("labels as shares"), image=IMAGE)
    names, said = bars(app)
    assert all(name.startswith("label ") for name in names)
    assert abs(sum(float(text.removesuffix(" %")) for text in said) - 100) > 1
    assert headers(app)[0] == "Labels"
    assert any("five most likely labels, each with its own probability" in one for one in texts(app))
    target, score = (app.selectbox(key=f"shown_{name}") for name in ("target", "scale"))
    assert (target.options[0], target.options[1]) == ("the most likely label", "label 0")
    assert "Probability minus another label" in score.options
    assert "class" not in facts(app)


def test_probabilities_that_add_up_to_one_are_those_of_classes(served: Served) -> None:
    app = opened(SALIENCY, model=served("softmax"), image=IMAGE)
    assert headers(app)[0] == "Classes"
    assert app.selectbox(key="shown_target").options[0] == "the predicted class"


def test_the_chart_of_one_probability_is_headed_as_its_caption_says(served: Served) -> None:
    app = opened(SALIENCY, model=served("sigmoid"), image=IMAGE)
    assert headers(app)[0] == "Labels"
    assert any("The label and its complement" in one for one in texts(app))


def test_a_single_label_with_two_names_has_both_at_its_bars(served: Served) -> None:
    app = opened(SALIENCY, model=served("sigmoid", labels=("malignant",), against="benign"), image=IMAGE)
    assert bars(app)[0] == ["malignant", "benign"]


@pytest.mark.parametrize("scale", ["probability", "loss", "difference"])
def test_logits_that_are_said_to_be_probabilities_are_refused_with_the_way_out(scale: str, served: Served) -> None:
    for choices, reading in (({"reads": "probabilities"}, None), ({}, "probabilities")):
        key = served("classes", reading=cast(OutputKind, reading))
        app = opened(SALIENCY, model=key, image=IMAGE, scale=scale, **choices)
        (said,) = errors(app)
        assert "read as probabilities, but its numbers go from" in said
        assert "Choose another output kind" in said
        assert any(box.label == "Output kind" for box in app.selectbox)


def test_a_single_label_and_its_complement_are_two_bars_and_a_click_turns_round(served: Served) -> None:
    app = opened(SALIENCY, model=served("sigmoid", labels=("cat",)), image=IMAGE)
    names, said = bars(app)
    assert names == ["cat", "not cat"]
    assert sum(float(text.removesuffix(" %")) for text in said) == pytest.approx(100, abs=0.11)
    assert "Target" not in [box.label for box in app.selectbox], "there is nothing to choose from"
    assert [control.label for control in app.button_group][-1] == "Direction"


def test_a_regression_has_a_prediction_and_neither_bars_nor_scores_to_choose(served: Served) -> None:
    app = opened(SALIENCY, model=served("age"), image=IMAGE)
    assert not [c for c in app.get("plotly_chart") if c.proto.id.endswith("-chart_classes")]
    assert not {"Target", "Score"} & {box.label for box in app.selectbox}
    assert "logit" not in " ".join(texts(app)).lower()
    assert "prediction] **40.1" in facts(app)


def test_plain_numbers_are_bars_with_their_sign(served: Served) -> None:
    app = opened(SALIENCY, model=served("embedding"), image=IMAGE, reads="numbers")
    names, said = bars(app)
    assert all(name.startswith("number ") for name in names)
    assert any(text.startswith("−") for text in said)
    assert not any("%" in text for text in said)
    assert "Score" in [box.label for box in app.selectbox]
    assert "probability" not in " ".join(texts(app)).lower()


def test_no_logit_is_offered_of_what_is_a_probability_already(served: Served) -> None:
    for name in ("softmax", "log-softmax", "sigmoid", "tuple"):
        app = opened(SALIENCY, model=served(name), image=IMAGE, **({"head": "1"} if name == "tuple" else {}))
        (score,) = [box for box in app.selectbox if box.label == "Score"]
        assert not any("Logit" in option for option in score.options), name


def test_one_class_of_a_softmax_offers_no_probability_which_would_be_constant(served: Served) -> None:
    app = opened(SALIENCY, model=served("one logit"), image=IMAGE, reads="softmax")
    assert not app.error
    assert "Score" not in [box.label for box in app.selectbox]
    wrong = opened(SALIENCY, model=served("one logit"), image=IMAGE, reads="softmax", scale="probability")
    assert "Score cannot be" in errors(wrong)[0]


@pytest.mark.parametrize(("known", "said"), [("sigmoid_logits", "Stated when the model was uploaded."), (None, GUESS)])
def test_what_the_recipe_says_counts_and_what_is_set_counts_more(
    known: OutputKind | None, said: str, served: Served
) -> None:
    key = served("labels", known)
    assert any(caption.value.endswith(said) for caption in opened(SALIENCY, model=key, image=IMAGE).caption)
    app = opened(SALIENCY, model=key, image=IMAGE, reads="numbers")
    assert any(caption.value.endswith("Chosen here.") for caption in app.caption)


def test_a_kind_is_chosen_from_the_list_and_the_one_that_is_known_is_not_in_the_address(served: Served) -> None:
    app = opened(SALIENCY, model=served("labels"), image=IMAGE)
    assert "reads" not in app.query_params
    app.selectbox(key="shown_reads").select("sigmoid").run()
    assert app.query_params["reads"] == "sigmoid"
    assert not app.error
    assert headers(app)[0] == "Labels"


# ------------------------------------------------------------------------------------------------------ the other pages


@pytest.mark.parametrize(
    "name", ["one logit", "labels", "flat", "scalar", "two heads", "map", "boxes", "rows", "tokens", "five axes"]
)
def test_every_page_takes_outputs_of_every_kind(name: str, served: Served) -> None:
    app = opened(SALIENCY, model=served(name), image=IMAGE)
    for page in (MAPS, NEURONS, FLOW, PERTURBATION, DOCTOR, JACOBIAN, SALIENCY):
        app.switch_page(page).run()
        assert not app.exception, page
        assert not app.error, (page, errors(app))


def test_the_feature_maps_begin_at_a_site_that_the_gradient_reaches(served: Served) -> None:
    app = opened(MAPS, model=served("coder"), image=IMAGE)
    assert not errors(app)
    assert app.selectbox(key="shown_site").value == "relu", "two thirds of the way would be up.0, behind the numbers"


def test_a_site_that_no_gradient_reaches_shows_its_activation_and_says_why(served: Served) -> None:
    choices = {"model": served("coder"), "image": IMAGE, "site": "up.2"}
    app = opened(MAPS, **choices)
    assert not errors(app)
    assert chart(app, "channels")
    assert any("No differentiable path leads from up.2 to the score" in one.value.replace("\\", "") for one in app.info)
    assert "Unreachable" not in " ".join(texts(app))
    (said,) = errors(opened(MAPS, **choices, maps="gradient"))
    assert "up.2" in said.replace("\\", "")


@pytest.mark.parametrize("choices", [{}, {"reads": "numbers"}])
def test_a_map_is_not_given_the_prediction_of_another_output(choices: dict[str, str], served: Served) -> None:
    app = opened(SALIENCY, model=served("coder"), image=IMAGE, head="0", **choices)
    assert not errors(app)
    assert not [c for c in app.get("plotly_chart") if c.proto.id.endswith("-chart_classes")]
    assert not any("predict" in name or "largest" in name for name in facts(app).split(":gray[")[1:2])


def test_a_single_number_that_is_the_score_too_is_said_once(served: Served) -> None:
    key = served("age")
    for page in (SALIENCY, MAPS, FLOW):
        app = opened(page, model=key, image=IMAGE)
        (line,) = [text for text in texts(app) if "prediction]" in text]
        assert line.count("40.1") == 1, page
    (line,) = [text for text in texts(opened(PERTURBATION, model=key, image=IMAGE)) if "predicted change" in text]
    assert line.startswith(":gray[number 0 of the output] **40.1"), "before and after, without the prediction before it"
    assert line.count("40.1") == 1
    assert "minus the number 0" in facts(opened(SALIENCY, model=key, image=IMAGE, direction="decrease"))


def test_the_target_is_named_as_the_new_model_names_it(served: Served) -> None:
    app = opened(SALIENCY)
    assert not app.selectbox(key="shown_target").proto.set_value, "what the browser shows already is left alone"
    choose_model(app, served("map"))
    shown = app.selectbox(key="shown_target").proto
    assert (shown.set_value, shown.raw_value) == (True, "the class predicted most often")
    app.run()
    assert not app.selectbox(key="shown_target").proto.set_value


# ---------------------------------------------------------------------------------------------------------- the address


@pytest.mark.parametrize(
    ("model", "choices", "name", "sentence"),
    [
        (
            "classes",
            {"reads": "logits"},
            "reads",
            "Output kind cannot be 'logits': it must be one of “Softmax logits”, “Sigmoid logits”",
        ),
        ("classes", {"direction": "decrease"}, "direction", "Direction cannot be 'decrease'"),
        ("labels", {"reads": "sigmoid", "direction": "up"}, "direction", "Direction cannot be 'up'"),
        ("labels", {"reads": "sigmoid", "target": "4"}, "target", "Label 4 does not exist"),
        ("age", {"target": "1"}, "target", "There is no number '1': this output has only number 0"),
        (
            "age",
            {"scale": "probability"},
            "scale",
            "Score cannot be 'probability': the only option here is “The number itself”.",
        ),
        ("softmax", {"scale": "logit"}, "scale", "Score cannot be 'logit'"),
        ("classes", {"outrow": "1"}, "outrow", "This output has only one row"),
        ("two heads", {"head": "loss"}, "head", "This model returns no output 'loss': it returns aux, logits."),
        (
            "classes",
            {"head": "<b>x</b>"},
            "head",
            "This model returns no output '<b>x</b>': it returns only one. Leave",
        ),
        ("five axes", {"element": "1,2,3"}, "element", "The output has no value '1,2,3'"),
        ("five axes", {"element": "2,0,0,0"}, "element", "the index is within (0 to 1, 0 to 2, 0 to 11, 0 to 11)"),
    ],
)
def test_what_is_not_there_is_said_and_one_press_goes_on_without_it(
    model: str, choices: dict[str, str], name: str, sentence: str, served: Served
) -> None:
    check_left_out(opened(SALIENCY, model=served(model), image=IMAGE, **choices), name, sentence)


def test_a_score_that_the_next_model_does_not_have_is_left_out_and_others_stay(served: Served) -> None:
    labels, age = served("labels"), served("age")
    app = opened(SALIENCY, model=labels, image=IMAGE, scale="difference")
    assert not app.error
    choose_model(app, "preset/shapes-cnn")
    assert app.query_params["scale"] == "difference"
    choose_model(app, age)
    assert not app.error
    assert "scale" not in app.query_params


def choose_model(app: AppTest, key: str) -> None:
    """As the list of models does."""
    with_callback = app.session_state["address"]
    address._choose(with_callback, "model", key)
    app.run()
