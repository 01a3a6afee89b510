"""Names of tensors made to cost time, to collide, or to be taken for something that they are not: a refusal, soon."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor

from gradviz_core.errors import BadModel
from gradviz_core.uploads import model_files
from tests.test_names_of_libraries import saved

State = dict[str, Tensor]


def vit(**more: Tensor) -> State:
    with torch.device("meta"):
        state = timm.create_model("vit_tiny_patch16_224", num_classes=2).state_dict()
    return {name: torch.zeros(1).expand(value.shape).contiguous() for name, value in state.items()} | more


def of_hugging_face() -> State:
    start = "encoder.layer.0.attention.attention."
    return {"embeddings.cls_token": torch.zeros(1, 1, 4)} | {
        f"{start}{word}.weight": torch.zeros(4, 4) for word in ("query", "key", "value")
    }


ONE = torch.zeros(1)
NAMES: dict[str, Callable[[], State]] = {
    "many blocks": lambda: (
        {f"blocks.{i % 5000}.attn.qkv.weight": ONE for i in range(4900)} | {"patch_embed.proj.weight": ONE}
    ),
    "many numbers in a name": lambda: vit(**{".".join("1" * 240): ONE}),
    "a number without end": lambda: vit(**{f"blocks.{'9' * 480}.norm1.weight": ONE}),
    "leading zeros": lambda: vit(**{"blocks.00.norm1.weight": torch.ones(192)}),
    "digits of another script": lambda: vit(**{"blocks.٠.norm1.weight": torch.ones(192)}),
    "the sign of the table": lambda: vit(**{"blocks.#.norm#.weight": torch.ones(192)}),
    "a format": lambda: vit(**{"blocks.{0.__class__}.norm1.weight": torch.ones(192)}),
    "both libraries at once": lambda: vit(**{"encoder.layers.encoder_layer_0.ln_1.weight": torch.ones(192)}),
    "queries of another shape": lambda: (
        of_hugging_face() | {"encoder.layer.0.attention.attention.query.weight": torch.zeros(5, 4)}
    ),
    "queries without values": lambda: {
        name: tensor for name, tensor in of_hugging_face().items() if "value" not in name
    },
    "queries that are numbers": lambda: {name: torch.tensor(1.0) for name in of_hugging_face()},
    "queries in both ways": lambda: (
        of_hugging_face() | {f"layers.0.attention.{word}_proj.weight": torch.zeros(4, 4) for word in "qkv"}
    ),
    "a prefix and none": lambda: of_hugging_face() | {"vit.embeddings.cls_token": torch.ones(1, 1, 4)},
    "positions that are no square": lambda: vit(pos_embed=torch.zeros(1, 199, 192)),
    "positions of two axes": lambda: vit(pos_embed=torch.zeros(197, 192)),
    "stages of a mobile network": lambda: (
        {"conv_stem.weight": torch.zeros(8, 3, 3, 3)}
        | {f"blocks.{i % 20}.{i}.conv_dw.weight": ONE for i in range(4000)}
    ),
    "a mobile network of nothing": lambda: {"conv_stem.weight": ONE, "blocks.0.0.": ONE, "classifier.": ONE},
    "a stem without axes": lambda: {"embedder.embedder.convolution.weight": torch.tensor(1.0)},
}


@pytest.mark.parametrize("name", NAMES)
def test_refused_within_two_seconds(name: str) -> None:
    data = saved(NAMES[name]())
    model_files.get_ready()
    start = time.process_time()
    with pytest.raises(BadModel):
        model_files.inspect(data)
    assert time.process_time() - start < 2
