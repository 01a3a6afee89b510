"""What can be set before something is computed, as a page draws it: numbers within limits, one of a few words, and the
name of an image or of a layer output."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.errors import QuestionError
from gradviz_core.types.keys import shortened


@dataclass(frozen=True, slots=True)
class Number:
    """A control that takes a number from ``low`` to ``high``."""

    name: str
    """As in the code that is shown."""
    label: str
    low: float
    high: float
    step: float
    default: float
    whole: bool = False
    """True where only whole numbers make sense."""
    unit: str = ""
    one: str = ""
    """The unit of 1, where the unit names what is counted: ``mask`` of ``masks``."""
    meaning: str = ""
    """A sentence that says what it does."""
    only: tuple[str, str] | None = None
    """The choice and its value without which the number changes nothing: ``("baseline", "noise")``."""
    kind: Literal["number"] = field(default="number", repr=False)


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a choice offers."""

    value: str
    """As in the code that is shown."""
    label: str
    code: str = ""
    """In the code of a method: the lines that stand for it, instead of the value in quotes."""
    signed: bool | None = None
    """Of a method: whether its values can be negative with this option; None where the option does not decide it."""
    unit: str = ""
    """Of a method: the unit of its values with this option, where it is not the one that the card has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A control that takes one of its options."""

    name: str
    label: str
    options: tuple[Option, ...]
    default: str
    meaning: str = ""
    """A sentence that says what it does."""
    kind: Literal["choice"] = field(default="choice", repr=False)


@dataclass(frozen=True, slots=True)
class Named:
    """A control that takes the name of something that is there, or of nothing."""

    name: str
    label: str
    what: Literal["image", "layer"]
    """An image by its key, or a layer output by its site as text."""
    meaning: str = ""
    """A sentence that says what it does."""
    only: tuple[str, str] | None = None
    """As that of a number."""
    default: str = ""
    nothing: str = ""
    """What it means that nothing is named, in words."""
    kind: Literal["named"] = field(default="named", repr=False)


Control = Number | Choice
AnyControl = Control | Named
LONGEST_NAME = 1000
"""Characters of what a control names, at most."""


def settle(controls: Sequence[AnyControl], given: Mapping[str, float | str], missing: str) -> dict[str, float | str]:
    """The value of every control, in their order: as given, or the default. Whole numbers are int.

    ``missing`` starts the sentence about an unknown control: ``The lesson first-layer has no control``.

    Raises:
        QuestionError: there is no such control, or one cannot take its value.
    """
    known = {control.name: control for control in controls}
    for name in given:
        if name not in known:
            there = f"Choose one of {', '.join(known)}." if known else "It has none: leave it out."
            raise QuestionError(f"{missing} {_short(name)}. {there}")
    return {name: _taken(control, given.get(name, control.default)) for name, control in known.items()}


def applies(control: AnyControl, chosen: Mapping[str, float | str]) -> bool:
    """Whether a control changes anything, where the choices before it are ``chosen``."""
    needed = None if isinstance(control, Choice) else control.only
    return needed is None or chosen.get(needed[0]) == needed[1]


def value_text(control: AnyControl, value: float | str) -> str:
    """``32 noisy copies``, ``1 noisy copy``: the value with its unit, or the words of a choice."""
    match control:
        case Choice(options=options):
            return next((option.label for option in options if option.value == value), str(value))
        case Named(nothing=nothing):
            return shortened(str(value)) or nothing
        case Number(unit=unit, one=one):
            unit = one if one and value == 1 else unit
            return f"{value:.6g} {unit}".rstrip() if not isinstance(value, str) else value


def _taken(control: AnyControl, value: float | str) -> float | str:
    if isinstance(control, Choice):
        options = [option.value for option in control.options]
        if value not in options:
            raise QuestionError(f"{control.name} cannot be {_short(value)}. Choose one of {', '.join(options)}.")
        return value
    if isinstance(control, Named):
        if not isinstance(value, str) or len(value) > LONGEST_NAME:
            raise QuestionError(f"{control.name} cannot be {_short(value)}. Choose the name of {_a(control.what)}.")
        return value
    kind = "whole number" if control.whole else "number"
    rule = f"Choose a {kind} from {control.low:g} to {control.high:g}."
    if isinstance(value, str | bool) or not math.isfinite(value) or not control.low <= value <= control.high:
        raise QuestionError(f"{control.name} cannot be {_short(value)}. {rule}")
    if control.whole and value != int(value):
        raise QuestionError(f"{control.name} cannot be {value:g}: it must be a whole number. {rule}")
    return int(value) if control.whole else float(value)


def _a(what: Literal["image", "layer"]) -> str:
    return "an image, such as sample/star" if what == "image" else "a layer output, such as layer4"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
