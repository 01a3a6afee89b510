"""The documents that the app serves itself: each is shown, leads to others, and nothing else is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.help import documents
from pages.shell.words import linked
from tests.opening import answer_here, errors, opened

DOCS = Path(__file__).parents[1] / "docs"
PAGE = "pages/help/docs.py"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_here(monkeypatch)


def test_every_document_is_offered_by_its_title() -> None:
    assert set(documents.titles()) == {file.stem for file in DOCS.glob("*.md")}
    app = opened(PAGE, document="threats")
    assert not app.exception
    (control,) = [box for box in app.selectbox if box.key == "shown_document"]
    assert sorted(control.options) == sorted(documents.titles().values())
    assert any(documents.titles()["threats"] in text.value for text in app.markdown)
    assert app.query_params["document"] == "threats"


@pytest.mark.parametrize("name", sorted(file.stem for file in DOCS.glob("*.md")))
def test_links_lead_to_documents_that_are_served(name: str) -> None:
    text = documents.linked(documents.text(name))
    outside_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]*)\)", outside_code):
        assert target.startswith(("https://", "#", "?document=")), target
        if target.startswith("?document="):
            assert target.removeprefix("?document=").partition("#")[0] in documents.documents()


@pytest.mark.parametrize(
    "name", ["../README", "settings.md", "/etc/passwd", "proxy/../settings", "..%2Fsetup", "nothing", "Settings"]
)
def test_a_name_that_is_no_document_is_an_error_and_nothing_is_read(name: str) -> None:
    app = opened(PAGE, document=name)
    (said,) = errors(app)
    assert "Document cannot be" in said
    assert not [text for text in app.markdown if len(text.value) > 500]


def test_a_document_that_the_app_names_is_a_link_and_other_text_stays_text() -> None:
    assert linked("docs/export.md lists *more*") == r"[docs/export\.md](/docs?document=export) lists \*more\*"
    assert linked("see otherdocs/x.txt") == r"see otherdocs/x\.txt"
    app = opened("pages/help/export.py")
    assert any("(/docs?document=export)" in caption.value for caption in app.caption)


def test_the_pictures_of_a_document_are_shown_in_their_places() -> None:
    app = opened(PAGE, document="methods")
    assert not app.exception
    wanted = [file for _, _, file in documents.pieces(documents.text("methods")) if file is not None]
    assert len(app.get("image")) == len(wanted) > 20
    assert not [text for text in app.markdown if "../assets/" in text.value]


def test_it_is_not_in_the_list_of_pages() -> None:
    app = opened(PAGE)
    assert app.title[0].value == "Documentation"
    assert any(documents.titles()[documents.FIRST] in text.value for text in app.markdown)
