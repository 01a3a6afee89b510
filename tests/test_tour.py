"""The tour: each link opens without a complaint, and what its sentence says is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.models import catalogue
from gradviz_core.types import (
    INPUT,
    ClassScore,
    GradientAnswer,
    GradientQuestion,
    Head,
    PerturbationAnswer,
    PerturbationQuestion,
    Question,
    Unit,
)
from pages.shell import tour
from pages.shell.answer_cache import answer_cache
from scripts.presets import scenes
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, opened

PAGES = {
    "saliency": SALIENCY,
    "neurons": NEURONS,
    "feature-maps": MAPS,
    "perturbation": "pages/understand/perturbation.py",
}
STAR, ARROW = scenes.LABELS.index("star"), scenes.LABELS.index("arrow")
READ = Head("", reading="softmax_logits")
"""Where presets have their scores, and what these are."""
OUTLINE = 3
"""Pixels to either side that are taken for the outline."""


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def test_the_start_page_shows_the_six_links() -> None:
    app = opened()
    (html,) = [h.proto.body for h in app.get("html") if "<ol>" in h.proto.body]
    links = [unescape(link) for link in re.findall("href='([^']*)'", html)]
    assert links == [stop.address for stop in tour.STOPS]
    assert len(links) == 6


@pytest.mark.parametrize("stop", tour.STOPS, ids=lambda stop: stop.title)
def test_each_link_opens_without_a_complaint(stop: tour.Stop) -> None:
    page, _, query = stop.address.partition("?")
    app = opened(PAGES[page], **dict(parse_qsl(query)))
    assert not app.error
    assert not app.warning
    assert app.get("plotly_chart")


@pytest.mark.parametrize("number", range(6))
def test_each_view_says_what_it_shows_and_leads_on(number: int) -> None:
    stop = tour.STOPS[number]
    (strip,) = _strips(opened(PAGES[stop.page], **dict(stop.choices)))
    assert f"Tour, {number + 1} of 6: {stop.sentence}" in unescape(strip)
    around = [each.address for each in tour.STOPS[max(number - 1, 0) : number + 2] if each is not stop]
    assert [unescape(link) for link in re.findall("href='([^']*)'", strip)] == around


def test_another_choice_leaves_the_tour_and_a_look_at_the_same_does_not() -> None:
    stop = tour.STOPS[0]
    assert not _strips(opened(SALIENCY, **(dict(stop.choices) | {"target": "4"})))
    assert _strips(opened(SALIENCY, **dict(stop.choices), view="l2"))


def _strips(app: AppTest) -> list[str]:
    return [html.proto.body for html in app.get("html") if "aria-label='Tour'" in html.proto.body]


def _asked_last(title: str, asked: list[Question], kind: type) -> Question:
    """The question of the view with this title."""
    (stop,) = [stop for stop in tour.STOPS if stop.title == title]
    opened(PAGES[stop.page], **dict(stop.choices))
    return next(question for question in reversed(asked) if isinstance(question, kind))


def _gradient(title: str, asked: list[Question]) -> GradientAnswer:
    answer = inline.ask(_asked_last(title, asked, GradientQuestion))
    assert isinstance(answer, GradientAnswer)
    return answer


def _largest(answer: GradientAnswer) -> tuple[int, int]:
    """Row and column of the largest value on the screen."""
    shown = np.abs(answer.gradients[INPUT][0].sum(axis=0))
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    return int(row), int(column)


def _on_the_outline(name: str, place: tuple[int, int]) -> bool:
    """Whether both what is the shape and what is not lie near."""
    mask = np.asarray(Image.open(catalogue.ASSETS / "images" / f"{name}-mask.png")) > 0
    row, column = place
    near = mask[max(row - OUTLINE, 0) : row + OUTLINE + 1, max(column - OUTLINE, 0) : column + OUTLINE + 1]
    return bool(near.any() and not near.all())


def _tag() -> tuple[slice, slice]:
    """Where the tag of ``tagged-arrow`` is."""
    stream, index = re.findall(r"\d+", catalogue.sample_image("tagged-arrow").source)
    return scenes.tag_place(int(stream), int(index))


def test_the_star_is_found_by_its_outline(asked: list[Question]) -> None:
    answer = _gradient("Finding the star", asked)
    assert answer.target == ClassScore(STAR, head=READ)
    assert answer.prediction[0].index == STAR
    assert _on_the_outline("star", _largest(answer))


def test_the_unit_sees_seven_by_seven_pixels_and_no_more(asked: list[Question]) -> None:
    answer = _gradient("What one unit can see", asked)
    assert isinstance(answer.target, Unit)
    assert answer.receptive_field is not None
    top, bottom, left, right = answer.receptive_field
    assert (bottom - top, right - left) == (6, 6)
    gradient = answer.gradients[INPUT].copy()
    assert gradient.any()
    gradient[:, :, top : bottom + 1, left : right + 1] = 0
    assert not gradient.any()


def test_nearly_half_of_the_first_maps_is_zero(asked: list[Question]) -> None:
    answer = _gradient("A digit in 32 maps", asked)
    (site,) = answer.activations
    maps = answer.activations[site]
    assert maps.shape[1] == 32
    assert maps.min() == 0
    assert 0.45 < (maps == 0).mean() < 0.5


def test_four_levels_make_an_arrow_of_the_star(asked: list[Question]) -> None:
    question = _asked_last("A step that changes the prediction", asked, PerturbationQuestion)
    answer = inline.ask(question)
    assert isinstance(answer, PerturbationAnswer)
    assert np.abs(answer.after.astype(int) - answer.pixels).max() == 4
    assert (answer.prediction[0].index, answer.prediction_after[0].index) == (STAR, ARROW)


def test_the_shortcut_is_the_tag_and_the_other_network_looks_at_the_arrow(asked: list[Question]) -> None:
    shortcut = _gradient("The shortcut", asked)
    sound = _gradient("The same picture without the shortcut", asked)
    assert (shortcut.prediction[0].index, sound.prediction[0].index) == (STAR, ARROW)
    assert (shortcut.target, sound.target) == (ClassScore(STAR, head=READ), ClassScore(ARROW, head=READ))
    rows, columns = _tag()
    row, column = _largest(shortcut)
    assert row in range(96)[rows]
    assert column in range(96)[columns]
    assert _on_the_outline("tagged-arrow", _largest(sound))
    share = [
        np.abs(a.gradients[INPUT])[:, :, rows, columns].sum() / np.abs(a.gradients[INPUT]).sum()
        for a in (shortcut, sound)
    ]
    assert share[0] > 2 * share[1]
