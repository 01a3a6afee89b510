"""Text from outside, such as names of models, layers, outputs, labels and files, made safe to show.

``visible`` writes out what could not be seen or would change how the text around it reads. ``figure_text`` is the only
way of text into a figure: Plotly reads ``<b>``, ``<a href>``, entities and ``%{...}`` in every text that it draws.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import NewType

FigureText = NewType("FigureText", str)
"""Text as Plotly takes it. What stands in it as ``<br>`` or ``<b>`` is GradViz's own; everything else is shown."""

LONGEST_LINE = 120
"""Characters of a line in a figure: a hover does not break lines, and a screen is not wider."""
MOST_MARKS = 4
"""Accents in a row on one letter that are drawn: Hebrew with vowels and cantillation has four."""

_CONTROLS = (
    r"\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
)
_TURNING = r"\u202a-\u202e\u2066-\u2069"
_DIRECTION = rf"\u061c\u200e\u200f{_TURNING}"
_NO_WIDTH = r"\u00ad\u034f\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufe00-\ufe0f\ufeff"
_NO_WIDTH += r"\ufff0-\ufff8\U000e0000-\U000e0fff"
_BLANK = r"\u115f\u1160\u2800\u3164\uffa0\U00016fe4\U0001d159"
_NO_CHARACTER = r"\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff"
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI = rf"{_PICTURE}\ufe0f?[\U0001f3fb-\U0001f3ff]?"
_WHOLE = rf"{_EMOJI}(?:\u200d{_EMOJI})*|[0-9#*]\ufe0f\u20e3"
"""An emoji, joined from several or not: there the joiner and the selector belong to what is seen."""
_SPECIAL = re.compile(rf"{_WHOLE}|(?P<hidden>[{_CONTROLS}{_DIRECTION}{_NO_WIDTH}{_BLANK}{_NO_CHARACTER}])")

_RIGHT_TO_LEFT = r"\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_LEFTWARDS = re.compile(rf"[{_RIGHT_TO_LEFT}]+(?:[\W\d_]*[{_RIGHT_TO_LEFT}]+)*")
_TURNS = re.compile(f"[{_TURNING}]")

_PLOTLY = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;", "%{": "&#37;{"}
_MEANT_BY_PLOTLY = re.compile("|".join(map(re.escape, _PLOTLY)))

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula, when a table is kept as CSV."""


def visible(text: str) -> str:
    """The text, with every character that has no width, controls, turns the direction of the text round or stands for
    nothing written as its number, ``⟨U+202E⟩``, and so are accents in a row beyond ``MOST_MARKS``."""
    return written_out(text, _number)


def written_out(text: str, how: Callable[[str], str]) -> str:
    """As ``visible``, where ``how`` says what stands for such a character."""
    if text.isascii() and text.isprintable():
        return text
    shown = _SPECIAL.sub(lambda found: how(found[0]) if found["hidden"] else found[0], text)
    marks = 0
    letters = []
    for letter in shown:
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        letters.append(how(letter) if marks > MOST_MARKS else letter)
    return "".join(letters)


def figure_text(text: str, longest: int = LONGEST_LINE) -> FigureText:
    """The text as Plotly shows it unchanged, cut where it is longer than ``longest`` characters."""
    shown = keeping_direction(short(visible(text), longest))
    return FigureText(_MEANT_BY_PLOTLY.sub(lambda found: _PLOTLY[found[0]], shown))


def figure_lines(texts: Iterable[str]) -> FigureText:
    """Lines under each other, as a hover or a title shows them."""
    return FigureText("<br>".join(map(figure_text, texts)))


def bold(text: FigureText) -> FigureText:
    """The text in bold."""
    return FigureText(f"<b>{text}</b>")


def short(text: str, longest: int) -> str:
    """The text, cut where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def keeping_direction(text: str) -> str:
    """The text, in which words written from right to left leave what stands beside them in its place: without that,
    ``(5), 98.2 %`` behind a name in Arabic would be shown before it, and in another order. For text that is
    ``visible``."""
    return text if text.isascii() else _LEFTWARDS.sub("\u2068\\g<0>\u2069", text)


def is_one_line(text: str) -> bool:
    """Whether the text has neither line breaks nor control characters, halves of characters, or what turns round the
    direction of all that follows."""
    return not _TURNS.search(text) and all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in text)


def cell_text(text: str) -> str:
    """The text as a cell of a table that can be kept as CSV: an apostrophe stands before what a spreadsheet would
    compute."""
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _number(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
