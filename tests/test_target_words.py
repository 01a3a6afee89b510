"""What a target is called in an error or a note."""

from __future__ import annotations

import pytest

import gradviz_core as gv
from gradviz_core.types import BoxScore, Combination, RegionScore, Term
from gradviz_core.types.targets import Target

SITE = gv.Site("layer2.relu", 1)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (gv.ClassScore(), "the logit of the predicted class"),
        (gv.ClassScore(3, "log_probability"), "the log-probability of class 3"),
        (gv.ClassScore(0, "probability", against=True), "the probability against class 0"),
        (gv.ClassDifference(None, 2), "the logit of the predicted class minus that of class 2"),
        (gv.ClassDifference(4, 2), "the logit of class 4 minus that of class 2"),
        (
            RegionScore(1, scale="log_probability", reduce="sum"),
            "the sum of the log-probability of class 1 over a region",
        ),
        (BoxScore(scale="probability"), "the probability of the predicted class over all boxes"),
        (BoxScore(2, box=7), "the logit of class 2 at box 7"),
        (
            Combination((Term((0, 1), 1.0), Term((0, 2), -1.0)), SITE),
            "the combination of 2 values of layer2.relu, second call",
        ),
        (gv.CrossEntropy(5), "the cross-entropy for label 5"),
        (gv.Unit(SITE, (1, 2, 3)), "unit (1, 2, 3) of layer2.relu, second call"),
        (gv.ChannelMean(SITE, 6), "the mean of channel 6 of layer2.relu, second call"),
        (gv.SiteSum(SITE), "the sum of layer2.relu, second call"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_target_is_named_with_its_numbers(target: Target, words: str) -> None:
    assert target.named() == words
