"""Graphs bent at random: whatever the file says, reading and running it ends in an answer or in a sentence."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from gradviz_core.errors import GradVizError
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes, member, packed, unpacked
from tests.exported.home_made import AnySize, Attentive, DictionaryOutput, WithoutGradient, built, image

pytestmark = pytest.mark.slow

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    10**6,
    2**62,
    2**70,
    0.5,
    "",
    "x",
    "Infinity",
    "as_int",
    [],
    {},
    [[]],
    {"as_int": 7},
    {"as_none": True},
    {"as_expr": {"expr_str": "__import__('os').abort()"}},
    {"as_tensor": {"name": "x"}},
    "torch.ops.aten.relu.default",
    "torch.ops.aten.add_.Tensor",
    "torch.ops.aten.permute.default",
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its key."""
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        found += [(value, key), *places(inner)]
    return found


def bend(document: Any, chance: random.Random) -> None:
    """Put, in one to three places, something else: an odd value, one from another place, or nothing."""
    everywhere = places(document)
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(everywhere)
        kind = chance.random()
        if kind < 0.15 and key in (holder if isinstance(holder, dict) else range(len(holder))):
            del holder[key]
        elif isinstance(holder, dict) or key < len(holder):
            other_holder, other_key = chance.choice(everywhere)
            try:
                taken = other_holder[other_key] if kind < 0.6 else chance.choice(ODD)
            except (KeyError, IndexError):
                continue
            holder[key] = copy.deepcopy(taken)


@pytest.mark.parametrize("kind", [AnySize, Attentive, DictionaryOutput, WithoutGradient])
@pytest.mark.parametrize("end", ["models/model.json", "model_weights_config.json"])
def test_a_bent_file_ends_in_an_answer_or_in_a_sentence(kind: type, end: str) -> None:
    files = unpacked(exported_bytes(built(kind), image()))
    name = member(files, end)
    chance = random.Random(f"{kind.__name__}{end}")
    refused: list[str] = []
    for _ in range(150):
        document = json.loads(files[name])
        bend(document, chance)
        try:
            exported.read(packed({**files, name: json.dumps(document).encode()})).module(image())
        except GradVizError as error:
            refused.append(str(error))
    assert len(refused) > 15
    assert not [text for text in refused if "\n" in text or "Traceback" in text or len(text) > 700]
