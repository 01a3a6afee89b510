"""Text from outside, shown as text."""

from __future__ import annotations

import re

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
_JOINER = "\N{WORD JOINER}"


def plain(text: str) -> str:
    """The text with all Markdown escaped, and invisible characters made visible.

    Streamlit searches for addresses, emoji and arrows again after the escapes are removed; a zero-width joiner keeps
    their characters apart.
    """
    apart = keeping_direction(_FOUND_LATER.sub(_JOINER, visible(text)))
    return _EDGES.sub(lambda spaces: "&nbsp;" * len(spaces[0]), _MARKUP.sub(r"\\\1", apart))


def linked(text: str) -> str:
    """As ``plain``, and the names of our documents, such as ``docs/export.md``, lead to their pages."""
    return _DOCUMENT.sub(lambda found: f"[{found[0]}]({links.document(found[1])})", plain(text))
