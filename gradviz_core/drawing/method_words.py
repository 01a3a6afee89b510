"""The texts of a method's card, filled in for one picture: its score, its site, its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from types import MappingProxyType

from gradviz_core.types import INPUT, Field, GradientQuestion, Site, Target, colour_scales
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.controls import AnyControl, Choice, Number, Option, applies, value_text
from gradviz_core.types.methods import OptionValues, card_of, settled, terms


def unit(
    method: str, target: Target, site: Site, options: OptionValues = (), steps: Preprocessing | None = None
) -> str:
    """Unit of what a method gives at a site: ``logit per normalised-pixel unit``, at the input of a network that gets
    the numbers of a file by its ``steps`` ``logit per unit of the file``."""
    value = input_unit(steps) if site == INPUT else "unit of activation"
    text = next((one.unit for one in _chosen(method, options) if one.unit), card_of(method).unit)
    return _filled(text, method, options, score=target.unit(), value=value)


def input_unit(steps: Preprocessing | None) -> str:
    """The unit of the numbers that the network gets."""
    return "unit of the file" if steps is not None and steps.as_in_the_file else "normalised-pixel unit"


def sentence(method: str, options: OptionValues, target: Target, labels: Sequence[str], site: str = "the input") -> str:
    """``How the logit of star (1) changes with each pixel``: without a full stop. ``site`` is the layer output."""
    return _filled(card_of(method).sentence, method, options, score=target.words(labels), site=site)


def is_signed(method: str, options: OptionValues) -> bool:
    """Whether what a method gives can be negative."""
    values = settled(method, options)
    if "negative" in values:
        return values["negative"] == "kept"
    found = (one.signed for one in _chosen(method, options) if one.signed is not None)
    return next(found, card_of(method).signed)


def formula(
    method: str, options: OptionValues, target: Target, labels: Sequence[str], index: str, letter: str = "x"
) -> str:
    """LaTeX, for the number of the input at ``index``, such as ``c,i,j``; of a layer output the ``letter`` is a."""
    symbol, x = target.symbol(labels), rf"{letter}_{{{index}}}"
    slope = rf"\frac{{\partial {symbol}}}{{\partial {x}}}"
    outer = "" if is_signed(method, options) else r"\text{ReLU}"
    return _filled(card_of(method).formula, method, options, score=symbol, x=x, slope=slope, outer=outer)


def colours(method: str, field: Field, target: Target) -> str:
    """What the colours of a picture mean."""
    card = card_of(method)
    text, scale = (
        (card.colours, colour_scales.DIVERGING) if field.signed else (card.brightness, colour_scales.SEQUENTIAL)
    )
    ends = {"high": scale.high, "High": scale.high.capitalize(), "low": scale.low, "Low": scale.low.capitalize()}
    return _filled(text, method, (), score=target.noun, **ends)


def facts(method: str, options: OptionValues) -> tuple[str, ...]:
    """What each option is that applies: ``spread 0.15``, or ``16 masks`` where the unit names what is counted."""
    values = settled(method, options)
    return tuple(
        _fact(control, values[control.name]) for control in card_of(method).options if applies(control, values)
    )


def so_far(question: GradientQuestion, done: int) -> str:
    """``16 of 64 draws``: how many terms of a sum there are."""
    counts = card_of(question.method).counts
    return f"{done} of {len(terms(question.method, question.options, None))} {counts}"


def part(question: GradientQuestion) -> str:
    """``the first 16 of 64 steps``, where the question is about a part of a sum; otherwise empty."""
    return "" if question.part is None else f"the first {so_far(question, question.part[1])}"


def title(method: str, options: OptionValues, target: Target, labels: Sequence[str]) -> str:
    """``gradient × input of the logit of star (3)``, and what the options are."""
    return ", ".join((f"{card_of(method).in_text} of {target.words(labels)}", *facts(method, options)))


def code(
    method: str,
    options: OptionValues,
    axis: str = "1",
    places: str = "(2, 3)",
    tokens: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """The lines of code, each option as Python writes its value, or as the choice has it as code; of a layer output
    whose ``axis`` counts channels and whose ``places`` count positions; ``tokens`` says what ``$patches`` and
    ``$blocks`` are."""
    values, card = settled(method, options), card_of(method)
    chosen = {control.name: _code(control, values[control.name]) for control in card.options}
    chosen |= {"axis": axis, "places": places, **tokens}
    written = {name: repr(value) for name, value in values.items()}
    lines = (Template(line).substitute(chosen) for line in card.code)
    return tuple(Template(line).substitute(written) for text in lines for line in text.split("\n"))


def _fact(control: AnyControl, value: float | str) -> str:
    said = value_text(control, value)
    counted = isinstance(control, Number) and control.one
    return said if counted else f"{control.label[:1].lower()}{control.label[1:]} {said}"


def _chosen(method: str, options: OptionValues) -> tuple[Option, ...]:
    """What is chosen in each choice of the method."""
    values = settled(method, options)
    choices = (control for control in card_of(method).options if isinstance(control, Choice))
    return tuple(one for control in choices for one in control.options if one.value == values[control.name])


def _code(control: AnyControl, value: float | str) -> str:
    options = control.options if isinstance(control, Choice) else ()
    return next((one.code for one in options if one.value == value and one.code), repr(value))


def _filled(text: str, method: str, options: OptionValues, **words: str) -> str:
    values = settled(method, options)
    said = {control.name: value_text(control, values[control.name]) for control in card_of(method).options}
    return Template(text).substitute(said | words)
