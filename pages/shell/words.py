"""Text from outside, shown as text."""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st

from gradviz_core.text.glossary import standing_in
from gradviz_core.text.shown_text import keeping_direction, visible
from pages.shell import links

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&^=\"'])")
_EDGES = re.compile(r"^ +| +$")
_FOUND_LATER = re.compile(
    r"(?<=https)(?=://)|(?<=http)(?=://)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@[\w-]+\.)"  # becomes a link
    r"|(?<=:)(?=[\w+-]+[:/])"  # an emoji, an icon or a logo
    r"|(?<=[<>~-])(?=[=>-])|(?<=<)(?=->)",  # an arrow, a dash or another sign
    re.IGNORECASE,
)
_DOCUMENT = re.compile(r"docs/(\w+)\\\.md")
TO_A_TERM = "document=glossary#"
"""In the address of every link from a term to the glossary; ``definitions.py`` finds the links by it."""
_JOINER = "\N{WORD JOINER}"


def plain(text: str) -> str:
    """The text with all Markdown escaped, and invisible characters made visible.

    Streamlit searches for addresses, emoji and arrows again after the escapes are removed; a zero-width joiner keeps
    their characters apart.
    """
    return _without_edges(_escaped(text))


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", keeping_direction(_FOUND_LATER.sub(_JOINER, visible(text))))


def _without_edges(escaped: str) -> str:
    return _EDGES.sub(lambda spaces: "&nbsp;" * len(spaces[0]), escaped)


def explained(text: str) -> str:
    """As ``plain``, for a sentence of our own: each term of the glossary, where it stands first, is a link to it. No
    term is looked for in the names that came with the model."""
    pieces = standing_in(text, st.session_state.get("names", ()))
    return _without_edges("".join(_to_a_term(piece, term) if term else _escaped(piece) for piece, term in pieces))


def _to_a_term(words: str, term: str) -> str:
    return f"[{_escaped(words)}]({links.term(term)})"


def keep_names(names: Iterable[str]) -> None:
    """The names on this page that come with the model: of its classes, layers and outputs."""
    st.session_state["names"] = tuple(dict.fromkeys(names))


def linked(text: str) -> str:
    """As ``plain``, and the names of our documents, such as ``docs/export.md``, lead to their pages."""
    return _DOCUMENT.sub(lambda found: f"[{found[0]}]({links.document(found[1])})", plain(text))
