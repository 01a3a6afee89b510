"""The bars of a prediction: what each kind of output makes of the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradviz_core.drawing import bars, figures
from gradviz_core.types import ClassProbability
from gradviz_core.types.heads import OutputKind


def one(index: int, number: float, probability: float | None, label: str = "") -> ClassProbability:
    return ClassProbability(index, label or f"class {index}", number, probability)


PAIR = [one(1, 2.0, 0.75, "cat"), one(0, 1.0, 0.25)]
NUMBERS = [one(2, 37.25, None, "age"), one(0, -4.0, None)]


def test_classes_are_shares_of_one_whole() -> None:
    first, second = bars.of(PAIR)
    assert (first.name, first.length, first.text.replace("\N{NO-BREAK SPACE}", " ")) == ("cat", 75, "75.0 %")
    assert (second.name, second.length, second.against) == ("class 0", 25, False)
    assert first.hover == ("cat (class 1)", "probability 75 %", "logit 2")
    assert bars.ends([first, second], "softmax_logits") == (0, 100)


def test_a_single_label_has_a_complement_and_a_single_class_has_none() -> None:
    label, absent = bars.of([one(0, 1.0, 0.8, "cat")], "sigmoid_logits")
    assert (label.length, absent.length) == pytest.approx((80, 20))
    assert (label.name, absent.name, absent.against) == ("cat", "not cat", True)
    assert bars.paired([label, absent])
    assert len(bars.of([one(0, 1.0, 1.0)])) == 1
    assert len(bars.of([one(0, 0.4, 0.4)], "probabilities")) == 2


def test_both_names_of_a_single_number_stand_at_its_bars_and_in_words() -> None:
    unlikely = replace(one(0, -1.0, 0.2, "malignant"), against="benign")
    label, absent = bars.of([unlikely], "sigmoid_logits")
    assert (label.name, absent.name, absent.hover[0]) == ("malignant", "benign", "benign")
    said = bars.predicted([unlikely], ("malignant",), "sigmoid_logits")[1]
    assert said.replace("\N{NO-BREAK SPACE}", " ") == "benign, 80.0 %"
    likely = replace(unlikely, probability=0.9)
    assert bars.predicted([likely], ("malignant",), "sigmoid_logits")[1].startswith("malignant (0), 90.0")


def test_numbers_are_as_long_as_they_are_and_have_room_for_their_text() -> None:
    drawn = bars.of(NUMBERS, "numbers")
    assert [(bar.name, bar.length, bar.text) for bar in drawn] == [("age", 37.25, "37.25"), ("number 0", -4.0, "−4")]
    low, high = bars.ends(drawn, "numbers")
    assert low < -4 - 0.1 * 41.25
    assert high > 37.25 + 0.1 * 41.25
    assert bars.ends(bars.of([one(0, 0.0, None)], "numbers"), "numbers") == (0, 1)


def test_a_probability_is_no_logit() -> None:
    assert bars.of(PAIR, "probabilities")[0].hover == ("cat (class 1)", "probability 75 %")
    assert bars.of(PAIR, "log_probabilities")[0].hover[-1] == "log-probability 2"


@pytest.mark.parametrize(
    ("prediction", "reading", "said"),
    [
        (PAIR, "softmax_logits", ("predicted", "cat (1), 75.0 %")),
        (PAIR, "probabilities", ("predicted", "cat (1), 75.0 %")),
        (PAIR, "sigmoid_logits", ("predicted", "cat (1) 75.0 %")),
        ([one(1, 0.4, 0.6), one(0, 0.4, 0.55)], "sigmoid_logits", ("predicted", "label 1 60.0 %, label 0 55.0 %")),
        ([one(1, -2, 0.1), one(0, -9, 0.0)], "sigmoid_logits", ("predicted", "no label; most likely label 1, 10.0 %")),
        ([one(0, -2, 0.1)], "sigmoid_logits", ("predicted", "not label 0, 90.0 %")),
        ([one(0, 2, 0.9)], "probabilities", ("predicted", "class 0, 90.0 %")),
        ([one(0, 37.2, None)], "numbers", ("prediction", "37.2")),
        (NUMBERS * 2, "numbers", ("largest numbers", "37.25, −4, 37.25, …")),
        ([], "softmax_logits", ("predicted", "")),
    ],
)
def test_what_is_predicted_in_words(
    prediction: list[ClassProbability], reading: OutputKind, said: tuple[str, str]
) -> None:
    labels = ("", "cat") if "cat" in said[1] else ()
    name, value = bars.predicted(prediction, labels, reading)
    assert (name, value.replace("\N{NO-BREAK SPACE}", " ")) == said


def test_the_chosen_bar_is_in_the_accent_colour_and_of_a_pair_the_side_that_is_meant() -> None:
    def colours(against: bool, prediction: list[ClassProbability]) -> list[str]:
        figure = figures.class_bars(prediction, chosen=0, reading="sigmoid_logits", against=against)
        return list(figure.data[0].marker.color)

    single = [one(0, 1.0, 0.8)]
    assert colours(False, single) == [figures.ACCENT, figures.QUIET]
    assert colours(True, single) == [figures.QUIET, figures.ACCENT]
    assert colours(True, PAIR) == [figures.QUIET, figures.ACCENT], "of several labels each has one bar"


def test_a_probability_of_just_a_half_predicts_no_label() -> None:
    said = bars.predicted([one(1, 0.0, 0.5), one(0, -1.0, 0.2)], (), "sigmoid_logits")[1]
    assert said.replace("\N{NO-BREAK SPACE}", " ") == "no label; most likely label 1, 50.0 %"
    alone = bars.predicted([one(0, 0.0, 0.5)], (), "sigmoid_logits")[1]
    assert alone.replace("\N{NO-BREAK SPACE}", " ") == "not label 0, 50.0 %"


def test_the_complement_is_told_in_per_cent() -> None:
    _, absent = bars.of([one(0, 1.0, 0.8, "cat")], "sigmoid_logits")
    assert absent.hover == ("not cat", "1 - p: 20 %")


def test_the_axis_of_numbers_holds_zero_and_room_where_there_is_a_bar() -> None:
    for numbers, wanted in (((-4.0, -2.0), (-4.8, 0.8)), ((1.0, 5.0), (0.0, 6.0))):
        drawn = bars.of([one(i, number, None) for i, number in enumerate(numbers)], "numbers")
        assert bars.ends(drawn, "numbers") == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("count", "reading", "said"),
    [
        (1, "softmax_logits", "The only class"),
        (2, "softmax_logits", "Both classes"),
        (3, "softmax_logits", "All three classes"),
        (4, "softmax_logits", "All four classes"),
        (5, "softmax_logits", "The five most likely classes"),
        (5, "sigmoid_logits", "The five most likely labels, each with its own probability"),
        (1, "sigmoid_logits", "The label and its complement"),
        (1, "numbers", "The number"),
        (4, "numbers", "The numbers"),
        (5, "numbers", "The largest numbers"),
    ],
)
def test_which_bars_are_shown_in_words(count: int, reading: OutputKind, said: str) -> None:
    assert bars.sentence(count, reading) == said
