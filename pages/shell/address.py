"""The address bar holds every choice a person makes, so a copied address restores the view.

Each choice is one text, exactly what ``Question`` uses (keys, site names, numbers), whatever the visible control calls
it. A crafted value arrives here unchanged, and is answered with an error instead of being replaced by another choice.
An empty text is the default, and is not in the address. Visible controls are drawn from these texts and write to them;
so do clicks on pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import streamlit as st

from gradviz_core.errors import GradVizError
from gradviz_core.text.glossary import tooltip
from gradviz_core.text.shown_text import visible
from pages.shell.parameters import Parameters
from pages.streamlit_private import run

LONGEST, LONGEST_ENTRIES = 200, 1000
"""Characters of one choice, and of one that holds several entries."""


class NoSuchChoice(GradVizError):
    """The address names a choice that does not exist. No other choice is shown in its place."""

    def __init__(self, sentence: str, name: str) -> None:
        super().__init__(sentence)
        self.name = name
        """Which choice."""


@dataclass(slots=True)
class _Memory:
    """What this session knows of its choices between one run and the next. It takes precedence over the browser:
    messages of browser and server cross, so what the browser says of the address and controls may be out of date."""

    parameters: Parameters = field(default_factory=Parameters)
    """All that there are."""
    begun: bool = False
    """Whether the address was read."""
    chosen: dict[str, str] = field(default_factory=dict)
    """Each text that is not empty."""
    clicked: set[str] = field(default_factory=set)
    """Chosen by a click on a picture just now; newer than what the controls say."""
    shown: dict[str, object] = field(default_factory=dict)
    """What each visible control is known to show: what the browser last reported, or what a run set that was drawn to
    its end."""
    drawn: dict[str, object] = field(default_factory=dict)
    """What each shows in this run."""
    options: dict[str, frozenset[str]] = field(default_factory=dict)
    """What there was to choose from, where it is a list."""
    words: dict[str, str | None] = field(default_factory=dict)
    """What the chosen option was called there."""
    carried: set[str] = field(default_factory=set)
    """Chosen before another choice changed: dropped if they no longer fit."""


def _memory() -> _Memory:
    if "address" not in st.session_state:
        st.session_state["address"] = _Memory()
    return cast(_Memory, st.session_state["address"])


def begin(parameters: Parameters) -> None:
    """Called once in each run, before anything is read.

    At the start of a session, and after a step back or forward in the browser's history, the choices are read from the
    address; otherwise the address is updated with what was chosen, which is one entry in the history."""
    memory = _memory()
    memory.parameters = parameters
    said = {name: text for name in parameters.names if (text := st.query_params.get(name))}
    if not memory.begun or run.came_by_history():
        memory.chosen, memory.begun = said, True
    else:
        _hear_controls(memory)
        if memory.chosen != said:
            st.query_params.from_dict(memory.chosen)
    memory.clicked.clear()
    memory.drawn.clear()


def _hear_controls(memory: _Memory) -> None:
    """A control that does not show what it showed when it was last drawn was changed by the person.

    Callbacks of the controls would say the same, but are lost when the next click cuts their run short. Where one run
    hears that two changed, and one is dropped when the other changes, it is dropped, whichever is heard first.
    """
    fallen: set[str] = set()
    for name, was in list(memory.shown.items()):
        now = st.session_state.get(f"shown_{name}", was)
        known = name not in memory.options or now in memory.options[name]
        if now != was and known and name not in memory.clicked:
            memory.shown[name] = now
            fallen |= _choose(memory, name, now)
    _drop(memory, fallen)


def settle() -> None:
    """Note that the page was drawn to its end: what the controls show now is what the person sees."""
    memory = _memory()
    memory.shown = dict(memory.drawn)


def read(name: str, default: str = "") -> str:
    """The text chosen for ``name``, or the default. ``set.power`` is the entry ``power`` of ``set``.

    Raises:
        KeyError: no page declares such a choice.
        NoSuchChoice: as ``entries``.
    """
    whole, _, entry = name.partition(".")
    if entry:
        return entries(whole).get(entry) or default
    if name not in _memory().parameters.names:
        raise KeyError(f"No page declares the choice {name!r}: name it in the parameters of the page's card.")
    return (_memory().chosen.get(name) or default)[:LONGEST]


def entries(name: str) -> dict[str, str]:
    """The entries of a choice that holds several: ``power=3,size=5``.

    Raises:
        NoSuchChoice: it is too long; none of it is read, since what is cut off would be another choice.
    """
    text = _memory().chosen.get(name, "")
    if len(text) > LONGEST_ENTRIES:
        rule = f"it may have at most {LONGEST_ENTRIES:,}. Shorten it, or leave it out."
        raise NoSuchChoice(f"The choice {name!r} in the address has {len(text):,} characters: {rule}", name)
    return _parted(text)


def _parted(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {entry: said for entry, _, said in pairs}


def write(choices: Mapping[str, object]) -> None:
    """Make these choices. Only from a callback, which runs before the address is updated."""
    memory = _memory()
    for name, value in choices.items():
        _choose(memory, name, value)
        memory.clicked.add(name)


def leave(page: str, choices: Mapping[str, object]) -> None:
    """Make these choices and open another page. Only from a callback.

    Streamlit empties the address as it leaves, and the run of the next page fills it again: one entry in the history.
    """
    write(choices)
    st.switch_page(page, query_params={})


def exchange_model(key: str) -> None:
    """Switch to the same model with other labels or another preprocessing: what was chosen within it stays if it
    fits."""
    memory = _memory()
    memory.carried.update(memory.parameters.questioned_with("model"))
    memory.chosen["model"] = key
    memory.clicked.add("model")


def _choose(memory: _Memory, name: str, value: object) -> frozenset[str]:
    """Make a choice; returns the names of those that were dropped with it."""
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    name, _, entry = name.partition(".")
    if entry:
        text = ",".join(
            f"{key}={said}" for key, said in (_parted(memory.chosen.get(name, "")) | {entry: text}).items() if said
        )
    memory.carried.discard(name)
    if memory.chosen.get(name, "") == text:
        return frozenset()
    memory.carried.update(memory.parameters.questioned_with(name))
    dropped = memory.parameters.dropped_with(name)
    _drop(memory, {name} | dropped)
    if text:
        memory.chosen[name] = text
    return dropped


def _drop(memory: _Memory, names: Iterable[str]) -> None:
    for name in names:
        memory.chosen.pop(name, None)


# ------------------------------------------------------------------------------------------------------------- controls


def select(
    label: str, name: str, options: Sequence[str], chosen: str, words: Callable[[str], str], meaning: str = ""
) -> None:
    """A list to choose from; nothing is chosen where ``chosen`` is not in it. The browser knows an option by its words,
    so if the words of the chosen one change, the control has to be set again."""
    said = visible(words(chosen)) if chosen in options else None
    key, updated = _shown(name, chosen if chosen in options else None, again=_memory().words.get(name, said) != said)
    _memory().words[name] = said
    _memory().options[name] = frozenset(options)  # the browser may still send words of an option that is gone
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
    chosen = read(name, next(iter(words)))
    select(label, name, list(words), chosen, words.__getitem__, meaning)
    return _known(label, name, chosen, words)


def only(label: str, name: str, words: Mapping[str, str]) -> str:
    """As ``option`` for a single option, which needs no control."""
    return _known(label, name, read(name, next(iter(words))), words)


def option(label: str, name: str, words: Mapping[str, str], meaning: str = "") -> str:
    """A few options side by side, the first by default, and which is chosen; ``meaning`` is its tooltip.

    Raises:
        NoSuchChoice: the address names another one.
    """
    chosen = read(name, next(iter(words)))
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
    memory = _memory()
    if chosen in words:
        return chosen
    if name in memory.carried:
        _drop(memory, [name])
        memory.carried.discard(name)
        st.rerun()
    listed = ", ".join(f"“{word}”" for word in words.values())
    rule = (
        f"it must be one of {listed}. Choose one of them."
        if len(words) > 1
        else f"the only option here is {listed}. Leave it out."
    )
    raise NoSuchChoice(f"{label} cannot be {chosen[:60]!r}: {rule}", name)


def counter(label: str, name: str, count: int, default: int, *, width: int | Literal["stretch"] = 128) -> int:
    """A whole number from 0 to ``count`` - 1, and which is chosen.

    Raises:
        NoSuchChoice: the address names another one.
    """
    text = read(name, str(default))
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
    raise NoSuchChoice(f"{label} cannot be {_quoted(text)}: {rule}. Choose another.", name)


def text(label: str, name: str, empty: str, meaning: str) -> str:
    """A text field, and its text; ``empty`` is the placeholder."""
    chosen = read(name)
    key, updated = _shown(name, chosen)
    st.text_input(label, "" if updated else chosen, key=key, placeholder=empty, help=meaning, max_chars=LONGEST)
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
    text = read(name, str(default))
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
        help="\n\n".join(filter(None, (meaning, tooltip(label)))) or None,
        width=width,
    )
    if inside:
        return number
    rule = f"it must be a whole number from {choices[0]} to {choices[-1]} {unit}".rstrip()
    raise NoSuchChoice(f"{label} cannot be {_quoted(text)}: {rule}. Move the slider.", name)


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
    text = read(name, f"{default:g}")
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
        help=meaning or None,
        width=width,
    )
    if inside:
        return value
    rule = f"it must be a number from {low:g} to {high:g} {unit}".rstrip()
    raise NoSuchChoice(f"{label} cannot be {text[:60]!r}: {rule}. Move the slider.", name)


def _shown(name: str, value: object, *, again: bool = False) -> tuple[str, bool]:
    """The key of the visible control for ``name``, which shows ``value`` in this run, and whether it was set now.

    A new control starts with its default, and one that shows the value already is left alone: setting it again would
    lose a click that is on its way. ``again`` sets it all the same.
    """
    key = f"shown_{name}"
    _memory().drawn[name] = value
    updated = key in st.session_state and (again or st.session_state[key] != value)
    if updated:
        st.session_state[key] = value
    return key, updated
