"""The documents name files that are there, and the picture of the wings is the one that the imports give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import draw_wings
from scripts.draw_wings import Arrows

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {ROOT / "docs" / "decisions.md"})
"""All but the one whose entries are dated: they name what was there then."""
PLACES = (ROOT, ROOT / "gradviz_core", ROOT / "tests", ROOT / "pages")


def named(document: str) -> set[str]:
    """The files of Python that a document names, with a folder or without, and those that hold a test that it names."""
    return set(re.findall(r"`((?:\w+/)*\w+\.py)(?:::[^`]*)?`", document))


def is_there(name: str) -> bool:
    if "/" in name:
        return any((place / name).exists() for place in PLACES)
    return any(path.name == name for place in PLACES for path in place.rglob("*.py"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(document: Path) -> None:
    assert sorted(name for name in named(document.read_text(encoding="utf-8")) if not is_there(name)) == []


def test_a_file_that_is_gone_is_found() -> None:
    gone = named("See `tracing/gone.py`, `gone.py` and `tests/gone.py::test_it[one]`.")
    assert gone == {"tracing/gone.py", "gone.py", "tests/gone.py"}
    assert not any(map(is_there, gone))


def test_the_picture_of_the_wings_is_what_the_imports_give() -> None:
    document = draw_wings.DOCUMENT.read_text(encoding="utf-8")
    assert document == draw_wings.redrawn(document), "run python scripts/draw_wings.py"


def test_an_arrow_that_follows_from_others_is_not_drawn() -> None:
    arrows: Arrows = {"__init__": {"high", "low"}, "high": {"middle", "low"}, "middle": {"low"}, "low": set()}
    assert draw_wings.picture(arrows).splitlines() == [
        "flowchart TD",
        "    gradviz_core --> high",
        "    high --> middle",
        "    middle --> low",
    ]
