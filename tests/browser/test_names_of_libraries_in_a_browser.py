"""Weights under the names of another library, from the file to the picture of their gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from playwright.sync_api import Page, expect
from safetensors.torch import save_file
from torch import Tensor

from tests.browser import home_made, seeing
from tests.browser.conftest import Server
from tests.browser.test_own_models_in_a_browser import bring, check_same, plain_range, upload_image, use

pytestmark = pytest.mark.browser

_OUTSIDE = {
    "cls_token": "vit.embeddings.cls_token",
    "pos_embed": "vit.embeddings.position_embeddings",
    "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
    "norm.": "vit.layernorm.",
    "head": "classifier",
}
_INSIDE = {
    "attn.proj": "attention.output.dense",
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


def hugging_face(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of timm's vision transformer under Hugging Face's names."""
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        _, block, rest = name.split(".", 2) if name.startswith("blocks.") else ("", "", name)
        start = f"vit.encoder.layer.{block}." if block else ""
        if ".qkv." in name:
            for word, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                found[f"{start}attention.attention.{word}.{name.rpartition('.')[2]}"] = third.clone()
            continue
        for theirs, other in (_INSIDE if block else _OUTSIDE).items():
            rest = other + rest.removeprefix(theirs) if rest.startswith(theirs) else rest
        found[start + rest] = tensor
    return found


def test_a_vision_transformer_of_hugging_face(visited: Server, page: Page, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=4, img_size=48).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    save_file(hugging_face(model.state_dict()), tmp_path / "vit.safetensors")
    pixels = home_made.picture(1, tmp_path / "columns.png")
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    bring(page, tmp_path / "vit.safetensors")
    expect(page.get_by_role("dialog").get_by_text("they were translated to timm's").first).to_be_visible()
    plain_range(page)
    use(page)
    upload_image(page, tmp_path / "columns.png")
    seeing.check_drawn(page, "gradient")
    expect(page.get_by_text(f"From {home_made.SIDE}×{home_made.SIDE} PNG")).to_be_visible(timeout=20_000)
    x = home_made.as_input(pixels).requires_grad_()
    for layer in model.modules():
        if isinstance(layer, torch.nn.LayerNorm):
            layer.eps = 1e-12
    logits = model(x)[0]
    (slope,) = torch.autograd.grad(logits[int(logits.argmax())], [x])
    rows = seeing.heatmap(page, "gradient")
    assert np.isfinite(rows).all()
    check_same(rows, slope[0].sum(0))
