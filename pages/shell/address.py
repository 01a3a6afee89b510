"""The address bar holds every choice a person makes, so a copied address restores the view.

Each choice is one text, exactly what ``Question`` uses (keys, site names, numbers), whatever the visible control calls
it. A crafted value arrives here unchanged, and is answered with an error instead of being replaced by another choice.
An empty text is the default, and is not in the address. Visible controls are drawn from these texts and write to them;
so do clicks on pictures.

The address holds what its page uses. The choices of other pages are kept in the session, and are there again when the
person returns to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import streamlit as st

from gradviz_core.errors import GradVizError
from pages.shell.parameters import Parameters, Unsaid
from pages.streamlit_private import run

LONGEST = LONGEST_ENTRIES = 1000
"""Characters of one choice, such as the name of a layer, and of one that holds several entries."""


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
    used: frozenset[str] = frozenset()
    """Those that the open page uses."""
    unsaid: Unsaid | None = None
    meant: str = ""
    """What the choice of ``unsaid`` is while it is not chosen."""
    begun: bool = False
    """Whether the address was read."""
    chosen: dict[str, str] = field(default_factory=dict)
    """Each text that is not empty, of all pages."""
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


def session_memory() -> _Memory:
    if "address" not in st.session_state:
        st.session_state["address"] = _Memory()
    return cast(_Memory, st.session_state["address"])


def begin(parameters: Parameters, used: Iterable[str], unsaid: Unsaid | None = None) -> None:
    """Called once in each run, before anything is read. ``used`` are the choices of the open page. The choice that
    ``unsaid`` is about is written to the address where the address would mean another one without it.

    At the start of a session all choices are read from the address, since addresses of earlier versions hold those of
    other pages too; after a step back or forward in the browser's history, those of the page. Otherwise the person may
    have changed some. The address is updated where it says anything else, which is one entry in the history."""
    memory = session_memory()
    memory.parameters, memory.used, memory.unsaid = parameters, frozenset(used), unsaid
    said = {name: text for name in parameters.names if (text := st.query_params.get(name))}
    if not memory.begun:
        memory.chosen, memory.begun = said, True
        _take_meaning(memory, said)
    elif run.came_by_history():
        said = {name: said[name] for name in said.keys() & memory.used}
        _return_to(memory, said)
        _take_meaning(memory, said)
    else:
        _hear_controls(memory)
    here = {name: text for name, text in memory.chosen.items() if name in memory.used}
    if _would_mean_another(memory, here):
        here = implied() | here
    if here != st.query_params.to_dict():
        st.query_params.from_dict(here)
    memory.clicked.clear()
    memory.drawn.clear()


def _take_meaning(memory: _Memory, said: Mapping[str, str]) -> None:
    """From an address that was opened, or returned to. One of a page that does not use the choice says nothing of it,
    and what is meant already stays."""
    if memory.unsaid is not None and (memory.unsaid.name in memory.used or not memory.meant):
        memory.meant = memory.unsaid.meaning(said if memory.unsaid.name in memory.used else ())


def _would_mean_another(memory: _Memory, here: Mapping[str, str]) -> bool:
    """Whether this address would be read as another choice than the one that is meant."""
    return bool(implied()) and memory.unsaid is not None and memory.unsaid.meaning(here) != memory.meant


def implied() -> dict[str, str]:
    """The choice that the page uses although nobody made it; empty if somebody did."""
    memory = session_memory()
    name = memory.unsaid.name if memory.unsaid is not None else ""
    return {name: memory.meant} if name in memory.used and name not in memory.chosen else {}


def _return_to(memory: _Memory, said: Mapping[str, str]) -> None:
    """Choose for this page what the address says. A choice of another page is dropped if it depends on one that
    changed."""
    for name in memory.used:
        if memory.chosen.get(name) != said.get(name):
            memory.carried |= memory.parameters.questioned_with(name) - memory.used
            _drop(memory, memory.parameters.dropped_with(name))
    _drop(memory, memory.used)
    memory.chosen |= said


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
    memory = session_memory()
    memory.shown = dict(memory.drawn)


def read(name: str, default: str = "") -> str:
    """The text chosen for ``name``, or the default. ``set.power`` is the entry ``power`` of ``set``. Of a text that is
    longer than any choice one character too many is left, so that it is not read as another choice.

    Raises:
        KeyError: the page does not declare such a choice, so its address does not hold it.
        NoSuchChoice: as ``entries``.
    """
    whole, _, entry = name.partition(".")
    if entry:
        return entries(whole).get(entry) or default
    if name not in session_memory().used:
        raise KeyError(f"This page does not declare the choice {name!r}: name it in the parameters of its card.")
    return (session_memory().chosen.get(name) or implied().get(name) or default)[: LONGEST + 1]


def kept(names: Iterable[str]) -> dict[str, str]:
    """The text of each of these choices, whichever page uses it; empty where nothing is chosen."""
    chosen = session_memory().chosen
    return {name: chosen.get(name, "")[: LONGEST + 1] for name in names}


def entries(name: str) -> dict[str, str]:
    """The entries of a choice that holds several: ``power=3,size=5``.

    Raises:
        NoSuchChoice: it is too long; none of it is read, since what is cut off would be another choice.
    """
    text = session_memory().chosen.get(name, "")
    if len(text) > LONGEST_ENTRIES:
        rule = f"it may have at most {LONGEST_ENTRIES:,}. Shorten it, or leave it out."
        raise NoSuchChoice(f"The choice {name!r} in the address has {len(text):,} characters: {rule}", name)
    return _parted(text)


def _parted(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {entry: said for entry, _, said in pairs}


def write(choices: Mapping[str, object]) -> None:
    """Make these choices. Only from a callback, which runs before the address is updated."""
    memory = session_memory()
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
    memory = session_memory()
    memory.carried.update(memory.parameters.questioned_with("model"))
    memory.chosen["model"] = key
    memory.clicked.add("model")


def drop_if_carried(name: str) -> None:
    """Drop a choice that does not fit, if it was made before another one changed; the page runs again without it."""
    memory = session_memory()
    if name in memory.carried:
        memory.chosen.pop(name, None)
        memory.carried.discard(name)
        st.rerun()


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
