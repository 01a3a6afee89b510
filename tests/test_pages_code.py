"""Every picture of a page has its code there, which gives the numbers that the page has drawn."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gradviz_core.compute import inline
from gradviz_core.drawing import fields, spectra
from gradviz_core.drawing.screen import site_maps
from gradviz_core.types import ClassScore, Question, RandomisedQuestion, blocks
from pages.shell.answer_cache import answer_cache
from pages.understand import jacobian_choice, jacobian_pictures
from tests import snippet_runs
from tests.opening import MAPS, NEURONS, SALIENCY, answer_here, chart, opened, values

BACKWARD = "pages/understand/backward_pass.py"
FLOW, JACOBIAN, PERTURBATION = (f"pages/understand/{name}.py" for name in ("gradient_flow", "jacobian", "perturbation"))
MODEL, IMAGE = "preset/shapes-resnet", "sample/heart"
CLOSE = 1e-6
ALIKE = 1e-4
"""Numbers that differ in the last digit may change places in a rank correlation."""
ITERATED = 1e-4
"""An iteration stops where its values have settled to a share of 1e-4; vectors settle later, so ten times as much for
them."""

Code = dict[str, np.ndarray]
"""What each program of the panel leaves, by the name of its tab."""
Drawn = Callable[[dict[str, Any]], np.ndarray]
Told = Callable[[Code], np.ndarray]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


# ------------------------------------------------------------------------------------------- the numbers of a picture


def _sent(numbers: Any) -> np.ndarray:
    if isinstance(numbers, dict):
        return np.frombuffer(base64.b64decode(numbers["bdata"]), dtype=numbers["dtype"])
    return np.array([np.nan if number is None else number for number in numbers], np.float64)


def _line(figure: dict[str, Any], number: int = 0, axis: str = "y") -> np.ndarray:
    return _sent(figure["data"][number][axis])


def _pixels(figure: dict[str, Any]) -> np.ndarray:
    (trace,) = (trace for trace in figure["data"] if trace["type"] == "image")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(trace["source"].partition(",")[2]))))


def _lines(*numbers: int) -> Drawn:
    return lambda figure: np.column_stack([_line(figure, number) for number in numbers])


def _flow(figure: dict[str, Any], first: int, share: int) -> np.ndarray:
    """Of one of the networks: norms of activation and gradient, and the share of dead units."""
    return np.column_stack([_line(figure, first + 1), _line(figure, first), _line(figure, share) / 100])


def _predicted_and_actual(figure: dict[str, Any]) -> np.ndarray:
    predicted, actual, *rest = figure["data"]
    np.testing.assert_array_equal(_sent(predicted["x"]), _sent(actual["x"]))
    rows = [_sent(predicted["x"]), _sent(predicted["y"]), _sent(actual["y"])]
    points = [np.column_stack([_sent(line["x"]), _sent(line["y"])]) for line in rest]
    return np.concatenate([np.column_stack(rows).ravel(), np.concatenate(points).ravel()])


def _rows_and_points(found: Code) -> np.ndarray:
    steps = found["Step by step"]
    points = steps if len(steps) > 4 else steps[-2:]  # one step alone is a point of the curve
    return np.concatenate([found["Predicted and actual change"].ravel(), points.ravel()])


def _tab(name: str) -> Told:
    return lambda found: found[name]


def _tiles(name: str, **options: Any) -> Told:
    return lambda found: fields.tile(found[name], **options).field.values


def _activation(found: Code) -> np.ndarray:
    """One map, or, of a vector, all its numbers."""
    array = found["Activation"]
    return array if array.ndim == 2 else fields.tile(array).field.values


def _gradient(found: Code) -> np.ndarray:
    array = found["Gradient"]
    return array if array.ndim == 2 else fields.tile(array, columns=3).field.values


def _similarities(figure: dict[str, Any]) -> np.ndarray:
    """The last two lines: of magnitudes, and SSIM."""
    return np.column_stack([_line(figure, number) for number in (-2, -1)])


def _compared(found: Code) -> np.ndarray:
    return found["Similarity"][:, 1:]


def _turned(name: str) -> Told:
    return lambda found: found[name].T


PICTURES: dict[tuple[str, str], tuple[Drawn, Told, float]] = {
    (SALIENCY, "image"): (_pixels, _tab("Image"), 0.0),
    (SALIENCY, "gradient"): (values, _gradient, CLOSE),
    (SALIENCY, "classes"): (lambda figure: _line(figure, axis="x"), _tab("Classes"), CLOSE),
    (NEURONS, "activation"): (values, _activation, CLOSE),
    (NEURONS, "gradient"): (values, _gradient, CLOSE),
    (NEURONS, "gallery"): (values, _tiles("Strongest", columns=3, label=0.045), CLOSE),
    (MAPS, "strip"): (_line, _tab("Layer outputs"), CLOSE),
    (MAPS, "channels"): (values, _tiles("Channels"), CLOSE),
    (MAPS, "channel"): (values, _tab("One channel"), CLOSE),
    (MAPS, "near"): (values, _tab("Near"), CLOSE),
    (MAPS, "image"): (_pixels, _tab("Image"), 0.0),
    (MAPS, "map"): (values, _tab("Map"), CLOSE),
    (MAPS, "cams"): (values, _tiles("Every layer", columns=16, label=0.022), CLOSE),
    (MAPS, "changes"): (_lines(0, 1), _tab("Regions"), 1e-4),
    **{(page, "trust_map"): (values, _tab("Other map"), CLOSE) for page in (SALIENCY, MAPS)},
    (SALIENCY, "trust_curve"): (_lines(0, 1, 2), _tab("Similarity"), ALIKE),
    (MAPS, "trust_curve"): (_lines(0, 1), _compared, ALIKE),
    **{(page, "trust_noise"): (_similarities, _compared, ALIKE) for page in (SALIENCY, MAPS)},
    **{
        (page, f"trust_{name.lower()}"): (_lines(0, 1, 2), _turned(name), 1e-5)
        for page in (SALIENCY, MAPS)
        for name in ("Insertion", "Deletion")
    },
    (FLOW, "flow"): (lambda figure: _flow(figure, 0, 2), _tab("Layer outputs"), CLOSE),
    (FLOW, "parameters"): (_lines(0, 1), _tab("Parameters"), CLOSE),
    (JACOBIAN, "matrix"): (values, _tab("Matrix"), CLOSE),
    (JACOBIAN, "output"): (values, _tab("One output"), CLOSE),
    (JACOBIAN, "sensitivities"): (_line, _tab("Sensitivities"), CLOSE),
    (JACOBIAN, "spectrum"): (_line, _tab("Singular values"), ITERATED),
    (JACOBIAN, "direction"): (values, _tab("Direction"), 10 * ITERATED),
    (BACKWARD, "arrives"): (values, _tab("Left picture"), CLOSE),
    (BACKWARD, "leaves"): (values, _tab("Right picture"), CLOSE),
    (PERTURBATION, "before"): (_pixels, _tab("Before"), 0.0),
    (PERTURBATION, "after"): (_pixels, _tab("After"), 0.0),
    (PERTURBATION, "difference"): (values, _tab("Difference"), CLOSE),
    (PERTURBATION, "change"): (_predicted_and_actual, _rows_and_points, 1e-5),
    (PERTURBATION, "classes"): (
        lambda figure: np.column_stack([_line(figure, number, "x") for number in (0, 1)]),
        _tab("Classes"),
        1e-5,
    ),
}
"""For each picture of a page: how its numbers are read off the chart, which of the programs gives them, and how far
these may lie apart, as a share of their length."""
COMPARED: dict[tuple[str, str], tuple[Drawn, Told, float]] = {
    (FLOW, "flow"): (
        lambda figure: np.vstack([_flow(figure, 0, 4), _flow(figure, 2, 5)]),
        lambda found: np.vstack([found["Layer outputs"], found["Layer outputs of the comparison"]]),
        CLOSE,
    ),
    (FLOW, "parameters"): (
        lambda figure: np.vstack([_lines(0, 1)(figure), _lines(2, 3)(figure)]),
        lambda found: np.vstack([found["Parameters"], found["Parameters of the comparison"]]),
        CLOSE,
    ),
}
"""The same where a second network or picture is drawn with the first."""


def _charts(app: AppTest) -> list[str]:
    return [element.proto.id.rpartition("-chart_")[2] for element in app.get("plotly_chart")]


def _run(app: AppTest) -> Code:
    assert not app.exception
    assert not app.error
    names = [tab.label for tab in app.tabs]
    assert len(names) == len(app.code)
    with TemporaryDirectory() as folder:
        return {name: snippet_runs.run(block.value, Path(folder)) for name, block in zip(names, app.code, strict=True)}


def check(
    page: str, /, pictures: dict[tuple[str, str], tuple[Drawn, Told, float]] = PICTURES, **choices: str
) -> set[str]:
    """Open the page, run its code, and compare every chart that is on it; the keys of these."""
    app = opened(page, **({"model": MODEL, "image": IMAGE} | choices))
    found, keys = _run(app), _charts(app)
    for key in keys:
        drawn, told, apart = pictures[page, key]  # a picture without code is no key
        assert snippet_runs.error(told(found), drawn(chart(app, key))) <= apart, key
    return set(keys)


# ----------------------------------------------------------------------------------------------------------- the pages


@pytest.mark.parametrize("method", ["gradient", "gradient_x_input"])
@pytest.mark.parametrize("view", ["signed", "l2", "max", "channels"])
def test_saliency(view: str, method: str) -> None:
    drawn = check(SALIENCY, view=view, method=method, target="2", scale="probability")
    assert drawn == {"image", "gradient", "classes"}


@pytest.mark.parametrize("site", ["layer1.0.relu:1", "layer2.0.bn1", "fc"])
def test_neurons(site: str) -> None:
    assert check(NEURONS, site=site) == {"activation", "gradient", "gallery"}


@pytest.mark.parametrize("kind", ["activation", "gradient", "product"])
def test_feature_maps(kind: str) -> None:
    drawn = check(MAPS, maps=kind, sort="index", site="layer1.1.relu")
    assert drawn == {"strip", "channels", "channel", "image"}


@pytest.mark.parametrize(
    ("model", "method", "strip"),
    [(MODEL, "grad_cam", "own"), (MODEL, "finer_cam", "one"), ("preset/shapes-vit", "eigen_cam", "own")],
)
def test_maps_of_a_layer_and_of_all(model: str, method: str, strip: str) -> None:
    site = "layers.1" if "vit" in model else "layer3.0.relu:1"
    drawn = check(MAPS, model=model, maps="method", layer_method=method, site=site, strip=strip)
    assert drawn == {"strip", "map", "cams", "changes", "image"}


@pytest.mark.parametrize("method", ["grad_cam", "finer_cam"])
def test_medians_over_several_images(method: str, tmp_path: Path) -> None:
    images = "sample/digit-3 sample/digit-8 sample/digit-5"
    choices: dict[str, Any] = {"image": "sample/cat", "several": images, "target": "8", "site": "features.1"}
    app = opened(MAPS, model="preset/digits-cnn", maps="method", layer_method=method, **choices)
    assert not app.error
    code = dict(zip([tab.label for tab in app.tabs], [block.value for block in app.code], strict=True))
    drawn = _lines(0, 1)(chart(app, "medians"))
    assert snippet_runs.error(snippet_runs.run(code["Medians"], tmp_path), drawn) <= 1e-4


@pytest.mark.parametrize("method", ["conductance", "layer_integrated_gradients"])
def test_all_channels_of_what_a_method_gives(method: str) -> None:
    site, options = "layer2.0.relu:1", "steps=2"
    drawn = check(MAPS, maps="method", sort="strength", layer_method=method, layer_options=options, site=site)
    assert drawn == {"strip", "channels", "channel", "image"}


@pytest.mark.parametrize(
    ("model", "site"), [(MODEL, "layer1.1.relu"), ("preset/shapes-vit", "layers.1"), (MODEL, "fc")]
)
def test_feature_maps_in_order_of_strength_and_in_blocks(
    model: str, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_maps, "MOST_CELLS", 1_500)
    assert check(MAPS, model=model, site=site, maps="gradient") >= {"strip", "channels", "image"}


@pytest.mark.parametrize(
    ("page", "choices"),
    [
        (SALIENCY, {"view": "l2"}),
        (SALIENCY, {"view": "channels", "method": "gradient_x_input"}),
        (NEURONS, {"site": "layer1.0.relu:1"}),
        (MAPS, {"maps": "product", "site": "layer1.1.relu"}),
        (PERTURBATION, {}),
    ],
)
def test_a_picture_that_is_too_large_for_a_screen(
    page: str, choices: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_SIDE", 20)
    assert len(check(page, PICTURES, **choices)) >= 3


@pytest.mark.parametrize(
    ("method", "options", "choices", "keys"),
    [
        ("gradient", "", {"trust": "weights", "random_layer": "3"}, {"trust_map", "trust_curve"}),
        ("smoothgrad", "draws=3", {"trust": "weights", "random_mode": "single"}, {"trust_map", "trust_curve"}),
        ("guided_backprop", "", {"trust": "noise", "noise": "10"}, {"trust_map", "trust_noise"}),
        ("smoothgrad", "draws=3", {"trust": "draw"}, {"trust_map"}),
        ("gradient_x_input", "", {"trust": "pixels"}, {"trust_insertion", "trust_deletion"}),
        ("occlusion", "rows=3", {"trust": "pixels", "substrate": "blurred"}, {"trust_insertion", "trust_deletion"}),
        ("gradient", "", {"trust": "pixels", "substrate": "black"}, {"trust_insertion", "trust_deletion"}),
        ("guided_grad_cam", "", {"trust": "weights"}, {"trust_map", "trust_curve"}),
        ("integrated_gradients", "steps=3,baseline=image", {"trust": "noise"}, {"trust_map", "trust_noise"}),
    ],
)
def test_whether_a_map_of_the_input_can_be_trusted(
    method: str, options: str, choices: dict[str, Any], keys: set[str]
) -> None:
    model: dict[str, Any] = {"model": "preset/digits-cnn", "image": "sample/digit-8", "target": "8"}
    drawn = check(SALIENCY, **model, method=method, options=options, **choices)
    assert drawn == {"image", "gradient", "classes", *keys}


@pytest.mark.parametrize(
    ("model", "method", "choices", "keys"),
    [
        (
            "preset/shapes-cnn",
            "grad_cam",
            {"layer_trust": "weights", "random_layer": "2"},
            {"trust_map", "trust_curve"},
        ),
        ("preset/shapes-vit", "layer_cam", {"layer_trust": "noise"}, {"trust_map", "trust_noise"}),
        ("preset/shapes-cnn", "finer_cam", {"layer_trust": "pixels"}, {"trust_insertion", "trust_deletion"}),
        ("preset/shapes-vit", "eigen_cam", {"layer_trust": "pixels"}, {"trust_insertion", "trust_deletion"}),
    ],
)
def test_whether_a_map_of_a_layer_can_be_trusted(
    model: str, method: str, choices: dict[str, Any], keys: set[str]
) -> None:
    drawn = check(MAPS, model=model, maps="method", layer_method=method, **choices)
    assert drawn == {"map", "image", "strip", "cams", "changes", *keys}


@pytest.mark.parametrize(
    ("method", "choices", "keys"),
    [
        ("attention_rollout", {"trust": "noise"}, {"trust_map", "trust_noise"}),
        ("chefer", {"trust": "pixels"}, {"trust_insertion", "trust_deletion"}),
    ],
)
def test_whether_a_map_of_patches_can_be_trusted(method: str, choices: dict[str, Any], keys: set[str]) -> None:
    drawn = check(SALIENCY, model="preset/shapes-vit", method=method, **choices)
    assert drawn == {"image", "gradient", "classes", *keys}


def test_the_numbers_of_another_draw() -> None:
    model: dict[str, Any] = {"model": "preset/digits-cnn", "image": "sample/digit-8"}
    found = _run(opened(SALIENCY, **model, target="8", method="smoothgrad", options="draws=3", trust="draw"))
    options = (("draws", 3.0), ("spread", 0.15), ("seed", 0.0))
    answer = inline.ask(
        RandomisedQuestion(**model, target=ClassScore(8), method="smoothgrad", options=options, other_draw=True)
    )
    assert snippet_runs.error(found["Similarity"], answer.arrays["similarity"]) <= ALIKE


def test_gradient_flow() -> None:
    assert check(FLOW) == {"flow", "parameters"}


@pytest.mark.parametrize("second", [{"image2": "sample/star"}, {"model2": "preset/digits-mlp"}])
def test_gradient_flow_compared(second: dict[str, str]) -> None:
    assert check(FLOW, COMPARED, **second) == {"flow", "parameters"}


@pytest.mark.parametrize("steps", ["1", "3"])
@pytest.mark.parametrize("norm", ["l2", "max"])
def test_perturbation(norm: str, steps: str) -> None:
    drawn = check(PERTURBATION, norm=norm, steps=steps)
    assert drawn == {"before", "after", "difference", "change", "classes"}


@pytest.mark.parametrize("most", [(500, 10_000), (500, 800), (2, 50), (2, 2)])
def test_jacobian(most: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_ROWS", most[0])
    monkeypatch.setattr(spectra, "MOST_COLUMNS", most[1])
    drawn = check(JACOBIAN, of="fc", wrt="layer3.0.relu:1", rows="2-4")
    assert drawn == {"matrix", "output", "sensitivities", "spectrum"}


def test_jacobian_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (jacobian_choice, jacobian_pictures):
        monkeypatch.setattr(part, "MOST_ENTRIES", 1_000)
    drawn = check(JACOBIAN, model="preset/digits-mlp", of=".output", wrt=".input")
    assert drawn == {"spectrum", "direction", "output"}


@pytest.mark.parametrize(
    ("model", "step", "number"),
    [
        (MODEL, "53", ""),
        (MODEL, "3", ""),
        ("preset/shapes-cnn", "41", "1,30,40"),
        ("preset/shapes-cnn", "22", ""),  # a vector whose last line is not full
        ("preset/shapes-vit", "72", ""),
        ("preset/digits-mlp", "10", ""),
        ("preset/efficientnet-lite0", "283", ""),
    ],
)
def test_backward(model: str, step: str, number: str) -> None:
    assert check(BACKWARD, model=model, step=step, number=number) == {"arrives", "leaves"}


def test_a_picture_without_code_is_found() -> None:
    without = {key: value for key, value in PICTURES.items() if key != (MAPS, "image")}
    with pytest.raises(KeyError, match="image"):
        check(MAPS, without, site="fc")
