"""Pretrained models that cannot be used now are marked in the list."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

import pytest
import torchvision

from gradviz_core.errors import WeightsMissing
from gradviz_core.models import catalogue, weight_files
from pages.shell import weights_here
from tests.opening import answer_here, opened

HEAD = "Iface Destination Gateway Flags\n"
OUT4, LOCAL4 = "eth0 00000000 010200C0 0003\n", "eth0 000200C0 00000000 0001\n"
OUT6, LOOP6 = f"{'0' * 32} 00 {'0' * 32} 00 gate eth0\n", f"{'0' * 32} 00 {'0' * 32} 00 none lo\n"
RESNET = "torchvision/resnet18@IMAGENET1K_V1"
MARK = " (not on this machine)"


@pytest.fixture
def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A machine without a way out and without weights."""
    found = tmp_path / "route", tmp_path / "ipv6_route"
    for file, text in zip(found, (HEAD + LOCAL4, LOOP6), strict=True):
        file.write_text(text)
    monkeypatch.setattr(weight_files, "ROUTES", found)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    weights_here._failures()[-1] = -weights_here.AGAIN_S - 1e9
    return found


def test_the_files_are_those_of_torchvision() -> None:
    for name, tags in catalogue.TORCHVISION.items():
        for tag in tags:
            url = torchvision.models.get_model_weights(name)[tag].url
            assert weight_files.files()[f"{name}@{tag}"] == Path(urlparse(url).path).name
    assert len(weight_files.files()) == sum(map(len, catalogue.TORCHVISION.values()))


def test_torch_looks_into_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import hub

    for name, value in (("TORCH_HOME", tmp_path / "a"), ("XDG_CACHE_HOME", tmp_path / "b"), ("HOME", tmp_path / "c")):
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv(name, str(value))
        assert weight_files.folder() == Path(hub.get_dir()) / "checkpoints"


@pytest.mark.parametrize(
    ("four", "six", "cut"),
    [(LOCAL4, LOOP6, True), (LOCAL4 + OUT4, LOOP6, False), (LOCAL4, OUT6, False), ("", "", True)],
)
def test_a_machine_is_cut_off_where_no_route_leads_out(
    routes: tuple[Path, Path], four: str, six: str, cut: bool
) -> None:
    routes[0].write_text(HEAD + four)
    routes[1].write_text(six)
    assert weight_files.is_cut_off() == cut


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_a_machine_with_a_proxy_is_not_cut_off(
    routes: tuple[Path, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    routes[0].write_text(HEAD + LOCAL4)
    routes[1].write_text(LOOP6)
    monkeypatch.setenv(name, "http://proxy.example:3128")
    assert not weight_files.is_cut_off()


def test_a_machine_whose_routes_are_not_known_is_not_cut_off(routes: tuple[Path, Path]) -> None:
    for route in routes:
        route.unlink()
    assert not weight_files.is_cut_off()


def test_the_list_marks_what_is_neither_there_nor_to_be_had(
    routes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_here(monkeypatch)
    weight_files.folder().mkdir(parents=True)
    (weight_files.folder() / weight_files.files()["resnet18@IMAGENET1K_V1"]).write_bytes(b"")
    options = opened(model="preset/shapes-cnn").selectbox(key="shown_model").options
    assert "resnet18, IMAGENET1K_V1" in options
    assert f"resnet34, IMAGENET1K_V1{MARK}" in options
    assert "resnet34, untrained, seed 0" in options
    routes[0].write_text(HEAD + OUT4)
    options = opened(model="preset/shapes-cnn").selectbox(key="shown_model").options
    assert not [option for option in options if MARK in option]


def test_a_download_that_failed_marks_them_for_ten_minutes(
    routes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    routes[0].write_text(HEAD + OUT4)
    assert RESNET not in weights_here.absent()
    weights_here.hear(WeightsMissing("The weights x are not on this machine and could not be downloaded."))
    assert RESNET in weights_here.absent()
    monkeypatch.setattr(weights_here, "AGAIN_S", 0.0)
    assert RESNET not in weights_here.absent()
