"""The program of each picture of a network of two images gives the very array that is drawn, for either image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.drawing.snippets import Setting
from gradviz_core.errors import Unreachable
from gradviz_core.types import keys
from gradviz_core.uploads import store
from tests import pairs, snippet_runs
from tests.pairs import image, kept
from tests.test_snippets import check

LEFT, RIGHT = image(seed=1), image(20, 2)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def test_every_view_of_a_siamese_network(folder: Path) -> None:
    data = pairs.file(pairs.siamese(), {"left": LEFT, "right": RIGHT})
    (folder / "your-model.pt2").write_bytes(data)
    model, pair = pairs.model(data), "sample/star~sample/heart@2"
    assert check(every_view(snippet_runs.setting(model, pair), model, pair), folder) > 25


def every_view(at: Setting, model: str, pair: str) -> Iterator[snippet_runs.View]:
    """As of any network; units only of those layer outputs that depend on the image that is looked at."""
    yield from snippet_runs.seen(at, model, pair)
    yield from snippet_runs.saliency(at, model, pair)
    yield from snippet_runs.flow(at, model, pair)
    units = 0
    for info in snippet_runs.interesting(at, model, pair):
        yield from snippet_runs.feature_maps(at, model, pair, info)
        with suppress(Unreachable):
            snippet_runs.ask(gv.GradientQuestion(model=model, image=pair, target=gv.SiteSum(info.site)))
            yield from snippet_runs.neurons(at, model, pair, info)
            units += 1
    assert units > 1


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["flow", "by keyword"])
def test_the_gradient_by_either_of_two_uploads(name: str, place: int, folder: Path) -> None:
    first, second = image(seed=1), image(seed=2)
    given = ((first, second),) if name == "flow" else ()
    named = {} if name == "flow" else {"image": first, "reference": second}
    data = pairs.file(pairs.Flow() if name == "flow" else pairs.ByKeyword(), *given, **named)
    uploads = kept(first), kept(second)
    for key, file in zip(uploads, ("held", "your") if place else ("your", "held"), strict=True):
        digest = keys.digest(key)
        assert digest is not None
        (folder / f"{file}-image.png").write_bytes(store.here().image(digest))
    (folder / "your-model.pt2").write_bytes(data)
    model, pair = pairs.model(data), keys.pair(*uploads, place)
    at = snippet_runs.setting(model, pair)
    drawn = snippet_runs.ask(gv.GradientQuestion(model=model, image=pair, target=gv.ClassScore(1)))
    code = snippets.saliency(at, gv.ClassScore(1), "gradient", "channel")
    np.testing.assert_array_equal(snippet_runs.run(code, folder), drawn.gradients[gv.INPUT][0])
    assert "The network takes two images." in code
    pixels = snippet_runs.run(snippets.seen(at), folder)
    np.testing.assert_array_equal(pixels, snippet_runs.ask(gv.SurveyQuestion(model=model, image=pair)).pixels)


@pytest.mark.parametrize("place", [0, 1])
def test_the_medians_hold_the_other_image_also_where_it_is_the_first_of_the_set(place: int, folder: Path) -> None:
    data = pairs.file(pairs.siamese(), {"left": LEFT, "right": RIGHT})
    (folder / "your-model.pt2").write_bytes(data)
    model, samples = pairs.model(data), ("sample/star", "sample/heart")
    pair = keys.pair(*(("sample/star", "sample/cat") if place else ("sample/cat", "sample/star")), place)
    at, target = snippet_runs.setting(model, pair), gv.ClassScore(1)
    infos = [info for info in at.sites if info.site.path == "relu" and info.site.call == place]
    question = gv.KeepingQuestion(model=model, image=pair, target=target, sites=(infos[0].site,))
    drawn = gv.layer_medians(question, [keys.exchanged(pair, sample) for sample in samples])
    code = snippets.region_medians(at, target, infos, question.method, question.options, samples)
    changes = np.stack([drawn.kept, drawn.dropped], 1)
    assert np.abs(changes).min() > 0
    assert snippet_runs.error(snippet_runs.run(code, folder), changes) < 1e-4
