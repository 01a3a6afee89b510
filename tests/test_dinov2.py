"""DINOv2 files as people have them, with Meta's, timm's or Hugging Face's names, with registers and without."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor

from gradviz_core.errors import BadModel
from gradviz_core.models import timm_shapes
from gradviz_core.types.cards import Recipe
from gradviz_core.uploads import model_files, next_steps, store, weights_files
from gradviz_core.uploads.weights_files import dialects
from tests.test_names_of_libraries import saved

PLAIN, REGISTERS = "vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2"
State = dict[str, Tensor]


@cache
def built(name: str, side: int = 56) -> VisionTransformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        module = timm.create_model(name, num_classes=0, img_size=side)
        assert isinstance(module, VisionTransformer)
        module.get_parameter("cls_token").data.normal_()
    module.eval()
    return module


def of_meta(name: str, side: int = 56) -> State:
    """The tensors as Meta's own code names them: a position for the class token, and a token for masked patches."""
    state: State = dict(built(name, side).state_dict())
    state["mask_token"] = torch.ones(1, 384)
    if name == REGISTERS:
        state["register_tokens"] = state.pop("reg_token")
        state["pos_embed"] = torch.cat([torch.full((1, 1, 384), 0.3), state["pos_embed"]], 1)
    return state


def of_hugging_face(name: str, side: int = 56) -> State:
    tops = {
        "mask_token": "embeddings.mask_token",
        "cls_token": "embeddings.cls_token",
        "register_tokens": "embeddings.register_tokens",
        "pos_embed": "embeddings.position_embeddings",
        "patch_embed.proj": "embeddings.patch_embeddings.projection",
        "blocks": "encoder.layer",
        "norm": "layernorm",
    }
    inside = {"attn.proj": "attention.output.dense", ".ls1.gamma": ".layer_scale1.lambda1"}
    inside[".ls2.gamma"] = ".layer_scale2.lambda1"
    found: State = {}
    for key, tensor in of_meta(name, side).items():
        top = next(top for top in tops if key == top or key.startswith(f"{top}."))
        other = tops[top] + key[len(top) :]
        for theirs, ours in inside.items():
            other = other.replace(theirs, ours)
        if ".attn.qkv." in other:
            for word, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[other.replace("attn.qkv", f"attention.attention.{word}")] = third.clone()
        else:
            found[other] = tensor
    return found


def assert_fits(data: bytes, name: str, expected: Mapping[str, Tensor], side: int) -> tuple[str, ...]:
    """The file is timm's architecture with these weights, bit by bit. Its notes are returned."""
    report = model_files.inspect(data)
    fit = report.fits[0]
    assert (fit.architecture, fit.classes, fit.preprocessing.size) == (f"timm/{name}", 384, (side, side))
    module = weights_files.build(fit.architecture, weights_files.read(data).tensors)
    assert module.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in module.state_dict().items())
    assert any(f"for images of {side} x {side}, and images are resized to that" in note for note in report.notes)
    return report.notes


@pytest.mark.parametrize(("name", "side"), [(PLAIN, 518), (REGISTERS, 56)])
def test_names_of_meta_and_of_hugging_face_are_what_timm_makes_of_them(name: str, side: int) -> None:
    expected = checkpoint_filter_fn(of_meta(name, side), built(name, side))
    for state, library in ((of_meta(name, side), "Meta's own code"), (of_hugging_face(name, side), "Hugging Face's")):
        notes = assert_fits(saved(state), name, expected, side)
        assert any(f"names are those of DINOv2 in {library}" in note for note in notes)
        assert any("class token was added to the token" in note for note in notes) == (name == REGISTERS)


@pytest.mark.parametrize("name", [PLAIN, REGISTERS])
def test_names_of_timm_stay(name: str) -> None:
    state = dict(built(name).state_dict())
    assert not any("was added" in note for note in assert_fits(saved(state), name, state, 56))


def test_the_position_of_the_class_token_reaches_the_output() -> None:
    """With registers: what Meta's code adds to the token before the first block."""
    network, state = copy.deepcopy(built(REGISTERS)), of_meta(REGISTERS)
    first = state["cls_token"] + state["pos_embed"][:, :1]
    network.get_parameter("cls_token").data.copy_(first)
    module = weights_files.build(f"timm/{REGISTERS}", weights_files.read(saved(state)).tensors)
    x = torch.randn(1, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(module(x), network(x))


def test_without_timm_the_next_step_is_to_install_it_or_a_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: False)
    data = saved(of_meta(REGISTERS))
    with pytest.raises(BadModel) as caught:
        model_files.inspect(data)
    assert f"timm's {REGISTERS} has these tensors, but timm is not installed here" in str(caught.value)
    assert "(pip install timm)" in str(caught.value)
    (tmp_path / "dinov2.pth").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    exec(next_steps.naming(caught.value.code, "dinov2.pth"), {})
    exported = model_files.inspect((tmp_path / "model.pt2").read_bytes())
    assert (exported.classes, exported.input_shape) == (384, (1, 3, 56, 56))


def test_a_body_of_hugging_face_gets_no_head_in_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timm_shapes, "is_installed", lambda: False)
    with pytest.raises(BadModel, match=rf"timm's {PLAIN} has these tensors, but timm is not installed") as caught:
        model_files.inspect(saved(of_hugging_face(PLAIN)))
    assert 'AutoModel.from_pretrained(".")' in caught.value.code


def test_a_head_on_the_mean_of_the_patches_is_refused_with_the_reason() -> None:
    state = {f"dinov2.{name}": tensor for name, tensor in of_hugging_face(PLAIN).items()}
    state |= {"classifier.weight": torch.ones(7, 768), "classifier.bias": torch.ones(7)}
    with pytest.raises(BadModel, match="Its head takes the mean of all patches beside the class token") as caught:
        model_files.inspect(saved(state))
    assert "AutoModelForImageClassification" in caught.value.code


def test_another_size_than_that_of_the_positions_is_refused() -> None:
    data = saved(of_meta(PLAIN))
    file = store.here().put(data)
    fit = model_files.inspect(data).fits[0]
    for size, said in (
        ((56, 56), ""),
        ((224, 224), "positions in the file is for images of 56 x 56, but .* 224 x 224"),
    ):
        steps = replace(fit.preprocessing, size=size, resize=size[0])
        digest = store.here().keep_recipe(Recipe(file, fit.architecture, "dinov2", (), steps))
        if said:
            with pytest.raises(BadModel, match=said):
                model_files.load(digest)
        else:
            assert model_files.load(digest)[1].preprocessing.size == size


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"pos_embed": torch.zeros(1, 1, 8)},
        {"pos_embed": torch.zeros(1, 16, 8)},
        {"pos_embed": torch.zeros(17, 8)},
        {"pos_embed": torch.zeros(2, 17, 8)},
        {"cls_token": torch.zeros(1, 2, 8)},
        {"cls_token": torch.zeros(1, 1, 8, dtype=torch.int64)},
    ],
)
def test_tokens_that_do_not_go_together_stay_as_they_are(change: State) -> None:
    state = {
        "cls_token": torch.ones(1, 1, 8),
        "pos_embed": torch.ones(1, 17, 8),
        "register_tokens": torch.ones(1, 4, 8),
    }
    state |= {"mask_token": torch.ones(1, 8), "blocks.0.ls1.gamma": torch.ones(8)} | change
    found = dialects.to_timm(weights_files.read(saved(state)).tensors)
    assert found.keys() == {"cls_token", "pos_embed", "reg_token", "blocks.0.ls1.gamma"}
    if change:
        assert all(found[name].load().tolist() == state[name].tolist() for name in ("cls_token", "pos_embed"))
    else:
        assert found["cls_token"].load().tolist() == [[[2.0] * 8]]
        assert (found["pos_embed"].shape, found["pos_embed"].load().shape) == ((1, 16, 8), (1, 16, 8))
