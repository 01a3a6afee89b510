"""EfficientNet and MobileNet of Hugging Face's transformers, which pad as TensorFlow does."""

from __future__ import annotations

import re

import pytest
import timm
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.models import timm_shapes
from gradviz_core.uploads import model_files, weights_files
from tests.test_names_of_libraries import drawn, saved

_PARTS = {
    "conv_pwl": "projection.project_conv",
    "bn3": "projection.project_bn",
    "conv_pw": "expansion.expand_conv",
    "bn1": "expansion.expand_bn",
    "conv_dw": "depthwise_conv.depthwise_conv",
    "bn2": "depthwise_conv.depthwise_norm",
    "se.conv_reduce": "squeeze_excite.reduce",
    "se.conv_expand": "squeeze_excite.expand",
}
_OF_FIRST_STAGE = _PARTS | {
    "bn1": "depthwise_conv.depthwise_norm",
    "conv_pw": "projection.project_conv",
    "bn2": "projection.project_bn",
}
_TOPS = {
    "conv_stem": "embeddings.convolution",
    "bn1": "embeddings.batchnorm",
    "conv_head": "encoder.top_conv",
    "bn2": "encoder.top_bn",
}


def of_hugging_face(network: nn.Module, prefix: str = "efficientnet.") -> dict[str, Tensor]:
    """The tensors of timm's EfficientNet under Hugging Face's names, which number all blocks in one row."""
    state = network.state_dict()
    places = sorted({(int(s), int(b)) for s, b in re.findall(r"blocks\.(\d+)\.(\d+)\.", " ".join(state))})
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        layer, _, leaf = name.rpartition(".")
        if (match := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.+)", layer)) is not None:
            part = (_OF_FIRST_STAGE if match[1] == "0" else _PARTS)[match[3]]
            layer = f"encoder.blocks.{places.index((int(match[1]), int(match[2])))}.{part}"
        other = _TOPS.get(layer, layer)
        found[f"{'' if other == 'classifier' else prefix}{other}.{leaf}"] = tensor
    return found


def test_an_efficientnet_of_hugging_face_gives_the_output_of_timms_that_pads_alike() -> None:
    expected = drawn(timm.create_model("tf_efficientnet_b0", num_classes=7))
    data = saved(of_hugging_face(expected))
    report = model_files.inspect(data)
    assert [(fit.architecture, fit.classes, fit.differences) for fit in report.fits] == [
        ("timm/tf_efficientnet_b0", 7, 0)
    ], "efficientnet_b0 has the same tensors, and pads evenly"
    assert any(
        "EfficientNet in Hugging Face's transformers; they were translated to timm's" in one for one in report.notes
    )
    assert any("1e-3 was taken" in one for one in report.notes)
    built = weights_files.build("timm/tf_efficientnet_b0", weights_files.read(data).tensors)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(built(x), expected(x))


def test_without_timm_an_efficientnet_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: False)
    with torch.device("meta"):
        state = of_hugging_face(timm.create_model("tf_efficientnet_b2", num_classes=7))
    with pytest.raises(BadModel) as caught:
        model_files.inspect(saved({name: torch.zeros(tensor.shape) for name, tensor in state.items()}))
    assert "It pads unevenly, as TensorFlow does; torchvision's does not." in str(caught.value)
    assert "timm's tf_efficientnet_b2 has these tensors, but timm is not installed here" in str(caught.value)
    assert "torch.zeros(1, 3, 260, 260)" in caught.value.code


def _convolutions(*names: str) -> dict[str, Tensor]:
    shapes = {"convolution.weight": (8, 8, 3, 3)} | {
        f"normalization.{leaf}": (8,) for leaf in ("weight", "bias", "running_mean", "running_var")
    }
    return {f"{name}.{leaf}": torch.ones(shape) for name in names for leaf, shape in shapes.items()}


MOBILE = {
    "MobileNetV1": _convolutions("mobilenet_v1.conv_stem", "mobilenet_v1.layer.0", "mobilenet_v1.layer.25"),
    "MobileNetV2": _convolutions(
        "mobilenet_v2.conv_stem.first_conv",
        "mobilenet_v2.conv_stem.conv_3x3",
        "mobilenet_v2.layer.0.expand_1x1",
        "mobilenet_v2.conv_1x1",
    ),
}


@pytest.mark.parametrize("family", MOBILE)
def test_a_mobilenet_of_hugging_face_is_refused_with_the_reason(family: str) -> None:
    state = MOBILE[family] | {"classifier.weight": torch.ones(7, 8), "classifier.bias": torch.ones(7)}
    with pytest.raises(BadModel) as caught:
        model_files.inspect(saved(state))
    assert f"the family {family} in Hugging Face's transformers, but none that GradViz can build" in str(caught.value)
    assert "It pads unevenly, as TensorFlow does" in str(caught.value)
    assert "AutoModelForImageClassification" in caught.value.code


@pytest.mark.parametrize(
    "change",
    [
        {"encoder.blocks.0.projection.project_conv.weight": torch.tensor(1.0)},
        {f"encoder.blocks.{'9' * 400}.projection.project_conv.weight": torch.ones(1)},
        {"encoder.blocks.99.projection.project_conv.weight": torch.ones(1, 1, 1, 1)},
        {"blocks.0.0.conv_dw.weight": torch.ones(32, 1, 3, 3)},
    ],
)
def test_blocks_that_do_not_go_together_are_refused(change: dict[str, Tensor]) -> None:
    with torch.device("meta"):
        state = of_hugging_face(timm.create_model("tf_efficientnet_b0", num_classes=7), "")
    with pytest.raises(BadModel):
        model_files.inspect(saved({name: torch.zeros(one.shape) for name, one in state.items()} | change))
