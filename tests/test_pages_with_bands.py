"""Every page about a model shows a network of twelve bands, or says in one sentence why it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import gradviz_core as gv
from pages.shell.answer_cache import answer_cache
from tests import bands, snippet_runs
from tests.opening import SALIENCY, answer_here, chart, errors, opened, values
from tests.test_permalinks import PAGES, PERTURBATION


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


@pytest.mark.parametrize("page", [page for page in PAGES if page != PERTURBATION])
def test_a_page_shows_it(page: str) -> None:
    app = opened(page, model=bands.model(), image=bands.kept(bands.reflectances()), pixel="3,5")
    assert errors(app) == []
    assert app.get("plotly_chart") or page.endswith("doctor.py")


def test_the_perturbation_says_why_not() -> None:
    app = opened(PERTURBATION, model=bands.model(), image=bands.kept(bands.reflectances()))
    (said,) = errors(app)
    assert "the bands of this image have none" in said


def test_channels_are_bands_in_a_square() -> None:
    model, image = bands.model(), bands.kept(bands.reflectances())
    question = gv.GradientQuestion(model=model, image=image, target=gv.ClassScore(2))
    app = opened(SALIENCY, model=model, image=image, view="channels", pixel="3,5", target="2")
    assert errors(app) == []
    drawn = values(chart(app, "gradient"))
    slope = gv.answer(question).gradients[gv.INPUT][0]
    corner = drawn[-bands.ROWS :, -bands.COLUMNS :]
    assert drawn.shape[1] > 3 * bands.COLUMNS
    assert drawn.shape[0] > 2 * bands.ROWS
    assert (corner == slope[11]).all()
    assert "band 11" in str(chart(app, "gradient")["data"])
