"""One class, label or number of what a model returns: in words, as a symbol, and its unit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradviz_core.types.heads import Head, OutputKind, Reduce, ScoreScale

PLAIN_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9 '\-]{0,24}")


def class_text(index: int, labels: Sequence[str], noun: str = "class") -> str:
    """``star (5)``; ``class 5`` where the class has no name of its own, and ``label 5`` of a label that has none."""
    label = labels[index] if 0 <= index < len(labels) else ""
    if label == f"label {index}":
        return label
    return f"{label} ({index})" if label and label != str(index) else f"{noun} {index}"


def class_words(
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


def label_text(label: int, labels: Sequence[str], head: Head) -> str:
    """The class, or, where there is only one name, that name or its negation."""
    if len(labels) != 1 or head.reading in (None, "softmax_logits"):
        return class_text(label, labels, noun_of(head))
    return f"{'' if label else 'not '}{class_text(0, labels)}"


def noun_of(head: Head) -> str:
    """What a value of a row stands for: a class of a softmax, or a label with its own sigmoid."""
    return "label" if head.reading == "sigmoid_logits" else "class"


def over(of: str, reduce: Reduce, where: str, single: bool) -> str:
    """``the mean of the logit of star (5) over all boxes``; of a ``single`` place no mean."""
    return f"{of} {where}" if single else f"the {reduce} of {of} {where}"


def class_symbol(scale: ScoreScale, head: Head, subscript: str, against: bool) -> str:
    r"""``z_{5}``, ``\log p_{5}`` or ``p_{5}``, or what is against it."""
    if scale == "logit":
        return f"{'-' if against else ''}{number_symbol(head.reading)}_{{{subscript}}}"
    if scale == "probability":
        return f"(1 - p_{{{subscript}}})" if against else f"p_{{{subscript}}}"
    return f"\\log (1 - p_{{{subscript}}})" if against else f"\\log p_{{{subscript}}}"


def subscript_of(index: int | None, labels: Sequence[str]) -> str:
    """The class under a symbol: its label where that is plain text, else its number."""
    if index is None:
        return r"\text{predicted}"
    label = labels[index] if 0 <= index < len(labels) else ""
    return rf"\text{{{label}}}" if PLAIN_LABEL.fullmatch(label) else str(index)


def reduced_symbol(reduce: Reduce, symbol: str) -> str:
    """Mean or sum."""
    return rf"\overline{{{symbol}}}" if reduce == "mean" else rf"\textstyle\sum {symbol}"


def class_unit(scale: ScoreScale, reading: OutputKind | None) -> str:
    """``logit``, ``nat``, ``probability`` or ``output unit``."""
    match scale, reading:
        case ("probability", _) | ("logit", "probabilities"):
            return "probability"
        case ("log_probability", _) | ("logit", "log_probabilities"):
            return "nat"
        case ("logit", "numbers"):
            return "output unit"
        case _:
            return "logit"


def number_symbol(reading: OutputKind | None) -> str:
    """The letter of an output of this kind."""
    match reading:
        case "probabilities":
            return "p"
        case "log_probabilities":
            return r"\log p"
        case "numbers":
            return "y"
        case _:
            return "z"


def _number_name(scale: ScoreScale, head: Head) -> str:
    """What the value is called: ``logit``, ``log-probability``, ``probability``; ``output`` of a regression."""
    if scale != "logit":
        return {"log_probability": "log-probability", "probability": "probability"}[scale]
    return {"probabilities": "probability", "log_probabilities": "log-probability", "numbers": "output"}.get(
        head.reading or "", "logit"
    )


def _number_text(index: int, labels: Sequence[str]) -> str:
    return class_text(index, labels) if index < len(labels) else str(index)


def class_named(index: int | None) -> str:
    """The class as it is named in an error or a note."""
    return "the predicted class" if index is None else f"class {index}"
