"""All methods: every file in this folder is the card of a method and is named after it.

The function with the same name is in ``gradviz_core/methods``. A name from outside is only looked up among those found
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

from gradviz_core.errors import QuestionError
from gradviz_core.types.controls import applies, settle
from gradviz_core.types.method_cards import MethodCard

PLAIN = "gradient"
"""The method that returns the gradient itself; the default."""
OptionValues = tuple[tuple[str, float | str], ...]
"""Options by name, as a question holds them."""


def _found() -> dict[str, MethodCard]:
    cards = {file.name: import_module(f"{__name__}.{file.name}").CARD for file in iter_modules(__path__)}
    return dict(sorted(cards.items(), key=lambda entry: (entry[0] != PLAIN, entry[1].name.lower())))


METHODS: Mapping[str, MethodCard] = _found()
"""The card of each method: the plain gradient first, the others by name."""

if TYPE_CHECKING:
    MethodName = str
else:  # whoever reads a question refuses any other
    MethodName = Literal[tuple(METHODS)]


def offered_at(place: Literal["input", "layer", "attention"]) -> dict[str, MethodCard]:
    """The cards of the methods that are defined at the input, at layer outputs, or over attention weights, in their
    order. Those that are defined anywhere are offered at the first two."""
    everywhere = ("attention",) if place == "attention" else ("anywhere", place)
    return {name: card for name, card in METHODS.items() if card.where in everywhere}


def card_of(method: str) -> MethodCard:
    """The card of a method.

    Raises:
        QuestionError: there is no such method.
    """
    if method not in METHODS:
        raise QuestionError(f"There is no method {method[:60]!r}. Choose one of {', '.join(METHODS)}.")
    return METHODS[method]


def settled(method: str, options: OptionValues) -> dict[str, float | str]:
    """The value of each option of a method: as in the question, or the default. Whole numbers are int.

    Raises:
        QuestionError: there is no such method or option, an option is named twice or cannot have its value.
    """
    card, given = card_of(method), dict(options)
    if len(given) < len(options):
        raise QuestionError(f"An option of {method} is given more than once. Give each once.")
    return settle(card.options, given, f"The method {method} has no option")


def not_applying(method: str, options: OptionValues) -> frozenset[str]:
    """The names of the options of a method that change nothing beside these; empty where it cannot have them."""
    try:
        values = settled(method, options)
    except QuestionError:
        return frozenset()
    return frozenset(one.name for one in card_of(method).options if not applies(one, values))


def terms(method: str, options: OptionValues, part: tuple[int, int] | None) -> range:
    """The numbers of the terms that a question asks for; empty for a method that sums none.

    Raises:
        QuestionError: as ``settled`` does, or there are no such terms.
    """
    values, counts = settled(method, options), card_of(method).counts
    if not counts:
        if part is not None:
            raise QuestionError(f"{method} sums no terms, so it has no part. Leave part out.")
        return range(0)
    count = values[counts]
    assert isinstance(count, int), f"{counts} is a whole number"
    first, last = part or (0, count)
    if not 0 <= first < last <= count:
        raise QuestionError(
            f"The part of {method} from {first} to {last} does not exist: with {counts} {count}, choose two numbers in "
            f"order from 0 to {count}."
        )
    return range(first, last)


def counts_in_the_score(method: str) -> bool:
    """Whether the values of a method are in units of the score, so that their sign says which way each moves it."""
    card = card_of(method)
    return bool(card.complete) or card.unit == "$score"
