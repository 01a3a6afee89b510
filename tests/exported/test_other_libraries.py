"""A spread of the models of `make bench ARGS=models`, of the libraries that the tests have."""

from __future__ import annotations

import pytest

from benchmarks.sweep.libraries import LIBRARIES
from benchmarks.sweep.one import compared
from benchmarks.sweep.results import IDENTICAL, Result

pytestmark = pytest.mark.slow

SPREAD = (
    ("timm", "mobilenetv3_small_050"),
    ("timm", "starnet_s1"),
    pytest.param("timm", "skresnet18", marks=pytest.mark.sweep),
    pytest.param("timm", "lambda_resnet26t", marks=pytest.mark.sweep),
    pytest.param("timm", "xcit_nano_12_p16_224", marks=pytest.mark.sweep),
    pytest.param("timm", "vit_small_patch16_dinov3", marks=pytest.mark.sweep),
    pytest.param("torchvision", "raft_small, one picture", marks=pytest.mark.sweep),
    pytest.param("torchvision", "r3d_18, one picture", marks=pytest.mark.sweep),
    pytest.param("torchvision", "r3d_18", marks=pytest.mark.sweep),
    pytest.param("torchvision", "ssdlite320_mobilenet_v3_large, part", marks=pytest.mark.sweep),
)


@pytest.mark.parametrize(("library", "name"), SPREAD)
def test_outputs_and_input_gradients_are_identical(library: str, name: str) -> None:
    assert compared(LIBRARIES[library].models()[name]) == Result(exported="", read="", same=IDENTICAL)
