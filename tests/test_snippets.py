"""The code of every picture is run, and gives the very array that the picture draws."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.drawing import snippets, spectra
from gradviz_core.models import architectures, catalogue, torchvision_models
from gradviz_core.types import (
    JacobianAnswer,
    JacobianQuestion,
    Norm,
    PerturbationAnswer,
    PerturbationQuestion,
    SpectrumAnswer,
    SpectrumQuestion,
)
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import store
from tests import image_files, snippet_runs
from tests.exported import home_made
from tests.exported.files import exported_bytes

CLOSE = 1e-6
OF_DIFFERENCES = 1e-5
"""Of occlusion and KernelSHAP: a difference of two scores that are nearly alike has fewer digits than these."""
SQUARE = Preprocessing((24, 24), 30, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), "bicubic", "bgr")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def check(views: Iterator[snippet_runs.View], folder: Path) -> int:
    count = 0
    for name, code, drawn in views:
        limit = OF_DIFFERENCES if name.startswith(("occlusion", "kernelshap")) else CLOSE
        assert snippet_runs.error(snippet_runs.run(code, folder), drawn) < limit, f"{name}\n{code}"
        count += 1
    return count


@pytest.mark.parametrize(
    ("model", "image"),
    [
        ("preset/shapes-cnn", "sample/star"),
        ("preset/shapes-resnet", "sample/tagged-heart"),
        ("preset/shapes-vit", "sample/cat"),
        ("preset/digits-mlp", "sample/digit-3"),
        ("preset/digits-mlp", "sample/rocket"),
        pytest.param("torchvision/resnet18@random-0", "sample/cat", marks=pytest.mark.sweep),
    ],
)
def test_every_view_and_method(model: str, image: str, folder: Path) -> None:
    count = check(snippet_runs.every_view(snippet_runs.setting(model, image), model, image), folder)
    assert count > 25


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["googlenet", "swin_t", pytest.param("vit_b_32", marks=pytest.mark.sweep), "mobilenet_v2"]
)
def test_architectures_that_are_built_or_laid_out_otherwise(name: str, folder: Path) -> None:
    model, image = f"torchvision/{name}@random-3", "sample/coffee"
    at = snippet_runs.setting(model, image)
    middle = snippet_runs.interesting(at, model, image)[-1]
    check(snippet_runs.feature_maps(at, model, image, middle), folder)
    check(snippet_runs.flow(at, model, image), folder)


@pytest.mark.parametrize("name", [card.key for card in catalogue.sample_images()])
def test_every_sample_is_loaded_as_the_network_sees_it(name: str, folder: Path) -> None:
    for model in ("preset/shapes-cnn", "preset/digits-mlp"):
        at = snippet_runs.setting(model, name)
        drawn = snippet_runs.ask(gv.SurveyQuestion(model=model, image=name)).pixels
        np.testing.assert_array_equal(snippet_runs.run(snippets.seen(at), folder), drawn)


# ------------------------------------------------------------------------------------------------------------- uploads


def keep(data: bytes, architecture: str, steps: Preprocessing, labels: tuple[str, ...] = ()) -> str:
    recipe = Recipe(store.here().put(data), architecture, "Mine", labels, steps)
    return f"upload/{store.here().keep_recipe(recipe)}"


def own_picture(folder: Path, mode: str) -> str:
    """An uploaded photo that lies on its side, or is half transparent."""
    image = Image.open(snippet_runs.ROOT / "assets/images/cat.jpg").resize((90, 60))
    exif = Image.Exif()
    if mode == "turned":
        exif[0x0112] = 6
    else:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(folder / "your-image.png", exif=exif)
    return f"upload/{store.here().put((folder / 'your-image.png').read_bytes())}"


def _ramp(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that use the whole range of a type, and leave the range that is stated."""
    ramp = np.linspace(-0.2, 1.3, int(np.prod(shape))).reshape(shape)
    if kind == "bool":
        return ramp > 0.5
    return (255 * ramp.clip(0, 1)).astype(kind) if np.dtype(kind).kind == "u" else ramp.astype(kind)


@pytest.mark.parametrize("model", ["preset/shapes-cnn", "preset/digits-mlp"])
@pytest.mark.parametrize(
    ("shape", "kind", "stated"),
    [
        ((40, 30), "uint8", None),
        ((40, 30), "float32", (0, 1)),
        ((40, 30, 1), "bool", None),
        ((40, 30, 3), "float64", (-0.1, 0.7)),
        ((40, 30, 4), "uint8", None),
        ((3, 40, 30), ">f2", (0, 1)),
        ((1, 1, 40, 30), "float32", (-1, 1)),
        ((1, 40, 30, 4), "uint16", (0, 200)),
    ],
)
def test_an_uploaded_array(
    shape: tuple[int, ...], kind: str, stated: tuple[float, float] | None, model: str, folder: Path
) -> None:
    """As a page sees it that knows the address alone: what was stated of an array lies in the picture that was kept."""
    np.save(folder / "your-array.npy", _ramp(kind, shape))
    report, kept = images.inspect((folder / "your-array.npy").read_bytes(), stated)
    assert f"upload/{store.here().put(kept)}" == report.key
    drawn = snippet_runs.ask(gv.SurveyQuestion(model=model, image=report.key)).pixels
    code = snippets.seen(snippet_runs.setting(model, report.key))
    np.testing.assert_array_equal(snippet_runs.run(code, folder), drawn, err_msg=code)
    assert "allow_pickle=False" in code


def _clear_grey() -> bytes:
    wide = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)
    body = b"".join(b"\0" + row.astype(">u2").tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", 40, 30, 16, 0, 0, 0, 0)
    clear = struct.pack(">H", int(wide[7, 7]))
    return image_files.png((b"IHDR", header), (b"tRNS", clear), (b"IDAT", zlib.compress(body)), (b"IEND", b""))


GREY = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)
DARK = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2) >> 4
CLEAR = np.concatenate([DARK, GREY[..., None]], axis=2)
FILES: dict[str, Callable[[], bytes]] = {
    "grey of 16 bits.png": lambda: image_files.encoded(Image.fromarray(GREY)),
    "one of its greys is clear.png": _clear_grey,
    "grey of 16 bits.tif": lambda: image_files.tiff(GREY, photometric="minisblack"),
    "counts from white.tif": lambda: image_files.tiff(GREY, photometric="miniswhite"),
    "colours of 16 bits.tif": lambda: image_files.tiff(np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)),
    "grey of 12 bits.png": lambda: image_files.wide_png(GREY >> 4),
    "grey of 10 bits from white.tif": lambda: image_files.tiff(GREY >> 6, photometric="miniswhite"),
    "grey of 9 bits and alpha.png": lambda: image_files.wide_png(CLEAR[..., 2:] >> np.array([3, 0], np.uint16)),
    "colours of 12 bits.png": lambda: image_files.wide_png(DARK, turned=6),
    "colours of 12 bits and alpha of 16.png": lambda: image_files.wide_png(CLEAR),
    "colours and alpha of 12 bits.png": lambda: image_files.wide_png(CLEAR >> np.array([0, 0, 0, 4], np.uint16)),
    "colours of 14 bits.tif": lambda: image_files.tiff(DARK << 2),
    "colours of 12 bits and alpha.tif": lambda: image_files.tiff(CLEAR, extrasamples=["unassalpha"]),
    "colours of 12 bits and something.tif": lambda: image_files.tiff(CLEAR, extrasamples=["unspecified"]),
    "inks of 12 bits.tif": lambda: image_files.tiff(
        CLEAR >> np.array([0, 0, 0, 4], np.uint16), photometric="separated"
    ),
    "colours that are stated.tif": lambda: images.inspect(image_files.tiff(DARK), (100, 900))[1],
    "grey that is stated.png": lambda: images.inspect(image_files.wide_png(GREY), (100, 40_000))[1],
    "colours.jpg": lambda: image_files.encoded(Image.fromarray(image_files.noise(30, 40)), "JPEG"),
    "inks.jpg": lambda: image_files.encoded(Image.fromarray(image_files.noise(30, 40)).convert("CMYK"), "JPEG"),
    "a palette.gif": lambda: image_files.encoded(Image.fromarray(image_files.noise(30, 40)).quantize(9), "GIF"),
    "clear.webp": lambda: image_files.encoded(Image.fromarray(image_files.noise(30, 40, 4)), "WEBP", lossless=True),
    "colours.bmp": lambda: image_files.encoded(Image.fromarray(image_files.noise(30, 40)), "BMP"),
}


@pytest.mark.parametrize("model", ["preset/shapes-cnn", "preset/digits-mlp"])
@pytest.mark.parametrize("name", FILES)
def test_an_uploaded_picture(name: str, model: str, folder: Path) -> None:
    data = FILES[name]()
    (folder / f"your-image{Path(name).suffix}").write_bytes(data)
    key = f"upload/{store.here().put(data)}"
    drawn = snippet_runs.ask(gv.SurveyQuestion(model=model, image=key)).pixels
    code = snippets.seen(snippet_runs.setting(model, key))
    np.testing.assert_array_equal(snippet_runs.run(code, folder), drawn, err_msg=code)


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
@pytest.mark.parametrize("architecture", ["preset/shapes-resnet", "torchvision/squeezenet1_1"])
def test_uploaded_weights(architecture: str, kind: str, folder: Path) -> None:
    origin, _, name = architecture.partition("/")
    torch.manual_seed(5)
    build = architectures.build if origin == "preset" else torchvision_models.untrained
    state = build(name, 7).state_dict()
    out = io.BytesIO()
    torch.save(state, out)
    data = out.getvalue() if kind == "pt" else safetensors.torch.save(state)
    (folder / f"your-weights.{kind}").write_bytes(data)
    model, image = keep(data, architecture, replace(SQUARE, size=(64, 64))), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image, architecture)
    views = [*islice(snippet_runs.saliency(at, model, image), 6), *snippet_runs.flow(at, model, image)]
    views = [(view, code.replace('"your-weights.pt"', f'"your-weights.{kind}"'), drawn) for view, code, drawn in views]
    assert check(iter(views), folder) == 11


@pytest.mark.parametrize(
    "module",
    [home_made.FunctionalRelu, home_made.Reused, home_made.WithoutGradient, home_made.Drawn],
    ids=lambda m: m.__name__,
)
def test_an_uploaded_program(module: type[nn.Module], folder: Path) -> None:
    torch.manual_seed(2)
    data = exported_bytes(module(), torch.zeros(1, 3, 24, 24))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", SQUARE), own_picture(folder, "transparent")
    at = snippet_runs.setting(model, image)
    assert check(snippet_runs.every_view(at, model, image), folder) > 25
    late, early = at.sites[-2].site, at.sites[1].site
    answer = snippet_runs.ask(JacobianQuestion(model=model, image=image, of=late, wrt=early, rows=(0, 2)))
    code = snippets.jacobian(at, late, early, (0, 2))
    assert snippet_runs.error(snippet_runs.run(code, folder), answer.arrays["matrix"]) < CLOSE, code


def test_shuffled_weights_of_an_uploaded_program(folder: Path) -> None:
    """Its parameters have the same names in PyTorch's own reading of the file, in another order."""
    data = exported_bytes(gv.load("preset/shapes-resnet"), torch.zeros(1, 3, 96, 96))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", replace(SQUARE, size=(96, 96))), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image)
    answer = snippet_runs.ask(gv.RandomisedQuestion(model=model, image=image, layer=3, target=gv.ClassScore(2)))
    found = snippet_runs.run(snippets.map_with_shuffled_weights(at, answer, snippets.MapAt()), folder)
    assert snippet_runs.error(found, answer.attribution[0].sum(0)) < CLOSE


def test_attention_is_differentiated_twice(folder: Path) -> None:
    torch.manual_seed(2)
    data = exported_bytes(home_made.Attentive(), torch.zeros(1, 3, 8, 8))
    (folder / "your-model.pt2").write_bytes(data)
    model, image = keep(data, "", replace(SQUARE, size=(8, 8), resize=10)), own_picture(folder, "turned")
    at = snippet_runs.setting(model, image)
    of, rows = next(info.site for info in at.sites if not info.site.path), (0, 4)
    matrix = snippet_runs.ask(JacobianQuestion(model=model, image=image, of=of, rows=rows)).arrays["matrix"]
    found = snippet_runs.run(snippets.singular_values_by_products(at, of, gv.INPUT, rows, 2), folder)
    np.testing.assert_allclose(found, np.linalg.svd(matrix.astype(np.float64))[1][:2], rtol=1e-4)


# ---------------------------------------------------------------------------------------------------- as a person does


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize(("norm", "epsilon"), [("max", 5), ("l2", 300)])
@pytest.mark.parametrize(
    ("model", "image", "target"),
    [
        ("preset/shapes-resnet", "sample/star", gv.ClassScore()),
        ("preset/shapes-resnet", "sample/star", gv.Unit(gv.Site("layer1.0.relu", 1), (3, 8, 9))),  # off
        ("preset/shapes-resnet", "sample/star", gv.ChannelMean(gv.Site("layer1.0.relu", 1), 4)),
        ("preset/digits-mlp", "sample/digit-3", gv.ClassScore(5, "probability")),
    ],
)
def test_a_picture_that_was_changed(
    model: str, image: str, target: gv.Target, norm: Norm, epsilon: int, away: bool, folder: Path
) -> None:
    question = PerturbationQuestion(
        model=model, image=image, target=target, norm=norm, epsilon=epsilon, steps=3, away=away
    )
    answer = snippet_runs.ask(question)
    assert isinstance(answer, PerturbationAnswer)
    at = snippet_runs.setting(model, image)
    code = snippets.after(at, answer)
    np.testing.assert_array_equal(snippet_runs.run(code, folder), answer.after, err_msg=code)
    channels = len(at.card.preprocessing.mean)
    change = (answer.after.astype(np.float32) - answer.pixels)[..., :channels].sum(axis=2)
    np.testing.assert_array_equal(snippet_runs.run(snippets.after(at, answer, difference=True), folder), change)
    if answer.prediction:
        later = {one.index: one.probability or 0.0 for one in answer.prediction_after}
        shares = np.array([[100 * (one.probability or 0.0), 100 * later[one.index]] for one in answer.prediction])
        assert snippet_runs.error(snippet_runs.run(snippets.classes_after(at, answer), folder), shares) < 1e-5
    curve = np.column_stack([answer.arrays[f"curve_{name}"] for name in ("size", "predicted", "actual")])
    assert snippet_runs.error(snippet_runs.run(snippets.predicted_and_actual(at, answer), folder), curve) < CLOSE
    path = np.column_stack([answer.arrays["path_size"], answer.arrays["path_actual"]])
    last = [[answer.size, change] for change in (answer.predicted_change, answer.score_after - answer.score)]
    path = np.vstack([path, last])
    assert snippet_runs.error(snippet_runs.run(snippets.path(at, answer), folder), path) < CLOSE


@pytest.mark.parametrize(
    ("of", "wrt", "rows"),
    [
        (gv.OUTPUT, gv.INPUT, (2, 5)),
        (gv.OUTPUT, gv.OUTPUT, (0, 10)),
        (gv.Site("layer3.0.relu", 1), gv.Site("layer3.0.relu"), (7, 9)),
        (gv.OUTPUT, gv.Site("layer1.0.relu", 1), (0, 2)),
    ],
)
def test_a_jacobian(of: gv.Site, wrt: gv.Site, rows: tuple[int, int], folder: Path) -> None:
    model, image = "preset/shapes-resnet", "sample/star"
    answer = snippet_runs.ask(JacobianQuestion(model=model, image=image, of=of, wrt=wrt, rows=rows))
    assert isinstance(answer, JacobianAnswer)
    at = snippet_runs.setting(model, image)
    for program, name in ((snippets.jacobian, "matrix"), (snippets.sensitivities, "row_norms")):
        code = program(at, of, wrt, rows)
        assert snippet_runs.error(snippet_runs.run(code, folder), answer.arrays[name]) < CLOSE, code
    values = np.linalg.svd(answer.arrays["matrix"].astype(np.float64), compute_uv=False)
    found = snippet_runs.run(snippets.singular_values(at, of, wrt, rows, 64), folder)
    assert np.abs(found - values).max() <= 1e-5 * values.max()
    code = snippets.singular_values_by_products(at, of, wrt, rows, 2)
    assert f"rows {rows[0]} to {rows[1] - 1}, with respect to" in code.replace("\n# ", " ")
    found = snippet_runs.run(code, folder)
    np.testing.assert_allclose(found, values[:2], rtol=1e-3, atol=1e-5 * values.max())
    info = next(info for info in at.sites if info.site == wrt)
    field = spectra.row(answer.arrays["matrix"][0], info, unit="")
    if field is not None:
        found = snippet_runs.run(snippets.one_output(at, of, info, rows[0]), folder)
        assert snippet_runs.error(found, field[0].values) < CLOSE


@pytest.mark.parametrize("most", [(1, 1), (2, 25), (3, 700), (500, 800)])
def test_a_jacobian_that_is_drawn_in_blocks(
    most: tuple[int, int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectra, "MOST_ROWS", most[0])
    monkeypatch.setattr(spectra, "MOST_COLUMNS", most[1])
    model, image, of, wrt, rows = "preset/shapes-resnet", "sample/star", gv.OUTPUT, gv.Site("layer3.0.relu"), (0, 7)
    at = snippet_runs.setting(model, image)
    matrix = snippet_runs.ask(JacobianQuestion(model=model, image=image, of=of, wrt=wrt, rows=rows)).arrays["matrix"]
    drawn = spectra.drawn(matrix, unit="").values
    assert drawn.shape <= most
    assert spectra.block(matrix.shape) != (1, 1)
    found = snippet_runs.run(snippets.jacobian(at, of, wrt, rows, spectra.block(matrix.shape)), folder)
    assert snippet_runs.error(found, drawn) < CLOSE


def test_sensitivities_that_are_drawn_some_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_COLUMNS", 3)
    model, image, rows = "preset/shapes-resnet", "sample/star", (1, 8)
    norms = snippet_runs.ask(JacobianQuestion(model=model, image=image, rows=rows)).arrays["row_norms"]
    code = snippets.sensitivities(snippet_runs.setting(model, image), gv.OUTPUT, gv.INPUT, rows, spectra.points(7))
    assert snippet_runs.error(snippet_runs.run(code, folder), spectra.norms_drawn(norms)) < CLOSE


@pytest.mark.parametrize(
    ("model", "of", "wrt", "rows"),
    [
        ("preset/shapes-resnet", gv.Site("layer3.0.relu", 1), gv.INPUT, (5, 35)),
        ("preset/shapes-vit", gv.OUTPUT, gv.Site("stem.2"), (0, 10)),
    ],
)
def test_the_first_direction(model: str, of: gv.Site, wrt: gv.Site, rows: tuple[int, int], folder: Path) -> None:
    """An iteration stops when the values have settled, here to a share of 1e-4. A vector is known less well: v at angle
    θ to the true one has |J v|² ≤ σ1² cos² θ + σ2² sin² θ, so sin² θ is up to 2e-4 / (1 - (σ2/σ1)²)."""
    image = "sample/star"
    at = snippet_runs.setting(model, image)
    info = next(info for info in at.sites if info.site == wrt)
    question = SpectrumQuestion(model=model, image=image, of=of, wrt=wrt, rows=rows, steps=8)
    answer = snippet_runs.ask(question)
    assert isinstance(answer, SpectrumAnswer)
    assert answer.settled == 8
    matrix = snippet_runs.ask(JacobianQuestion(model=model, image=image, of=of, wrt=wrt, rows=rows)).arrays["matrix"]
    values, vectors = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)[1:]
    true = vectors[0] * np.sign(vectors[0][np.abs(vectors[0]).argmax()])
    angle = np.sqrt(2e-4 / (1 - (values[1] / values[0]) ** 2))
    found = snippet_runs.run(snippets.first_direction(at, of, info, rows, 8), folder)
    pictures = [spectra.row(vector, info, unit="") for vector in (true, answer.arrays["right"][0])]
    for picture in pictures:
        assert picture is not None
        away = np.linalg.norm(found - picture[0].values)
        assert away <= angle * info.shape[1] ** 0.5, "a sum over channels has up to the root of their number as much"
        assert away < 0.05 * np.linalg.norm(found)


def test_names_from_an_upload_stay_names() -> None:
    """A label or a layer's name is text in a comment or a literal, whatever it holds."""
    at = snippet_runs.setting("preset/shapes-cnn", "sample/star")
    odd = "x\nimport os  # \"'''\u2028\r"
    sites = tuple(replace(info, site=gv.Site(odd)) if info.site.path == "pool" else info for info in at.sites)
    at = replace(at, card=replace(at.card, labels=(odd,) * 10), sites=sites)
    info = next(info for info in sites if info.site.path == odd)
    for code in (
        snippets.saliency(at, gv.ClassScore(0), "gradient", "signed_sum"),
        snippets.feature_maps(at, gv.ClassScore(0), info, "gradient"),
        snippets.saliency(at, gv.ChannelMean(info.site, 0), "gradient", "signed_sum"),
    ):
        compile(code, "snippet.py", "exec")
        assert not [line for line in code.splitlines() if line.strip().startswith("import os")]
