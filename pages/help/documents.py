"""The documents that come with the app: the Markdown files in its folder docs, by their names.

A name from the address is looked up among these and never becomes a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gradviz_core.folders import APP
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("document"),)
FIRST = "install"
"""The document that is shown where none is named."""
_PICTURE = re.compile(r"^!\[([^\]]*)\]\((\.\./assets/[\w./-]+)\)$", flags=re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*)\)")


@cache
def documents() -> Mapping[str, Path]:
    """The files by their names, without the ending; ``FIRST`` first."""
    files = sorted((APP / "docs").glob("*.md"), key=lambda file: (file.stem != FIRST, file.stem))
    return {file.stem: file for file in files}


@cache
def titles() -> Mapping[str, str]:
    """What each calls itself: its first line."""
    return {name: text(name).partition("\n")[0].lstrip("# ") for name in documents()}


def text(name: str) -> str:
    """A document's Markdown.

    Raises:
        KeyError: there is none of that name.
    """
    return documents()[name].read_text(encoding="utf-8")


def linked(markdown: str) -> str:
    """The Markdown with links to other documents that lead to their pages here. What leads to a file that the app does
    not serve is left as text."""
    return _LINK.sub(lambda link: _turned(link[1], link[2]), markdown)


def pieces(markdown: str) -> list[tuple[str, str, Path | None]]:
    """The Markdown cut at its pictures: the text before each, its words and its file; after the last one none. Only
    files in the app's folder assets are pictures; what leads elsewhere stays as it is."""
    found, start = [], 0
    for match in _PICTURE.finditer(markdown):
        file = (APP / "docs" / match[2]).resolve()
        if file.is_relative_to(APP / "assets") and file.is_file():
            found.append((markdown[start : match.start()], match[1], file))
            start = match.end()
    return [*found, (markdown[start:], "", None)]


def _turned(words: str, target: str) -> str:
    file, sign, heading = target.partition("#")
    name = file.removesuffix(".md")
    if target.startswith(("https://", "http://")) or (not file and sign):
        return f"[{words}]({target})"
    if file.endswith(".md") and name in documents():
        return f"[{words}](?document={name}{sign}{heading})"
    return words
