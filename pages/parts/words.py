"""Text from outside, shown as text."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:&^=\"'])")

_BREAKS = re.compile(r"[\r\n\t\v\f\u2028\u2029]+")


def plain(text: str) -> str:
    """The text with everything escaped that Markdown would read as markup; line breaks become spaces."""
    return _MARKUP.sub(r"\\\1", _BREAKS.sub(" ", text))
