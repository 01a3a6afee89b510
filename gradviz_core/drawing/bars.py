"""The bars of a prediction: one for each class, label or value, with a length that depends on the kind of output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gradviz_core.drawing.captions import class_text, number_text, share_text
from gradviz_core.types import ClassProbability
from gradviz_core.types.heads import HeadInfo, OutputKind

ShownAs = OutputKind | Literal["label_probabilities"]
"""What the values of an output are shown as: probabilities that add up to 1 belong to classes, others to labels."""

ROOM = 0.2
"""How far the axis of plain numbers extends beyond the longest bar, to leave room for its text."""
HALF = 0.5
"""A label counts as predicted if its probability is larger than this."""
MOST_NAMED = 3
"""Most labels or values that one line names."""


def shown(info: HeadInfo) -> ShownAs:
    """What the values of an output are shown as."""
    return "label_probabilities" if info.reading == "probabilities" and info.independent else info.reading


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    index: int
    against: bool
    """Whether it is the complement of the only label: one minus its probability."""
    name: str
    length: float
    """In percent for a probability, else the value itself."""
    text: str
    """The text at its end."""
    hover: tuple[str, ...]
    """Lines of its hover."""


def of(prediction: Sequence[ClassProbability], reading: ShownAs = "softmax_logits") -> tuple[Bar, ...]:
    """The bars of a prediction, in its order. A single label has two, its probability p and the complement 1 - p; bars
    of plain numbers have the values as lengths, with their sign."""
    if reading == "numbers":
        return tuple(_number(p) for p in prediction)
    if len(prediction) == 1 and reading != "softmax_logits":
        return (_share(prediction[0], reading), _complement(prediction[0], reading))
    return tuple(_share(p, reading) for p in prediction)


def paired(bars: Sequence[Bar]) -> bool:
    """Whether they are a single label and its complement."""
    return any(bar.against for bar in bars)


def ends(bars: Sequence[Bar], reading: ShownAs) -> tuple[float, float]:
    """The range of the axis: 0 to 100 %, or all values and zero."""
    lengths = [bar.length for bar in bars]
    low, high = min(0.0, *lengths), max(0.0, *lengths)
    if reading != "numbers":
        return 0.0, max(100.0, high)
    room = (high - low) * ROOM
    return (low - room if low < 0 else 0.0, high + room) if room else (0.0, 1.0)


def noun(reading: ShownAs) -> str:
    """What one value of the output stands for: a class, a label, or a plain number."""
    return {"numbers": "number", "sigmoid_logits": "label", "label_probabilities": "label"}.get(reading, "class")


def plural(noun: str) -> str:
    """Its plural."""
    return {"class": "classes"}.get(noun, f"{noun}s")


def title(reading: ShownAs) -> str:
    """The title of the bars."""
    return plural(noun(reading)).capitalize()


def sentence(count: int, reading: ShownAs = "softmax_logits") -> str:
    """Which bars are shown, at most five."""
    if reading == "numbers":
        return "The number" if count == 1 else "The largest numbers" if count == 5 else "The numbers"
    if count == 1 and reading != "softmax_logits":
        return "The label and its complement"
    all_of = plural(noun(reading))
    few = {1: f"The only {noun(reading)}", 2: f"Both {all_of}", 3: f"All three {all_of}", 4: f"All four {all_of}"}
    which = few.get(count, f"The five most likely {all_of}")
    return f"{which}, each with its own probability" if noun(reading) == "label" else which


def predicted(
    prediction: Sequence[ClassProbability], labels: Sequence[str], reading: ShownAs = "softmax_logits"
) -> tuple[str, str]:
    """What is predicted, as a name and a value: ``predicted``, ``star (5), 98.2 %``; for a single label it or its
    complement; of several labels those above 0.5; of plain numbers the values. The value is empty where nothing is
    predicted."""
    if not prediction:
        return "predicted", ""
    if reading == "numbers":
        numbers = [number_text(p.logit, 4) for p in prediction[:MOST_NAMED]]
        more = ["…"] if len(prediction) > MOST_NAMED else []
        return "prediction" if len(prediction) == 1 else "largest numbers", ", ".join([*numbers, *more])
    first = prediction[0]
    name = class_text(first.index, labels, noun(reading))
    if noun(reading) == "label" and len(prediction) > 1:
        likely = [p for p in prediction if _chance(p) > HALF]
        if not likely:
            return "predicted", f"no label; most likely {name}, {share_text(_chance(first))}"
        said = [f"{class_text(p.index, labels, 'label')} {share_text(_chance(p))}" for p in likely[:MOST_NAMED]]
        more = ["…"] if len(likely) > MOST_NAMED else []
        return "predicted", ", ".join([*said, *more])
    if len(prediction) == 1 and reading != "softmax_logits" and _chance(first) <= HALF:
        return "predicted", f"{first.against or f'not {name}'}, {share_text(1 - _chance(first))}"
    return "predicted", f"{name}, {share_text(_chance(first))}"


def _name(p: ClassProbability, noun: str) -> str:
    return p.label if p.label not in ("", f"class {p.index}") else f"{noun} {p.index}"


def _chance(p: ClassProbability) -> float:
    return p.probability or 0.0


def _share(p: ClassProbability, reading: ShownAs) -> Bar:
    own = {"log_probabilities": f"log-probability {p.logit:.4g}", "probabilities": "", "label_probabilities": ""}.get(
        reading, f"logit {p.logit:.4g}"
    )
    name = _name(p, noun(reading))
    said = (f"{name} ({noun(reading)} {p.index})", f"probability {100 * _chance(p):.4g} %", own)
    return Bar(p.index, False, name, 100 * _chance(p), share_text(_chance(p)), tuple(filter(None, said)))


def _complement(p: ClassProbability, reading: ShownAs) -> Bar:
    name, against = p.against or f"not {_name(p, noun(reading))}", 1 - _chance(p)
    return Bar(p.index, True, name, 100 * against, share_text(against), (name, f"1 - p: {100 * against:.4g} %"))


def _number(p: ClassProbability) -> Bar:
    name, text = _name(p, "number"), number_text(p.logit, 4)
    return Bar(p.index, False, name, p.logit, text, (name, text))
