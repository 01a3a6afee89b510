"""Scores of every kind of output in words, as a symbol and with a unit."""

from __future__ import annotations

import pytest

from gradviz_core.drawing import captions
from gradviz_core.types import (
    OUTPUT,
    BoxScore,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    RegionScore,
    ScoreScale,
    Site,
    Target,
    Term,
)
from gradviz_core.types.heads import Head, OutputKind, Position, PredictedMask, Rectangle

LABELS = ("circle", "star")


def score(reading: OutputKind, scale: ScoreScale = "logit", index: int | None = 1, against: bool = False) -> ClassScore:
    return ClassScore(index, scale, Head(reading=reading), against)


@pytest.mark.parametrize(
    ("target", "words", "symbol", "unit"),
    [
        (score("sigmoid_logits"), "the logit of star (1)", r"z_{\text{star}}", "logit"),
        (score("sigmoid_logits", against=True), "minus the logit of star (1)", r"-z_{\text{star}}", "logit"),
        (score("sigmoid_logits", "probability", against=True), "the probability that it is not star (1)",
         r"(1 - p_{\text{star}})", "probability"),
        (score("softmax_logits", "log_probability", against=True), "the log-probability that it is not star (1)",
         r"\log (1 - p_{\text{star}})", "nat"),
        (score("probabilities"), "the probability of star (1)", r"p_{\text{star}}", "probability"),
        (score("log_probabilities"), "the log-probability of star (1)", r"\log p_{\text{star}}", "nat"),
        (score("numbers"), "the number star (1) of the output", r"y_{\text{star}}", "output unit"),
        (score("numbers", index=4), "the number 4 of the output", "y_{4}", "output unit"),
        (score("numbers", index=None), "the largest number of the output", "y_", "output unit"),
        (ClassDifference(1, 0, Head(reading="numbers")),
         "the number star (1) of the output minus the number circle (0) of the output",
         r"(y_{\text{star}} - y_{\text{circle}})", "output unit"),
        (CrossEntropy(1, Head(reading="sigmoid_logits")), "the cross-entropy loss for star (1)", r"-\log p", "nat"),
        (RegionScore(1, Position(2, 3)), "the logit of star (1) at row 2, column 3", r"z_{\text{star},2,3}", "logit"),
        (RegionScore(1), "the mean of the logit of star (1) over the whole map",
         r"\overline{z_{\text{star},u,v}}", "logit"),
        (RegionScore(None, PredictedMask(), "sum", "probability"),
         "the sum of the probability of the predicted class where it is predicted", r"\sum p_", "probability"),
        (RegionScore(0, Rectangle((1, 2), (3, 4)), head=Head(reading="numbers")),
         "the mean of the number circle (0) of the output over rows 1 to 2, columns 3 to 4",
         r"\overline{y_", "output unit"),
        (BoxScore(1, 17, scale="probability"), "the probability of star (1) at box 17", r"p_{\text{star},17}",
         "probability"),
        (BoxScore(1, reduce="sum"), "the sum of the logit of star (1) over all boxes", r"\sum z_", "logit"),
        (Combination((Term((0, 2)),)), "the value (0, 2) of the output", "a_{0,2}", "output unit"),
        (Combination((Term((0, 2), 2.0), Term((0, 1), -0.5)), Site("fc")),
         "the combination +2 · (0, 2) −0.5 · (0, 1) of values of fc", r"\sum_m w_m a_m", "activation"),
        (Combination(tuple(Term((k,)) for k in range(9)), OUTPUT), " and 6 more of values of the output",
         r"w_m", "output unit"),
    ],
)  # fmt: skip
def test_every_score_has_words_a_symbol_and_a_unit(target: Target, words: str, symbol: str, unit: str) -> None:
    assert captions.score_words(target, LABELS).endswith(words)
    assert symbol in captions.score_symbol(target, LABELS)
    assert captions.score_unit(target) == unit
    assert target.named()


def test_one_label_alone_names_both_answers() -> None:
    words = [captions.score_words(CrossEntropy(i, Head(reading="sigmoid_logits")), ("cat",)) for i in (0, 1)]
    assert words == ["the cross-entropy loss for not cat (0)", "the cross-entropy loss for cat (0)"]
