"""The code that a page offers is run, and gives the numbers that the page has drawn."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core import fields, spectra
from gradviz_core.types import Question
from pages.parts import jacobian_choice, jacobian_pictures
from pages.parts.kept import kept
from tests import snippet_runs
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, opened, values

FLOW = "pages/understand/gradient_flow.py"
MODEL, IMAGE = "preset/shapes-resnet", "sample/heart"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    kept.clear()
    yield answer_here(monkeypatch)
    kept.clear()


def shown(app: AppTest) -> dict[str, np.ndarray]:
    """What each program of the panel leaves, by the name of its tab."""
    assert not app.exception
    names = [tab.label for tab in app.tabs]
    assert len(names) == len(app.code)
    return {name: snippet_runs.run(block.value, snippet_runs.ROOT) for name, block in zip(names, app.code, strict=True)}


def close(found: np.ndarray, drawn: np.ndarray) -> bool:
    return snippet_runs.error(found, drawn) < 1e-6


@pytest.mark.parametrize("method", ["gradient", "gradient_x_input"])
@pytest.mark.parametrize("view", ["signed", "l2", "max"])
def test_saliency(view: str, method: str) -> None:
    app = opened(SALIENCY, model=MODEL, image=IMAGE, view=view, method=method, target="2", scale="probability")
    found = shown(app)
    assert close(found["Gradient"], values(chart(app, "gradient")))
    assert close(found["Classes"], np.array(_sent(chart(app, "classes")["data"][0]["x"])))
    assert found["Image"].shape == (96, 96, 3)


def test_the_channels_of_saliency() -> None:
    app = opened(SALIENCY, model=MODEL, image=IMAGE, view="channels")
    tiles = fields.tile(shown(app)["Gradient"], columns=3)
    assert close(tiles.field.values, values(chart(app, "gradient")))


@pytest.mark.parametrize("site", ["layer1.0.relu:1", "layer2.0.bn1", "fc"])
def test_neurons(site: str) -> None:
    app = opened(NEURONS, model=MODEL, image=IMAGE, site=site)
    found = shown(app)
    assert close(found["Gradient"], values(chart(app, "gradient")))
    activation = values(chart(app, "activation"))
    drawn = fields.tile(found["Activation"]).field.values if site == "fc" else found["Activation"]
    assert close(drawn, activation)
    assert close(fields.tile(found["Strongest"], columns=3, label=0.045).field.values, values(chart(app, "gallery")))


@pytest.mark.parametrize("kind", ["activation", "gradient", "product"])
def test_feature_maps(kind: str) -> None:
    app = opened(MAPS, model=MODEL, image=IMAGE, maps=kind, sort="index", site="layer1.1.relu")
    found = shown(app)
    assert close(fields.tile(found["Channels"]).field.values, values(chart(app, "channels")))
    assert close(found["One channel"], values(chart(app, "channel")))
    assert close(found["Sites"], np.array(_sent(chart(app, "strip")["data"][0]["y"])))


def test_gradient_flow() -> None:
    app = opened(FLOW, model=MODEL, image=IMAGE)
    found, sites = shown(app), chart(app, "flow")["data"]
    drawn = [np.array(_sent(sites[i]["y"])) for i in (1, 0, 2)]
    drawn[2] = drawn[2] / 100
    assert close(found["Sites"], np.column_stack(drawn))
    assert close(found["Parameters"], np.array(_sent(chart(app, "parameters")["data"][0]["y"])))


def _sent(numbers: Any) -> Any:
    if isinstance(numbers, dict):
        return np.frombuffer(base64.b64decode(numbers["bdata"]), dtype=numbers["dtype"])
    return [np.nan if number is None else number for number in numbers]


def test_perturbation() -> None:
    app = opened("pages/understand/perturbation.py", model=MODEL, image=IMAGE, norm="l2", steps="2")
    assert close(shown(app)["Difference"], values(chart(app, "difference")))


@pytest.mark.parametrize("most", [300_000, 100])
def test_jacobian(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_CELLS", most)
    app = opened("pages/understand/jacobian.py", model=MODEL, image=IMAGE, of="fc", wrt="layer3.0.relu:1", rows="2-4")
    found = shown(app)
    assert close(found["One output"], values(chart(app, "output")))
    assert close(found["Matrix"], values(chart(app, "matrix")))
    assert close(found["Sensitivities"], np.array(_sent(chart(app, "sensitivities")["data"][0]["y"])))
    assert close(found["Singular values"], np.array(_sent(chart(app, "spectrum")["data"][0]["y"])))


def test_jacobian_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (jacobian_choice, jacobian_pictures):
        monkeypatch.setattr(part, "MOST_ENTRIES", 1_000)
    app = opened("pages/understand/jacobian.py", model="preset/digits-mlp", image=IMAGE, of=".output", wrt=".input")
    found = shown(app)
    assert close(found["One output"], values(chart(app, "output")))
    spectrum = np.array(_sent(chart(app, "spectrum")["data"][0]["y"]))
    np.testing.assert_allclose(found["Singular values"], spectrum, rtol=1e-4)
    drawn = values(chart(app, "direction"))
    assert np.abs(found["Direction"] - drawn).max() < 1e-3 * np.abs(drawn).max(), "vectors settle later than values"
