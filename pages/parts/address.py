"""The address bar holds every choice a person makes, so a copied address restores the view.

Each choice is one text, bound to one query parameter by a field that is not shown: what is written there is exactly
what ``Question`` uses (keys, site names, numbers), whatever the visible control calls it, and a crafted value arrives
here as it is, to be answered with a sentence instead of being replaced without a word. An empty text is the default.
Visible controls are drawn from these texts and write to them; so do clicks on pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from gradviz_core.errors import QuestionError
from pages.parts import unseen

NAMES = (
    "model", "image", "target", "scale", "method", "view", "opacity", "site", "channel", "row", "col", "token", "maps",
    "sort",
)  # fmt: skip
_FALL_WITH = {
    "model": ("target", "site", "channel", "row", "col", "token"),
    "site": ("channel", "row", "col", "token"),
}
"""Choices that mean nothing any more when another one changes."""
LONGEST = 200


def fields() -> None:
    """The bound fields themselves; called once in each run, before anything is read."""
    with unseen.place():
        for name in NAMES:
            st.text_input(name, key=name, bind="query-params")


def read(name: str, default: str = "") -> str:
    """The text chosen for ``name``, or the default."""
    return str(st.session_state.get(name) or default)[:LONGEST]


def write(choices: Mapping[str, object]) -> None:
    """Make these choices. Only before the fields are drawn: from a callback."""
    for name, value in choices.items():
        text = "" if value is None else str(value)
        if read(name) != text:
            for other in _FALL_WITH.get(name, ()):
                st.session_state[other] = ""
        st.session_state[name] = text


# ------------------------------------------------------------------------------------------------------------- controls


def select(label: str, name: str, options: Sequence[str], chosen: str, words: Callable[[str], str]) -> None:
    """A list to choose from; nothing is chosen where ``chosen`` is not in it. An option's words never change: the
    browser knows an option by them."""
    key = _shown(name, chosen if chosen in options else None)
    st.selectbox(
        label, options, index=0 if chosen in options else None, key=key, format_func=words, on_change=_copy_one_of,
        args=(name, frozenset(options)), placeholder="Choose one",
    )  # fmt: skip


def listed(label: str, name: str, words: Mapping[str, str]) -> str:
    """As ``option``, as a list that opens."""
    chosen = read(name, next(iter(words)))
    select(label, name, list(words), chosen, words.__getitem__)
    return _known(label, chosen, words)


def option(label: str, name: str, words: Mapping[str, str]) -> str:
    """A few options side by side, the first by default, and which is chosen.

    Raises:
        QuestionError: the address names another one.
    """
    chosen = read(name, next(iter(words)))
    key = _shown(name, chosen if chosen in words else None)
    st.segmented_control(
        label,
        list(words),
        key=key,
        format_func=words.__getitem__,
        on_change=_copy,
        args=(name,),
        required=True,
        wrap=True,
    )
    return _known(label, chosen, words)


def _known(label: str, chosen: str, words: Mapping[str, str]) -> str:
    if chosen not in words:
        raise QuestionError(f"{label} cannot be {chosen[:60]!r}: it is one of {', '.join(words.values())}. Choose one.")
    return chosen


def counter(label: str, name: str, count: int, default: int) -> int:
    """A whole number from 0 to ``count`` - 1, and which is chosen.

    Raises:
        QuestionError: the address names another one.
    """
    text = read(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
    inside = 0 <= number < count
    key = _shown(name, number if inside else None)
    st.number_input(
        label, min_value=0, max_value=count - 1, value="min" if inside else None, step=1, key=key, on_change=_copy,
        args=(name,), placeholder=f"0 to {count - 1}", width=128,
    )  # fmt: skip
    if not inside:
        raise QuestionError(
            f"{label} {text[:60]} does not exist: there are {count}, from 0 to {count - 1}. Choose one of them."
        )
    return number


def percent(label: str, name: str, default: int, meaning: str) -> int:
    """A share from 0 to 100 % in steps of 5, and which is chosen.

    Raises:
        QuestionError: the address names another one.
    """
    text = read(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    inside = 0 <= number <= 100
    key = _shown(name, number if inside else default)
    st.slider(label, 0, 100, step=5, key=key, format="%d %%", help=meaning, on_change=_copy, args=(name,), width=150)
    if not inside:
        raise QuestionError(f"{label} cannot be {text[:60]} %: it is a share from 0 to 100. Move the slider.")
    return number


def _shown(name: str, value: object) -> str:
    """The key of the visible control for ``name``, which from now on shows ``value``."""
    key = f"shown_{name}"
    if key not in st.session_state or st.session_state[key] != value:  # writing what is there would undo a quick click
        st.session_state[key] = value
    return key


def _copy(name: str) -> None:
    write({name: st.session_state[f"shown_{name}"]})


def _copy_one_of(name: str, options: frozenset[str]) -> None:
    """As ``_copy``, but for words of an option that is no longer there, which the browser may still send."""
    if st.session_state[f"shown_{name}"] in options:
        _copy(name)
