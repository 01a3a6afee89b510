"""Controls that show a choice of the address, and change it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

import streamlit as st

from gradviz_core.text.glossary import tooltip
from gradviz_core.text.shown_text import visible
from pages.shell import address

COUNTER = 122
"""Pixels of a field for a whole number; less would hide its buttons."""


def select(
    label: str, name: str, options: Sequence[str], chosen: str, words: Callable[[str], str], meaning: str = ""
) -> None:
    """A list to choose from; nothing is chosen where ``chosen`` is not in it. The browser knows an option by its words,
    so if the words of the chosen one change, the control has to be set again."""
    said = visible(words(chosen)) if chosen in options else None
    memory = address.session_memory()
    key, updated = _shown(name, chosen if chosen in options else None, again=memory.words.get(name, said) != said)
    memory.words[name] = said
    memory.options[name] = frozenset(options)  # the browser may still send words of an option that is gone
    index = None if chosen not in options else 0 if updated else list(options).index(chosen)
    st.selectbox(
        label,
        options,
        index=index,
        key=key,
        format_func=lambda option: visible(words(option)),
        placeholder="Choose one",
        help=meaning or tooltip(label),
    )


def listed(label: str, name: str, words: Mapping[str, str], meaning: str = "") -> str:
    """As ``option``, drawn as a drop-down list."""
    chosen = address.read(name, next(iter(words)))
    select(label, name, list(words), chosen, words.__getitem__, meaning)
    return _known(label, name, chosen, words)


def only(label: str, name: str, words: Mapping[str, str]) -> str:
    """As ``option`` for a single option, which needs no control."""
    return _known(label, name, address.read(name, next(iter(words))), words)


def option(label: str, name: str, words: Mapping[str, str], meaning: str = "") -> str:
    """A few options side by side, the first by default, and which is chosen; ``meaning`` is its tooltip.

    Raises:
        NoSuchChoice: the address names another one.
    """
    chosen = address.read(name, next(iter(words)))
    key, updated = _shown(name, chosen if chosen in words else None)
    default = None if updated or chosen not in words else chosen
    st.segmented_control(
        label,
        list(words),
        default=default,
        key=key,
        format_func=words.__getitem__,
        required=True,
        help=meaning or tooltip(label, *words.values()),
        wrap=True,
    )
    return _known(label, name, chosen, words)


def _known(label: str, name: str, chosen: str, words: Mapping[str, str]) -> str:
    if chosen in words:
        return chosen
    address.drop_if_carried(name)
    listed = ", ".join(f"“{word}”" for word in words.values())
    rule = (
        f"it must be one of {listed}. Choose one of them."
        if len(words) > 1
        else f"the only option here is {listed}. Leave it out."
    )
    raise address.NoSuchChoice(f"{label} cannot be {chosen[:60]!r}: {rule}", name)


def counter(label: str, name: str, count: int, default: int, *, width: int | Literal["stretch"] = COUNTER) -> int:
    """A whole number from 0 to ``count`` - 1, and which is chosen.

    Raises:
        NoSuchChoice: the address names another one.
    """
    text = address.read(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    inside = 0 <= number < count
    key, updated = _shown(name, number if inside else None)
    value: int | Literal["min"] | None = None if not inside else "min" if updated else number
    st.number_input(
        label,
        min_value=0,
        max_value=count - 1,
        value=value,
        step=1,
        key=key,
        placeholder=f"0 to {count - 1}",
        help=tooltip(label),
        width=width,
    )
    if inside:
        return number
    rule = f"it must be a whole number from 0 to {count - 1}" if count > 1 else "the only value here is 0"
    raise address.NoSuchChoice(f"{label} cannot be {_quoted(text)}: {rule}. Choose another.", name)


def text(label: str, name: str, empty: str, meaning: str) -> str:
    """A text field, and its text; ``empty`` is the placeholder.

    Raises:
        NoSuchChoice: the address names a longer one than the field takes.
    """
    chosen = address.read(name)
    if len(chosen) > address.LONGEST:
        rule = f"it may have at most {address.LONGEST:,} characters. Shorten it, or leave it out."
        raise address.NoSuchChoice(f"{label} is too long: {rule}", name)
    key, updated = _shown(name, chosen)
    explained = _explained(label, meaning)
    st.text_input(
        label, "" if updated else chosen, key=key, placeholder=empty, help=explained, max_chars=address.LONGEST
    )
    return chosen


def percent(label: str, name: str, default: int, meaning: str) -> int:
    """A percentage from 0 to 100 in steps of 5, and which is chosen.

    Raises:
        NoSuchChoice: the address names another one.
    """
    return slider(label, name, range(0, 101, 5), default, meaning, unit="%", width=150)


def slider(label: str, name: str, choices: range, default: int, meaning: str, *, unit: str, width: int) -> int:
    """A whole number between the first and the last of ``choices``, and which is chosen; the slider goes from one of
    them to the next.

    Raises:
        NoSuchChoice: the address names another one.
    """
    text = address.read(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    inside = choices[0] <= number <= choices[-1]
    key, updated = _shown(name, number if inside else default)
    value = None if updated else number if inside else default
    st.slider(
        label,
        choices[0],
        choices[-1],
        value,
        step=choices.step,
        key=key,
        format=f"%d {unit.replace('%', '%%')}",
        help=_explained(label, meaning) or None,
        width=width,
    )
    if inside:
        return number
    rule = f"it must be a whole number from {choices[0]} to {choices[-1]} {unit}".rstrip()
    raise address.NoSuchChoice(f"{label} cannot be {_quoted(text)}: {rule}. Move the slider.", name)


def stops(label: str, name: str, values: Sequence[int], first: int, meaning: str, *, unit: str, width: int) -> int:
    """One of some numbers, by a slider that has a stop at each, and which is chosen; ``first`` until somebody moves it.

    Raises:
        NoSuchChoice: the address names another one.
    """
    text = address.read(name, str(first))
    chosen = next((value for value in values if str(value) == text), None)
    key, updated = _shown(name, first if chosen is None else chosen)
    st.select_slider(
        label,
        values,
        None if updated else first if chosen is None else chosen,
        format_func=lambda value: f"{value} {unit}".rstrip(),
        key=key,
        help=_explained(label, meaning) or None,
        width=width,
    )
    if chosen is not None:
        return chosen
    rule = f"it must be one of {', '.join(map(str, values))}"
    raise address.NoSuchChoice(f"{label} cannot be {_quoted(text)}: {rule}. Move the slider.", name)


def _explained(label: str, meaning: str) -> str:
    """The tooltip of a control: its own meaning, then the terms in its label."""
    return "\n\n".join(filter(None, (meaning, tooltip(label))))


def _quoted(text: str) -> str:
    """A number as it is, anything else in quotes."""
    return text[:60] if text.removeprefix("-").isdigit() else repr(text[:60])


def decimal(
    label: str,
    name: str,
    low: float,
    high: float,
    step: float,
    default: float,
    meaning: str = "",
    *,
    unit: str = "",
    width: int,
) -> float:
    """A number from ``low`` to ``high``, and which is chosen.

    Raises:
        NoSuchChoice: the address names another one.
    """
    text = address.read(name, f"{default:g}")
    try:
        number = float(text) if text.isascii() else math.nan
    except ValueError:
        number = math.nan
    inside = low <= number <= high
    value = number if inside else default
    key, updated = _shown(name, value)
    shown = f"%g {unit.replace('%', '%%')}".rstrip()
    st.slider(
        label,
        low,
        high,
        None if updated else value,
        step=step,
        key=key,
        format=shown,
        help=_explained(label, meaning) or None,
        width=width,
    )
    if inside:
        return value
    rule = f"it must be a number from {low:g} to {high:g} {unit}".rstrip()
    raise address.NoSuchChoice(f"{label} cannot be {text[:60]!r}: {rule}. Move the slider.", name)


def _shown(name: str, value: object, *, again: bool = False) -> tuple[str, bool]:
    """The key of the visible control for ``name``, which shows ``value`` in this run, and whether it was set now.

    A new control starts with its default, and one that shows the value already is left alone: setting it again would
    lose a click that is on its way. ``again`` sets it all the same. In a run that a page begins by itself, what was set
    before counts as set now, for the browser has said nothing since.
    """
    key, updated = f"shown_{name}", cast(set[str], st.session_state.setdefault("updated", set()))
    memory = address.session_memory()
    memory.drawn[name] = value
    if key not in st.session_state:
        memory.shown[name] = value
    if key in st.session_state and (again or st.session_state[key] != value):
        st.session_state[key] = value
        updated.add(key)
    return key, key in updated


def heard() -> None:
    """The browser has said what its controls show. Called once in each run that a person began."""
    st.session_state["updated"] = set()
