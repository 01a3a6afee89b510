"""Controls as a card declares them, drawn; each is an entry of one choice in the address: ``set=power=3,size=5``."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.types.controls import Choice, Control, Number
from pages.shell import address

MOST_BESIDE = 4
"""A choice of more options than this is a list that opens."""
_WIDTH = 160


def refuse_others(parameter: str, controls: Sequence[Control], owner: str, word: str) -> None:
    """Refuse an entry of the address that is none of the ``controls``; ``owner`` has ``word``s: options, controls.

    Raises:
        NoSuchChoice: there is one.
    """
    known = [control.name for control in controls]
    for name in address.entries(parameter):
        if name not in known:
            rule = f"Choose one of {', '.join(known)}" if known else "It has none: leave it out"
            raise address.NoSuchChoice(f"{owner} has no {word} {name[:60]!r}. {rule}.", parameter)


def draw(parameter: str, controls: Sequence[Control]) -> tuple[tuple[str, float | str], ...]:
    """Draw them, and what each stands at: every number as a float.

    Raises:
        NoSuchChoice: the address says what one cannot be.
    """
    return tuple((control.name, _stands_at(f"{parameter}.{control.name}", control)) for control in controls)


def _stands_at(name: str, control: Control) -> float | str:
    match control:
        case Choice():
            words = {option.value: option.label for option in control.options}
            words = {control.default: words[control.default]} | words
            choose = address.option if len(words) <= MOST_BESIDE else address.listed
            return choose(control.label, name, words, control.meaning)
        case Number(whole=True):
            steps = range(int(control.low), int(control.high) + 1, int(control.step))
            chosen = address.slider(
                control.label, name, steps, int(control.default), control.meaning, unit=control.unit, width=_WIDTH
            )
            return float(chosen)
        case Number():
            return address.decimal(
                control.label,
                name,
                control.low,
                control.high,
                control.step,
                control.default,
                control.meaning,
                unit=control.unit,
                width=_WIDTH,
            )
