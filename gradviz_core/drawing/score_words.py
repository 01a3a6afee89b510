"""The scalar that is differentiated: in words, as a symbol, and its unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import assert_never

from gradviz_core.drawing.indices import unit_place
from gradviz_core.types import (
    BoxScore,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    RegionScore,
    ScoreScale,
    SiteSum,
    Target,
    Unit,
)
from gradviz_core.types.heads import Head, OutputKind, Position, PredictedMask, Rectangle, Reduce, Region, WholeMap
from gradviz_core.types.sites import in_words

PLAIN_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9 '\-]{0,24}")
_MOST_TERMS = 3
"""Terms of a combination that are written out."""


def class_text(index: int, labels: Sequence[str], noun: str = "class") -> str:
    """``star (5)``; ``class 5`` where the class has no name of its own, and ``label 5`` of a label that has none."""
    label = labels[index] if 0 <= index < len(labels) else ""
    if label == f"label {index}":
        return label
    return f"{label} ({index})" if label and label != str(index) else f"{noun} {index}"


def score_words(target: Target, labels: Sequence[str]) -> str:
    """The scalar as a person says it: ``the logit of star (5)``."""
    match target:
        case ClassScore(index=index, scale=scale, head=head, against=against):
            return _class_words(index, scale, labels, head, against, _noun(head))
        case ClassDifference(index=index, other=other, head=head):
            noun = _noun(head)
            first, second = (_class_words(one, "logit", labels, head, noun=noun) for one in (index, other))
            return f"{first} minus {second}"
        case CrossEntropy(label=label, head=head):
            return f"the cross-entropy loss for {_label_text(label, labels, head)}"
        case RegionScore(index=index, scale=scale, head=head, region=region, reduce=reduce):
            of = _class_words(index, scale, labels, head)
            return _over(of, reduce, _region_words(region), isinstance(region, Position))
        case BoxScore(index=index, scale=scale, head=head, box=box, reduce=reduce):
            of = _class_words(index, scale, labels, head)
            return _over(of, reduce, "over all boxes" if box is None else f"at box {box}", box is not None)
        case Combination():
            return _combination_words(target)
        case Unit(site=site, index=index):
            return f"the unit {unit_place(index)} of {in_words(site)}"
        case ChannelMean(site=site, channel=channel, axis=axis):
            return f"the mean of channel {channel} of {in_words(site)}{'' if axis is None else f', along axis {axis}'}"
        case SiteSum(site=site):
            return f"the sum of {in_words(site)}"
        case _:
            assert_never(target)


def score_symbol(target: Target, labels: Sequence[str]) -> str:
    r"""The scalar in LaTeX: ``z_{\text{star}}``."""
    match target:
        case ClassScore(index=index, scale=scale, head=head, against=against):
            return _class_symbol(scale, head, _subscript(index, labels), against)
        case ClassDifference(index=index, other=other, head=head):
            z = _number_symbol(head.reading)
            first, second = _subscript(index, labels), _subscript(other, labels)
            return f"({z}_{{{first}}} - {z}_{{{second}}})"
        case CrossEntropy(label=label):
            return f"(-\\log p_{{{_subscript(label, labels)}}})"
        case RegionScore(index=index, scale=scale, head=head, region=Position(row=row, column=column)):
            return _class_symbol(scale, head, f"{_subscript(index, labels)},{row},{column}", against=False)
        case RegionScore(index=index, scale=scale, head=head, reduce=reduce):
            return _reduced_symbol(
                reduce, _class_symbol(scale, head, f"{_subscript(index, labels)},u,v", against=False)
            )
        case BoxScore(index=index, scale=scale, head=head, box=int(box)):
            return _class_symbol(scale, head, f"{_subscript(index, labels)},{box}", against=False)
        case BoxScore(index=index, scale=scale, head=head, reduce=reduce):
            return _reduced_symbol(reduce, _class_symbol(scale, head, f"{_subscript(index, labels)},n", against=False))
        case Combination():
            return _combination_symbol(target)
        case Unit(index=index):
            return f"a_{{{','.join(map(str, index))}}}"
        case ChannelMean(channel=channel):
            return f"\\bar a_{{{channel}}}"
        case SiteSum():
            return r"\textstyle\sum a"
        case _:
            assert_never(target)


def score_unit(target: Target) -> str:
    """The scalar's unit: ``logit``, ``nat``, ``probability``, ``output unit`` or ``activation``."""
    match target:
        case (
            ClassScore(scale=scale, head=head) | RegionScore(scale=scale, head=head) | BoxScore(scale=scale, head=head)
        ):
            return _unit(scale, head.reading)
        case ClassDifference(head=head):
            return _unit("logit", head.reading)
        case CrossEntropy():
            return "nat"
        case Combination(site=site) if not site.path:
            return "output unit"
        case _:
            return "activation"


# --------------------------------------------------------------------------------------------------------------- words


def _label_text(label: int, labels: Sequence[str], head: Head) -> str:
    """The class, or, where there is one name alone, the positive or the negative of it."""
    if len(labels) != 1 or head.reading in (None, "softmax_logits"):
        return class_text(label, labels, _noun(head))
    return f"{'' if label else 'not '}{class_text(0, labels)}"


def _number_name(scale: ScoreScale, head: Head) -> str:
    """What the number is called: ``logit``, ``log-probability``, ``probability``; ``output`` of a regression."""
    if scale != "logit":
        return {"log_probability": "log-probability", "probability": "probability"}[scale]
    return {"probabilities": "probability", "log_probabilities": "log-probability", "numbers": "output"}.get(
        head.reading or "", "logit"
    )


def _noun(head: Head) -> str:
    """What a number of a row belongs to: a class of a softmax, or a label with a sigmoid of its own."""
    return "label" if head.reading == "sigmoid_logits" else "class"


def _class_words(
    index: int | None, scale: ScoreScale, labels: Sequence[str], head: Head, against: bool = False, noun: str = "class"
) -> str:
    """``the logit of star (5)``; of plain numbers ``the number age (0) of the output``."""
    name = _number_name(scale, head)
    if name == "output":
        text = "largest number" if index is None else f"number {_number_text(index, labels)}"
        return f"{'minus ' if against else ''}the {text} of the output"
    of = f"the predicted {noun}" if index is None else class_text(index, labels, noun)
    if not against:
        return f"the {name} of {of}"
    return f"minus the {name} of {of}" if scale == "logit" else f"the {name} that it is not {of}"


def _number_text(index: int, labels: Sequence[str]) -> str:
    return class_text(index, labels) if index < len(labels) else str(index)


def _over(of: str, reduce: Reduce, where: str, single: bool) -> str:
    return f"{of} {where}" if single else f"the {reduce} of {of} {where}"


def _region_words(region: Region) -> str:
    match region:
        case Position(row=row, column=column):
            return f"at row {row}, column {column}"
        case Rectangle(rows=rows, columns=columns):
            return f"over rows {rows[0]} to {rows[1]}, columns {columns[0]} to {columns[1]}"
        case PredictedMask():
            return "where it is predicted"
        case WholeMap():
            return "over the whole map"
        case _:
            assert_never(region)


def _combination_words(target: Combination) -> str:
    parts = [
        f"{term.weight:+.4g} · ({', '.join(map(str, term.index))})".replace("-", "−")
        for term in target.terms[:_MOST_TERMS]
    ]
    more = f" and {len(target.terms) - _MOST_TERMS} more" if len(target.terms) > _MOST_TERMS else ""
    if len(target.terms) == 1 and target.terms[0].weight == 1:
        return f"the number ({', '.join(map(str, target.terms[0].index))}) of {in_words(target.site)}"
    return f"the combination {' '.join(parts)}{more} of numbers of {in_words(target.site)}"


# -------------------------------------------------------------------------------------------------------------- symbols


def _number_symbol(reading: OutputKind | None) -> str:
    match reading:
        case "probabilities":
            return "p"
        case "log_probabilities":
            return r"\log p"
        case "numbers":
            return "y"
        case _:
            return "z"


def _class_symbol(scale: ScoreScale, head: Head, subscript: str, against: bool) -> str:
    if scale == "logit":
        return f"{'-' if against else ''}{_number_symbol(head.reading)}_{{{subscript}}}"
    if scale == "probability":
        return f"(1 - p_{{{subscript}}})" if against else f"p_{{{subscript}}}"
    return f"\\log (1 - p_{{{subscript}}})" if against else f"\\log p_{{{subscript}}}"


def _reduced_symbol(reduce: Reduce, symbol: str) -> str:
    return rf"\overline{{{symbol}}}" if reduce == "mean" else rf"\textstyle\sum {symbol}"


def _combination_symbol(target: Combination) -> str:
    if len(target.terms) == 1 and target.terms[0].weight == 1:
        return f"a_{{{','.join(map(str, target.terms[0].index))}}}"
    return r"\textstyle\sum_m w_m a_m"


def _subscript(index: int | None, labels: Sequence[str]) -> str:
    if index is None:
        return r"\text{predicted}"
    label = labels[index] if 0 <= index < len(labels) else ""
    return rf"\text{{{label}}}" if PLAIN_LABEL.fullmatch(label) else str(index)


def _unit(scale: ScoreScale, reading: OutputKind | None) -> str:
    match scale, reading:
        case ("probability", _) | ("logit", "probabilities"):
            return "probability"
        case ("log_probability", _) | ("logit", "log_probabilities"):
            return "nat"
        case ("logit", "numbers"):
            return "output unit"
        case _:
            return "logit"
