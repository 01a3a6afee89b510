"""``gradviz ask`` about a model of two images: both are files or keys, and the preprocessing of both can be stated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from gradviz_core.commands.main import main
from gradviz_core.uploads import own_files
from tests import pairs, snippet_runs
from tests.pairs import image

BEFORE, AFTER = image(seed=1), image(seed=2)
AS_THEY_ARE = {"mean": [0, 0, 0], "std": [1, 1, 1]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(own_files, "_LENT", {})
    (tmp_path / "two.pt2").write_bytes(pairs.file(pairs.Product(), BEFORE, AFTER))
    for name, numbers in (("before", BEFORE), ("after", AFTER)):
        pixels = (255 * numbers[0]).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def gradient(folder: Path, named: str, *words: str) -> np.ndarray:
    """By the image that is looked at, of the first score."""
    out = folder / "out.npz"
    asked = ("ask", "--model", str(folder / "two.pt2"), "--image", named, "--score", "0", "--out", str(out), *words)
    assert main([*asked, "--json"]) == 0
    with np.load(out, allow_pickle=False) as arrays:
        found: np.ndarray = arrays["gradient/.input"]
    return found


def weighted(held: Tensor, *, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """∂/∂x Σ w · x · held."""
    slope: np.ndarray = (pairs.Product().w.detach() * (held - mean) / std).numpy()
    return slope


@pytest.mark.parametrize("place", [0, 1])
def test_two_files_and_which_is_looked_at(place: int, folder: Path) -> None:
    named = f"{folder / 'before.png'}~{folder / 'after.png'}{'@2' if place else ''}"
    found = gradient(folder, named, "--preprocessing", json.dumps(AS_THEY_ARE))
    np.testing.assert_allclose(found, weighted((AFTER, BEFORE)[place]), rtol=1e-5, atol=1e-7)


def test_each_image_may_have_a_preprocessing_of_its_own(folder: Path) -> None:
    named = f"{folder / 'before.png'}~{folder / 'after.png'}"
    half = {"mean": [0.5] * 3, "std": [0.25] * 3}
    found = gradient(folder, named, "--preprocessing", json.dumps([AS_THEY_ARE, half]))
    np.testing.assert_allclose(found, weighted(AFTER, mean=0.5, std=0.25), rtol=1e-5, atol=1e-6)


def test_a_file_beside_a_key_and_a_tilde_in_a_name(folder: Path) -> None:
    (folder / "draft~1.png").write_bytes((folder / "before.png").read_bytes())
    said = ("--preprocessing", json.dumps(AS_THEY_ARE))
    found = gradient(folder, f"sample/star~{folder / 'before.png'}", *said)
    np.testing.assert_allclose(found, weighted(BEFORE), rtol=1e-5, atol=1e-7)
    alone = ("ask", "--model", "preset/shapes-cnn", "--image", str(folder / "draft~1.png"))
    assert main(list(alone)) == 0


def test_what_cannot_be_read_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("ask", "--model", str(folder / "two.pt2"), "--image")
    assert main([*ask, f"{folder / 'before.png'}~{folder / 'none.png'}"]) == 1
    assert f"There is no image {str(folder / 'none.png')!r}" in capsys.readouterr().err
    named = f"{folder / 'before.png'}~{folder / 'after.png'}"
    assert main([*ask, named, "--preprocessing", json.dumps([AS_THEY_ARE])]) == 1
    said = "The list in --preprocessing has 1 entries, and the model takes two images. Write an object for each"
    assert said in " ".join(capsys.readouterr().err.split())
