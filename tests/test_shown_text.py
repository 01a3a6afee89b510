"""Text from outside: what cannot be seen is written out, and nothing in it is markup."""

from __future__ import annotations

import re
import unicodedata

import pytest

from gradviz_core.text.shown_text import (
    LONGEST_LINE,
    bold,
    cell_text,
    figure_lines,
    figure_text,
    is_one_line,
    keeping_direction,
    visible,
)

READABLE = (
    "layer2.0.relu",
    "Größe, naïve café",
    "شجرة",
    "שָׁלוֹם",
    "日本語　名前",
    "ภาษาไทย",
    "हिन्दी",
    "🐕 dog",
    "❤️ heart",
    "👩‍🌾 farmer",
    "👍🏽",
    "1️⃣",
    "98.2\u00a0%",
)
"""Accents, scripts from right to left, spaces of other widths, emoji that are joined: names as people write them."""


@pytest.mark.parametrize("name", READABLE)
def test_names_as_people_write_them_stay_as_they_are(name: str) -> None:
    assert visible(name) == name
    assert re.sub("[\u2068\u2069]", "", figure_text(name)) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cat\u202egnp", "cat⟨U+202E⟩gnp"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("soft\u00adhyphen", "soft⟨U+00AD⟩hyphen"),
        ("\ufeffx", "⟨U+FEFF⟩x"),
        ("a\tb\r\nc\0", "a⟨U+0009⟩b⟨U+000D⟩⟨U+000A⟩c⟨U+0000⟩"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("\ud800", "⟨U+D800⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("x\U000e0061", "x⟨U+E0061⟩"),
        ("a\ufe0f", "a⟨U+FE0F⟩"),
        ("\u3164", "⟨U+3164⟩"),
        ("\ue000", "⟨U+E000⟩"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "⟨U+0301⟩" * 2),
        ("\u06ddno number sign", "\u06ddno number sign"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


SEEN_THOUGH_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Signs that Unicode counts among those that format, and that are drawn: the Arabic and Kaithi number signs."""


def test_every_character_that_formats_or_controls_is_written_out() -> None:
    kinds = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    found = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) in kinds and visible(c) == c]
    assert set(found) == SEEN_THOUGH_FORMAT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<a href='//x'>y</a>", "&lt;a href='//x'&gt;y&lt;/a&gt;"),
        ("a &lt; b", "a &amp;lt; b"),
        ("%{customdata[0]}", "&#37;{customdata[0]}"),
        ("98.2 %", "98.2 %"),
        ("$x^2$", "&#36;x^2&#36;"),
    ],
)
def test_no_markup_of_plotly_is_left(text: str, shown: str) -> None:
    assert figure_text(text) == shown


def test_text_is_cut_before_it_is_escaped_and_after_it_is_written_out() -> None:
    assert figure_text("<<<<<", 3) == "&lt;&lt;…"
    assert figure_text("a\u202eb", 4) == "a⟨U…"
    assert len(figure_text("x" * 500)) == LONGEST_LINE
    assert figure_lines(["<b>", "c"]) == "&lt;b&gt;<br>c"
    assert bold(figure_text("<")) == "<b>&lt;</b>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("شجرة (5), 98.2 %", "\u2068شجرة\u2069 (5), 98.2 %"),
        ("שלום עולם of conv1", "\u2068שלום עולם\u2069 of conv1"),
        ("نوع 5 أحمر (3)", "\u2068نوع 5 أحمر\u2069 (3)"),
        ("größer (3)", "größer (3)"),
    ],
)
def test_words_from_right_to_left_leave_the_numbers_behind_them_in_place(text: str, shown: str) -> None:
    assert figure_text(text) == keeping_direction(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), (" -x", "' -x"), ("\t=x", "⟨U+0009⟩=x"), ("conv1.weight", "conv1.weight")],
)
def test_a_cell_is_no_formula(text: str, shown: str) -> None:
    assert cell_text(text) == shown


def test_a_title_or_label_is_one_line() -> None:
    assert all(map(is_one_line, READABLE))
    assert is_one_line("می\u200cخواهم")
    assert not any(map(is_one_line, ("a\nb", "a\u2028b", "\ud800", "\u202ecat", "\u2066cat", "\x1b[0m")))
