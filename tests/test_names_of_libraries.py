"""Weights under the names of timm and of Hugging Face's transformers: the output is that of the original network."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.models import timm_shapes
from gradviz_core.uploads import model_files, weights_files
from gradviz_core.uploads.weights_files import dialects


def saved(state: Mapping[str, Tensor]) -> bytes:
    out = io.BytesIO()
    torch.save(dict(state), out)
    return out.getvalue()


def drawn(module: nn.Module) -> nn.Module:
    """Random numbers wherever a fresh network has zeros or ones, so that each tensor counts."""
    torch.manual_seed(3)
    for name, parameter in module.named_parameters():
        if parameter.ndim == 1 or "gamma" in name or "layer_scale" in name:
            parameter.data.uniform_(0.2, 1.0)
    for name, buffer in module.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.2, 1.0)
    return module.eval()


def assert_same(data: bytes, architecture: str, expected: nn.Module) -> tuple[str, ...]:
    """The file fits the architecture first, which then gives what the original gives. Its notes are returned."""
    report = model_files.inspect(data)
    best = report.fits[0]
    assert (best.architecture, best.differences) == (f"torchvision/{architecture}", 0)
    built = weights_files.build(best.architecture, weights_files.read(data).tensors)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = built(x), expected(x)
    assert float((ours - theirs).abs().max()) <= 1e-6 * max(1.0, float(theirs.abs().max()))
    return report.notes


TIMM = {
    "resnet18": "resnet18",
    "vit_base_patch32_224": "vit_b_32",
    "swin_tiny_patch4_window7_224": "swin_t",
    "convnext_tiny": "convnext_tiny",
    "efficientnet_b0": "efficientnet_b0",
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "regnetx_008": "regnet_x_800mf",
    "regnety_004": "regnet_y_400mf",
}


@pytest.mark.parametrize("name", TIMM)
def test_weights_of_timm_give_the_original_output(name: str) -> None:
    expected = drawn(timm.create_model(name, num_classes=7))
    notes = assert_same(saved(expected.state_dict()), TIMM[name], expected)
    assert any("in timm; they were translated" in note for note in notes) == (name != "resnet18")
    assert any("tf_" in note for note in notes) == name.startswith(("efficientnet", "mobilenetv3"))


def test_old_names_of_swin_are_those_of_today() -> None:
    today = timm.create_model("swin_tiny_patch4_window7_224", num_classes=7).state_dict()
    old: dict[str, Tensor] = {}
    for name, tensor in today.items():
        former = re.sub(r"layers\.([123])\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name)
        old[former.replace("head.fc", "head")] = tensor
    old["layers.0.blocks.1.attn_mask"] = torch.zeros(64, 49, 49)
    old["layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(49, 49, dtype=torch.int64)
    assert_same_tensors(saved(old), saved(today))


def assert_same_tensors(one: bytes, other: bytes) -> None:
    """Two files of one network come to the same tensors under the same names."""
    mine, theirs = (dialects.to_torchvision(weights_files.read(data).tensors).tensors for data in (one, other))
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(tensor.load(), theirs[name].load()) for name, tensor in mine.items())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vit_tiny_patch16_224", "ViT in timm, but none"),
        ("deit_tiny_distilled_patch16_224", "ViT in timm, but none"),
        ("vit_small_patch14_dinov2", "ViT in timm, but none"),
        ("regnetz_005", "RegNet in timm, but none"),
        ("resnet50d", "is missing"),
    ],
)
def test_what_torchvision_does_not_have_is_refused_without_timm(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: False)
    with pytest.raises(BadModel, match=said):
        model_files.inspect(saved({key: torch.zeros(value.shape) for key, value in state.items()}))


class _Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(768, 768)


class _Attention(nn.Module):
    """Attention as Hugging Face's ViT has it: three layers, and one behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({word: nn.Linear(768, 768) for word in ("query", "key", "value")})
        self.output = _Dense()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            self.attention[word](x).unflatten(-1, (12, 64)).transpose(1, 2) for word in ("query", "key", "value")
        )
        weights = (q @ k.transpose(-1, -2) / 8).softmax(-1)
        mixed: Tensor = self.output.dense((weights @ v).transpose(1, 2).flatten(2))
        return mixed


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = _Attention()
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(768, 3072)})
        self.output = nn.ModuleDict({"dense": nn.Linear(3072, 768)})
        self.layernorm_before = nn.LayerNorm(768, eps=1e-12)
        self.layernorm_after = nn.LayerNorm(768, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layernorm_before(x))
        inside = nn.functional.gelu(self.intermediate["dense"](self.layernorm_after(x)))
        out: Tensor = x + self.output["dense"](inside)
        return out


class _Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ParameterDict(
            {"cls_token": torch.zeros(1, 1, 768), "position_embeddings": torch.zeros(1, 50, 768)}
        )
        self.patch = nn.Conv2d(3, 768, 32, 32)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer() for _ in range(12))})
        self.layernorm = nn.LayerNorm(768, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.embeddings["cls_token"], tokens], 1) + self.embeddings["position_embeddings"]
        for layer in self.encoder["layer"].children():
            x = layer(x)
        out: Tensor = self.layernorm(x)
        return out


class HuggingFaceViT(nn.Module):
    """A vision transformer with Hugging Face's names and its small eps. (N, 3, 224, 224) -> (N, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = _Body()
        self.classifier = nn.Linear(768, 7)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.vit(x)[:, 0])
        return logits


_AFTER_5 = {
    r"encoder\.layer": "layers",
    r"attention\.attention\.(query|key|value)": lambda m: f"attention.{m[1][0]}_proj",
    r"attention\.output\.dense": "attention.o_proj",
    r"intermediate\.dense": "mlp.fc1",
    r"output\.dense": "mlp.fc2",
}


def renamed(name: str, names: Mapping[str, object]) -> str:
    for pattern, new in names.items():
        name = re.sub(pattern, new, name)  # type: ignore[call-overload]
    return name


def test_a_vision_transformer_of_hugging_face_gives_the_original_output() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = HuggingFaceViT().eval()
        for parameter in expected.vit.embeddings.values():
            parameter.data.normal_(0, 1e-3)
    state = {
        name.replace("vit.patch.", "vit.embeddings.patch_embeddings.projection."): tensor
        for name, tensor in expected.state_dict().items()
    }
    data = saved(state | {"vit.pooler.dense.weight": torch.zeros(768, 768)})
    notes = assert_same(data, "vit_b_32", expected)
    assert any("1e-12 was taken" in note for note in notes)
    assert_same_tensors(saved({renamed(name, _AFTER_5): tensor for name, tensor in state.items()}), data)


_BACK_TO_HUGGING_FACE: dict[str, dict[str, object]] = {
    "resnet18": {
        r"^conv1": "embedder.embedder.convolution",
        r"^bn1": "embedder.embedder.normalization",
        r"^layer(\d)\.(\d)\.": lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}.",
        r"downsample\.0": "shortcut.convolution",
        r"downsample\.1": "shortcut.normalization",
        r"layers\.(\d)\.conv(\d)": lambda m: f"layers.{m[1]}.layer.{int(m[2]) - 1}.convolution",
        r"layers\.(\d)\.bn(\d)": lambda m: f"layers.{m[1]}.layer.{int(m[2]) - 1}.normalization",
        r"^(embedder|encoder)": r"resnet.\1",
        r"^fc": "classifier.1",
    },
    "regnet_y_400mf": {
        r"^stem\.0": "embedder.embedder.convolution",
        r"^stem\.1": "embedder.embedder.normalization",
        r"trunk_output\.block\d\.block(\d)-(\d+)": lambda m: f"encoder.stages.{int(m[1]) - 1}.layers.{m[2]}",
        r"f\.se\.fc1": "layer.2.attention.0",
        r"f\.se\.fc2": "layer.2.attention.2",
        r"f\.([abc])\.0": lambda m: f"layer.{'ab-c'.index(m[1])}.convolution",
        r"f\.([abc])\.1": lambda m: f"layer.{'ab-c'.index(m[1])}.normalization",
        r"proj\.0": "shortcut.convolution",
        r"proj\.1": "shortcut.normalization",
        r"^(embedder|encoder)": r"regnet.\1",
        r"^fc": "classifier.1",
    },
    "convnext_tiny": {
        r"^features\.0\.0": "embeddings.patch_embeddings",
        r"^features\.0\.1": "embeddings.layernorm",
        r"^features\.([246])\.": lambda m: f"encoder.stages.{int(m[1]) // 2}.downsampling_layer.",
        r"^features\.([1357])\.(\d)": lambda m: f"encoder.stages.{int(m[1]) // 2}.layers.{m[2]}",
        r"layer_scale": "layer_scale_parameter",
        r"block\.0": "dwconv",
        r"block\.2": "layernorm",
        r"block\.3": "pwconv1",
        r"block\.5": "pwconv2",
        r"^classifier\.0": "layernorm",
        r"^classifier\.2": "classifier",
        r"^(embeddings|encoder|layernorm)": r"convnext.\1",
    },
    "swin_t": {
        r"^features\.0\.0": "embeddings.patch_embeddings.projection",
        r"^features\.0\.2": "embeddings.norm",
        r"^features\.([246])\.": lambda m: f"encoder.layers.{int(m[1]) // 2 - 1}.downsample.",
        r"^features\.([1357])\.(\d)": lambda m: f"encoder.layers.{int(m[1]) // 2}.blocks.{m[2]}",
        r"attn\.relative": "attention.self.relative",
        r"attn\.proj": "attention.output.dense",
        r"mlp\.0": "intermediate.dense",
        r"mlp\.3": "output.dense",
        r"norm1": "layernorm_before",
        r"norm2": "layernorm_after",
        r"^norm": "layernorm",
        r"^head": "classifier",
        r"^(embeddings|encoder|layernorm)": r"swin.\1",
    },
}


@pytest.mark.parametrize("architecture", _BACK_TO_HUGGING_FACE)
def test_names_of_hugging_face_lead_back_to_torchvision(architecture: str) -> None:
    with torch.random.fork_rng(devices=[]):
        expected = drawn(torchvision.models.get_model(architecture, num_classes=7))
    if architecture == "convnext_tiny":
        expected.get_submodule("classifier.0").eps = 1e-12  # type: ignore[assignment]
    state: dict[str, Tensor] = {}
    for name, tensor in expected.state_dict().items():
        other = renamed(name, _BACK_TO_HUGGING_FACE[architecture])
        if "attn.qkv" in other:
            for word, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                state[other.replace("attn.qkv", f"attention.self.{word}")] = third.clone()
        else:
            state[other] = tensor.flatten() if "layer_scale" in other else tensor
    notes = assert_same(saved(state), architecture, expected)
    assert any("Hugging Face's transformers; they were translated" in note for note in notes)
