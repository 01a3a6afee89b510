"""Layer outputs of volumes that are too large to travel whole are drawn as those that do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.drawing import screen
from gradviz_core.drawing.screen.site_maps import site_maps
from gradviz_core.types.looks import Look
from pages.shell.answer_cache import answer_cache
from tests import snippet_runs, volumes
from tests.opening import MAPS, NEURONS, answer_here, chart, errors, opened, values

SITE = gv.Site("relu")
FEW_BYTES = 32_000
"""Between what the pages draw of this layer output and what it has."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    answer_cache.clear()
    answer_here(monkeypatch)
    yield from snippet_runs.own_store(tmp_path, monkeypatch)
    answer_cache.clear()


def test_what_is_drawn_of_a_site_comes_with_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "MOST_BYTES", FEW_BYTES)
    question = gv.GradientQuestion(
        model=volumes.model(), image=volumes.kept(volumes.numbers()), wrt=(gv.INPUT, SITE), target=gv.ClassScore(0)
    )
    look = Look(maps="gradient", layout="volumes", place=(1, 2, 3))
    whole = gv.answer(question)
    fitted = screen.fit(whole, look)
    assert screen.is_coarse(fitted.arrays)
    np.testing.assert_array_equal(fitted.arrays["gradient/.input"], whole.gradients[gv.INPUT])
    shape = whole.activations[SITE].shape
    expected, found = (site_maps(one.arrays, SITE, look, shape) for one in (whole, fitted))
    np.testing.assert_array_equal(found.sheet, expected.sheet)
    np.testing.assert_array_equal(found.one.values, expected.one.values)
    assert found.exact == expected.exact
    assert found.exact["gradient"] == whole.gradients[SITE][0, found.channel, 1, 2, 3]


@pytest.mark.parametrize(("page", "drawn"), [(NEURONS, "activation"), (MAPS, "channels")])
def test_pages_draw_the_same_of_both(page: str, drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = {"model": volumes.model(), "image": volumes.kept(volumes.numbers()), "site": "relu"}
    expected = values(chart(opened(page, **at), drawn))
    answer_cache.clear()
    monkeypatch.setattr(screen, "MOST_BYTES", FEW_BYTES)
    app = opened(page, **at)
    assert errors(app) == []
    np.testing.assert_array_equal(values(chart(app, drawn)), expected)
