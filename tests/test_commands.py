"""``gradviz ask`` on the command line: the same answer as the library's, files without a browser, one sentence for what
goes wrong."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.commands.main import main
from gradviz_core.drawing import fields, stills
from gradviz_core.models import catalogue
from gradviz_core.settings import settings
from gradviz_core.types import Site
from gradviz_core.uploads import own_files, store
from tests import volumes

CNN = "preset/shapes-cnn"
STAR = catalogue.image_file(catalogue.sample_image("star"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store that is not there, and nothing lent."""
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(own_files, "_LENT", {})
    for cached in (settings, store.here):
        cached.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    for cached in (settings, store.here):
        cached.cache_clear()


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["ask", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


# ---------------------------------------------------------------------------------------------------------- the answer


def test_the_arrays_and_numbers_are_those_of_the_library(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "star.npz"
    words = "--method integrated_gradients --option steps=4 --option baseline=white --score 5.probability".split()
    said = told(capsys, "--model", CNN, "--image", "sample/star", *words, "--out", str(file))
    question = gv.GradientQuestion(
        model=CNN,
        image="sample/star",
        target=gv.ClassScore(5, "probability"),
        method="integrated_gradients",
        options=(("steps", 4.0), ("baseline", "white")),
    )
    expected = gv.answer(question)
    with np.load(file, allow_pickle=False) as arrays:
        assert {*arrays} == {*expected.arrays, "question", "answer"}
        assert all(np.array_equal(arrays[name], array) for name, array in expected.arrays.items())
    assert said["score"] == expected.score
    assert said["gaps"] == {".input": expected.gaps[gv.INPUT]}
    norm = np.sqrt(np.square(expected.attributions[gv.INPUT].astype(np.float64)).sum())
    assert said["norms"] == {".input": pytest.approx(norm)}
    assert said["files"] == [str(file)]


def test_files_of_ones_own_give_what_keys_give_and_nothing_is_stored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, image, labels = folder / "mine.safetensors", folder / "étoile ✶.png", folder / "labels.txt"
    card = catalogue.preset("shapes-cnn")
    safetensors.torch.save_file(load(CNN).module.state_dict(), model)
    image.write_bytes(STAR.read_bytes())
    labels.write_text("\n".join(f"name {number}" for number in range(len(card.labels))))
    steps = json.dumps({"mean": card.preprocessing.mean, "std": card.preprocessing.std})
    words = ("--model", str(model), "--image", str(image), "--preprocessing", steps, "--labels", str(labels))
    said = told(capsys, *words)
    expected = gv.answer(gv.GradientQuestion(model=CNN, image="sample/star"))
    assert said["score"] == expected.score
    assert said["prediction"][0]["label"] == f"name {expected.prediction[0].index}"  # type: ignore[index]
    other = told(capsys, *words[:4], "--preprocessing", '{"mean": [0, 0, 0], "std": [1, 1, 1]}')
    assert other["score"] != expected.score
    assert not (folder / "store").exists()


def test_a_question_of_any_kind_comes_as_json(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "question.json"
    file.write_text(json.dumps({"kind": "flow", "model": CNN, "image": str(STAR)}))
    assert told(capsys, "--question", str(file))["kind"] == "flow"
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"model": "preset/none", "image": "sample/star"}'))
    said = told(capsys, "--question", "-", "--model", CNN)
    assert said["score"] == gv.answer(gv.GradientQuestion(model=CNN, image="sample/star")).score
    assert main(["ask", "--question", str(file), "--score", "3"]) == 2
    assert "--question says the whole question" in capsys.readouterr().err


def test_the_summary_says_score_prediction_and_gap(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--model", CNN, "--image", "sample/star", "--method", "gradient_x_input"]) == 0
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    found = gv.answer(gv.GradientQuestion(model=CNN, image="sample/star"))
    assert lines["score"] == f"{found.score:.6g}, the logit of star (3)"
    assert lines["predicted"].startswith("star ")
    assert lines["seconds"].endswith("on CPU")


def test_the_summary_names_any_class_by_its_label(capsys: pytest.CaptureFixture[str]) -> None:
    found = gv.answer(gv.GradientQuestion(model=CNN, image="sample/star"))
    told_about = {row.index for row in found.prediction}
    number, label = next((i, label) for i, label in enumerate(load(CNN).card.labels) if i not in told_about)
    assert main(["ask", "--model", CNN, "--image", "sample/star", "--score", str(number)]) == 0
    assert f", the logit of {label} ({number})\n" in capsys.readouterr().out


def test_two_images_of_a_model_that_takes_one_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--model", CNN, "--image", "sample/star", "--image", "sample/heart"]) == 2
    assert "2 images are named. Name one, or for a model of two images both" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------------------- a volume


def test_slices_are_told_and_a_picture_of_them_is_refused_beside_their_arrays(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, scan, arrays = (str(folder / name) for name in ("net.pt2", "scan.npy", "map.npz"))
    Path(model).write_bytes(volumes.sound(volumes.OF_VOLUMES))
    np.save(scan, np.random.default_rng(0).integers(0, 256, (4, 12, 14), np.uint8))
    said = told(capsys, "--model", model, "--image", scan)
    assert "The file has 4 slices and the network takes 6: " in str(said["notes"])
    assert main(["ask", "--model", model, "--image", scan, "--out", str(folder / "map.png"), "--out", arrays]) == 1
    assert "has the shape (1, 1, 6, 12, 14), with several slices" in capsys.readouterr().err
    with np.load(arrays) as written:
        assert any(written[name].shape == (1, 1, 6, 12, 14) for name in written.files)


# --------------------------------------------------------------------------------------------------------- the pictures


def test_a_still_has_the_colours_of_the_scale() -> None:
    """The ends and the middle of RdBu and Viridis, as ColorBrewer and matplotlib publish them."""
    signed = fields.field(np.array([[-2.0, 0.0], [2.0, np.nan]], np.float32), signed=True)
    found = stills.coloured(signed)
    assert found[0, 0].tolist() == [5, 48, 97, 255]
    assert found[0, 1].tolist() == [247, 247, 247, 255]
    assert found[1, 0].tolist() == [103, 0, 31, 255]
    assert found[1, 1, 3] == 0
    size = fields.field(np.array([[0.0, 3.0]], np.float32), signed=False)
    assert stills.coloured(size)[0, :, :3].tolist() == [[68, 1, 84], [253, 231, 37]]
    assert stills.coloured(fields.field(np.zeros((1, 1), np.float32), signed=True))[0, 0].tolist() == [
        247,
        247,
        247,
        255,
    ]


def test_pictures_are_the_map_cell_by_cell(folder: Path) -> None:
    png, svg, html = (folder / f"map.{ending}" for ending in ("png", "svg", "html"))
    outs = [word for file in (png, svg, html) for word in ("--out", str(file))]
    assert main(["ask", "--model", CNN, "--image", "sample/star", "--view", "l2", *outs]) == 0
    gradient = gv.answer(gv.GradientQuestion(model=CNN, image="sample/star")).gradients[gv.INPUT]
    expected = stills.coloured(fields.magnitude_l2(gradient))
    with Image.open(png) as picture:
        times = picture.width // 96
        assert times == 4
        assert np.array_equal(np.asarray(picture)[::times, ::times], expected)
        assert picture.info["Title"].startswith("How the logit of star (3) changes with each pixel: L2 norm")
        assert "torch" in picture.info["Description"]
    drawn = svg.read_text(encoding="utf-8")
    embedded = re.search(r"base64,([^\"]+)", drawn)
    assert embedded
    with Image.open(io.BytesIO(base64.b64decode(embedded[1]))) as inside:
        assert np.array_equal(np.asarray(inside), expected)
    assert "logit per normalised-pixel unit</text>" in drawn
    assert "<p>How the logit of star (3) changes" in html.read_text(encoding="utf-8")


def test_a_layer_is_a_sheet_of_its_channels_and_its_cam_one_map(folder: Path) -> None:
    sheet, cam = folder / "sheet.svg", folder / "cam.svg"
    here = ("ask", "--model", CNN, "--image", "sample/star", "--at", "features.17")
    assert main([*here, "--out", str(sheet)]) == 0
    assert main([*here, "--method", "grad_cam", "--out", str(cam)]) == 0
    assert "Gradient of the logit of star (3) at features.17" in sheet.read_text(encoding="utf-8").replace("\n", "")
    question = gv.GradientQuestion(model=CNN, image="sample/star", wrt=(Site("features.17"),), method="grad_cam")
    found = gv.answer(question).attributions[Site("features.17")]
    embedded = re.search(r"base64,([^\"]+)", cam.read_text(encoding="utf-8"))
    assert embedded
    with Image.open(io.BytesIO(base64.b64decode(embedded[1]))) as inside:
        assert (inside.height, inside.width) == found.shape[2:]


# ------------------------------------------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--image sample/star", "No model is named"),
        (f"--model {CNN}", "No image is named"),
        (f"--model {CNN} --image none.png", "There is no image 'none.png'"),
        (f"--model {CNN} --image .", ". is a folder, and one image is asked about"),
        ("--model none.pt2 --image sample/star", "There is no model 'none.pt2'"),
        (f"--model {CNN} --image sample/star --score seven", "There is no score 'seven'"),
        (f"--model {CNN} --image sample/star --method grad_cam", "Name one with --at"),
        (f"--model {CNN} --image sample/star --at features.99", "features.99"),
        (f"--model {CNN} --image sample/star --method smoothgrad --option draws", "write its name, ="),
        (f"--model {CNN} --image sample/star --method smoothgrad --option draws=many", "draws cannot be 'many'"),
        (f"--model {CNN} --image sample/star --out map.jpg", "Choose one of .npz, .png, .svg, .html"),
        (f"--model {CNN} --image sample/star --labels l.txt", "is a key, and its architecture"),
        (f"--model {CNN} --image sample/star --out /none/map.npz", "/none/map.npz"),
    ],
)
def test_what_is_refused_is_one_sentence_and_status_1(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", *words.split()]) == 1
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("open('ran', 'w')",)


def test_a_pickle_runs_nothing_and_a_broken_image_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("model.pt").write_bytes(pickle.dumps(Runs()))
    Path("broken.png").write_bytes(STAR.read_bytes()[:500])
    assert main(["ask", "--model", "model.pt", "--image", "sample/star"]) == 1
    assert not Path("ran").exists()
    assert main(["ask", "--model", CNN, "--image", "broken.png"]) == 1
    assert "The image is broken" in capsys.readouterr().err


def test_ctrl_c_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Answerer, "answer", stopped)
    assert main(["ask", "--model", CNN, "--image", "sample/star"]) == 130


def test_what_cannot_be_understood_is_status_2_and_help_imports_no_torch() -> None:
    asked = "from gradviz_core.commands.main import main; import sys; s = main(sys.argv[1:]); "
    script = f"{asked} sys.exit(s if 'torch' not in sys.modules else 99)"
    status = [
        subprocess.run([sys.executable, "-c", script, *words.split()], capture_output=True).returncode
        for words in ("--help", "ask --help", "ask --method none", "none")
    ]
    assert status == [0, 0, 2, 2]
