"""timm's architectures, told by the names and shapes in a file, and built where timm is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from gradviz_core.answers.load import load
from gradviz_core.errors import BadModel, UnknownModel
from gradviz_core.models import catalogue, timm_shapes
from gradviz_core.uploads import model_files, next_steps, weights_files
from scripts import write_timm_shapes
from tests.test_names_of_libraries import saved

FIRST = "vit_tiny_patch16_224"


def made(name: str, classes: int = 7) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        module: nn.Module = timm.create_model(name, num_classes=classes)
    return module.eval()


def assert_same(data: bytes, name: str, expected: nn.Module, classes: int) -> tuple[str, ...]:
    """The file fits timm's architecture, and what is built has the same numbers in the same network."""
    report = model_files.inspect(data)
    fit = next(one for one in report.fits if one.architecture == f"timm/{name}")
    assert (fit.classes, fit.differences) == (classes, 0)
    built = weights_files.build(fit.architecture, weights_files.read(data).tensors)
    x = torch.randn(1, 3, *fit.preprocessing.size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(built(x), expected(x), rtol=1e-6, atol=1e-6)
    return report.notes


@pytest.mark.parametrize("name", [FIRST, "deit_tiny_distilled_patch16_224", "convnext_atto", "tf_efficientnet_b0"])
def test_the_original_output(name: str) -> None:
    expected = made(name)
    notes = assert_same(saved(expected.state_dict()), name, expected, 7)
    assert any("is built for it" in note or "tf_" in note for note in notes)


def test_what_the_file_cannot_say_is_said() -> None:
    notes = assert_same(saved(made(FIRST).state_dict()), FIRST, made(FIRST), 7)
    said = next(note for note in notes if "does not say which it is" in note)
    assert "are those of timm's vit_tiny_patch16_224, deit_tiny_patch16_224, and" in said
    assert any(
        "mean 0.5, 0.5, 0.5 and standard deviation 0.5, 0.5, 0.5 for vit_tiny_patch16_224; "
        "mean 0.485, 0.456, 0.406 and standard deviation 0.229, 0.224, 0.225 for deit_tiny_patch16_224" in note
        for note in notes
    )


def zeros(name: str) -> bytes:
    """A file with the names and shapes of timm's architecture."""
    with torch.device("meta"):
        state = timm.create_model(name, num_classes=7).state_dict()
    return saved({key: torch.zeros(value.shape) for key, value in state.items() if "num_batches" not in key})


@pytest.mark.parametrize(
    ("name", "offered", "mean"),
    [
        ("deit_tiny_patch16_224", ["timm/vit_tiny_patch16_224", "timm/deit_tiny_patch16_224"], 0.5),
        ("vit_small_patch16_384", ["timm/vit_small_patch16_384", "timm/deit_small_patch16_224"], 0.5),
        ("tf_efficientnet_lite0", ["timm/efficientnet_lite0", "timm/tf_efficientnet_lite0"], 0.485),
        (
            "vit_base_patch16_224",
            ["torchvision/vit_b_16", "timm/vit_base_patch16_224", "timm/deit_base_patch16_224"],
            0.5,
        ),
    ],
)
def test_the_plain_network_is_the_first_with_its_own_preprocessing(name: str, offered: list[str], mean: float) -> None:
    fits = model_files.inspect(zeros(name)).fits
    assert [fit.architecture for fit in fits if not fit.differences] == offered
    assert fits[0].preprocessing.mean[0] == mean
    assert all(fit.matching >= fit.differences for fit in fits), "one tensor of many is no offer"


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    ("name", "own", "others"),
    [("resnetaa50", "resnet50", "resnetaa50, resnetblur50"), ("resnet18", "resnet18", "resnetblur18")],
)
def test_other_networks_with_the_tensors_of_torchvision_are_named(
    name: str, own: str, others: str, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zeros(name)
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: installed)
    report = model_files.inspect(data)
    assert report.fits[0].architecture == f"torchvision/{own}"
    assert any(f"torchvision's {own} and of timm's {others}, and the file does not say" in one for one in report.notes)


def test_a_network_without_another_of_its_tensors_gets_no_such_note() -> None:
    assert not any("does not say which" in note for note in model_files.inspect(zeros("resnet34")).notes)


def test_another_head_and_another_size() -> None:
    expected = timm.create_model(FIRST, num_classes=7, img_size=96)
    expected.set_submodule("head", nn.Sequential(nn.Dropout(), nn.Linear(192, 5)))
    expected.eval()
    assert_same(saved(expected.state_dict()), FIRST, expected, 5)


@pytest.mark.parametrize("name", [FIRST, "regnety_002"])
def test_without_a_head_the_features_come(name: str) -> None:
    expected = made(name)
    path = timm_shapes.table()[name].paths[0]
    expected.set_submodule(path, nn.Identity())
    features = timm_shapes.table()[name].features
    notes = assert_same(saved(expected.state_dict()), name, expected, features)
    assert any(f"gives the {features:,} features" in note for note in notes)


def dinov2_of_hugging_face() -> tuple[dict[str, Tensor], nn.Module]:
    """The tensors of a DINOv2 under Hugging Face's names, which have no head, and timm's network."""
    expected = made("vit_small_patch14_dinov2", 0)
    state: dict[str, Tensor] = {"embeddings.mask_token": torch.zeros(1, 384)}
    tops = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings"}
    for name, tensor in expected.state_dict().items():
        if name in tops:
            state[tops[name]] = tensor
        elif name.startswith("patch_embed.proj"):
            state[name.replace("patch_embed.proj", "embeddings.patch_embeddings.projection")] = tensor
        elif name.startswith("norm."):
            state[f"layer{name}"] = tensor
        elif ".attn.qkv." in name:
            start, leaf = name.split("attn.qkv.")
            for word, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                state[f"{start}attention.attention.{word}.{leaf}".replace("blocks", "encoder.layer")] = third.clone()
        else:
            other = name.replace("blocks", "encoder.layer").replace("attn.proj", "attention.output.dense")
            other = other.replace("ls1.gamma", "layer_scale1.lambda1").replace("ls2.gamma", "layer_scale2.lambda1")
            state[other] = tensor
    return state, expected


def test_dinov2_of_hugging_face() -> None:
    state, expected = dinov2_of_hugging_face()
    data = saved(state)
    report = model_files.inspect(data)
    fit = report.fits[0]
    assert (fit.architecture, fit.classes, fit.preprocessing.size) == (
        "timm/vit_small_patch14_dinov2",
        384,
        (518, 518),
    )
    assert any("DINOv2 in Hugging Face's transformers; they were translated to timm's" in note for note in report.notes)
    built = weights_files.build(fit.architecture, weights_files.read(data).tensors)
    theirs = expected.state_dict()
    assert built.state_dict().keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in built.state_dict().items())
    assert {layer.eps for layer in built.modules() if isinstance(layer, nn.LayerNorm)} == {1e-6}


def test_without_timm_the_refusal_carries_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: False)
    data = saved(made("convnext_atto").state_dict())
    with pytest.raises(BadModel) as caught:
        model_files.inspect(data)
    assert "the family ConvNeXt in timm, but none that GradViz can build" in str(caught.value)
    assert 'model = timm.create_model("convnext_atto", num_classes=7)' in caught.value.code
    assert "import timm\n" in caught.value.code
    assert "x = torch.zeros(1, 3, 224, 224)" in caught.value.code
    (tmp_path / "w.pt").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    exec(next_steps.naming(caught.value.code, "w.pt"), {})
    assert model_files.inspect((tmp_path / "model.pt2").read_bytes()).classes == 7
    state, _ = dinov2_of_hugging_face()
    with pytest.raises(BadModel) as caught:
        model_files.inspect(saved(state))
    assert "AutoModel.from_pretrained" in caught.value.code
    assert "x = torch.zeros(1, 3, 518, 518)" in caught.value.code


@pytest.mark.parametrize("name", [FIRST, "resnet26d", "swin_s3_tiny_224", "vit_small_patch14_dinov2"])
def test_the_table_is_what_timm_builds(name: str) -> None:
    assert write_timm_shapes.entry(name) == timm_shapes.table()[name]


def test_random_weights_by_seed() -> None:
    one, again, other = (load(f"timm/{FIRST}@random-{seed}") for seed in (3, 3, 4))
    x = torch.ones(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(one.module(x), again.module(x))
        assert not torch.equal(one.module(x), other.module(x))
    assert one.card.preprocessing.size == (224, 224)
    assert f"timm/{FIRST}@random-0" in catalogue.timm_keys()
    assert all(name in timm_shapes.table() for name in catalogue.TIMM_FIRST)


@pytest.mark.parametrize(
    "rest",
    [
        "hf-hub:someone/model@random-0",
        "hf_hub:someone/model@random-0",
        "local-dir:/etc@random-0",
        "../../etc/passwd@random-0",
        f"{FIRST}.augreg_in21k@random-0",
        f"{FIRST}@pretrained",
        FIRST,
        "vit_giant_patch14_dinov2@random-0",
        "resnet18@random-99999999999",
    ],
)
def test_nothing_else_reaches_timm(rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(UnknownModel):
        load(f"timm/{rest}")
    with pytest.raises(BadModel):
        weights_files.build(f"timm/{rest}", weights_files.read(saved({"a.weight": torch.ones(2)})).tensors)


def _base_transformer(prefix: str) -> bytes:
    """The names of a ViT-B/16 or DeiT-B/16 as Hugging Face writes them; its numbers are zero."""
    wide, hidden, state = 768, 3072, {}

    def layer(name: str, out: int, into: int) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = torch.zeros(out, into), torch.zeros(out)

    state[f"{prefix}embeddings.cls_token"] = torch.zeros(1, 1, wide)
    state[f"{prefix}embeddings.position_embeddings"] = torch.zeros(1, 197, wide)
    state[f"{prefix}embeddings.patch_embeddings.projection.weight"] = torch.zeros(wide, 3, 16, 16)
    state[f"{prefix}embeddings.patch_embeddings.projection.bias"] = torch.zeros(wide)
    for block in (f"{prefix}encoder.layer.{number}" for number in range(12)):
        for one in ("query", "key", "value"):
            layer(f"{block}.attention.attention.{one}", wide, wide)
        layer(f"{block}.attention.output.dense", wide, wide)
        layer(f"{block}.intermediate.dense", hidden, wide)
        layer(f"{block}.output.dense", wide, hidden)
        for norm in ("layernorm_before", "layernorm_after"):
            state |= {f"{block}.{norm}.{name}": torch.zeros(wide) for name in ("weight", "bias")}
    state |= {f"{prefix}layernorm.{name}": torch.zeros(wide) for name in ("weight", "bias")}
    layer("classifier", 7, wide)
    return saved(state)


@pytest.mark.parametrize(("prefix", "mean"), [("vit.", 0.5), ("deit.", 0.485)])
def test_a_deit_of_hugging_face_is_normalised_as_one_though_its_layers_are_those_of_a_vit(
    prefix: str, mean: float
) -> None:
    best = model_files.inspect(_base_transformer(prefix)).fits[0]
    assert best.architecture == "torchvision/vit_b_16"
    assert best.preprocessing.mean[0] == mean
