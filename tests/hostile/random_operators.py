"""Each operator that an uploaded graph may name, called with arguments that are odd in every way the schema allows.

Python errors are of no interest here: a graph that raises them gets a sentence. What counts is that no operator ends
the process, or never ends. As with an uploaded graph, the operator is run dry first, and runs where that went well.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves, tree_map

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported import operators
from gradviz_core.uploads.exported.torchvision_operators import TORCHVISION

MOST_ELEMENTS = 10_000_000
"""The cost of an uploaded graph is limited as well."""
_DTYPES = (
    torch.float32,
    torch.float32,
    torch.float32,
    torch.int64,
    torch.int64,
    torch.bool,
    torch.uint8,
    torch.float64,
    torch.complex64,
)
_INTEGERS = (-(2**63), -(2**31), -7, -2, -1, 0, 0, 1, 1, 2, 3, 4, 5, 8, 1000, 2**31, 2**40, 2**62)
_FLOATS = (0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("nan"), float("inf"))
_TEXTS = ("none", "mean", "sum", "tanh", "floor", "bilinear", "reflect", "ij", "i,i->", "ij,jk->ik", "...ij->ji")


@cache
def allowed() -> tuple[operators.Operation, ...]:
    """All of them, in alphabetical order; torchvision's last."""
    found = []
    for packet in sorted(operators._ATEN):
        for overload in getattr(getattr(torch.ops.aten, packet, None), "overloads", list)():
            with contextlib.suppress(BadModel):
                found.append(operators.find(f"torch.ops.aten.{packet}.{overload}"))
    return (*found, *(operators.find(f"torch.ops.torchvision.{name}.default") for name in TORCHVISION))


def run(seed: bytes) -> None:
    """Call one operator, which the seed chooses together with its arguments."""
    logging.getLogger("torch._subclasses.fake_tensor").setLevel(logging.CRITICAL)
    random = Random(seed)
    chosen = random.choice(allowed())
    arguments = {
        name: _argument(random, kind)
        for name, kind in chosen.types.items()
        if name in chosen.needed or random.random() < 0.5
    }
    sys.stderr.write(f"{chosen.name}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(Exception):
            _call(chosen, arguments)


def _call(chosen: operators.Operation, arguments: dict[str, Any]) -> None:
    fake = FakeTensorMode(allow_fallback_kernels=False)
    with fake:
        dry = chosen.function(**tree_map(lambda v: fake.from_tensor(v) if isinstance(v, Tensor) else v, arguments))
    if any(leaf.numel() > MOST_ELEMENTS for leaf in tree_leaves(dry) if isinstance(leaf, Tensor)):
        return
    made = [leaf for leaf in tree_leaves(chosen.function(**arguments)) if isinstance(leaf, Tensor)]
    for leaf in made:
        if leaf.requires_grad:
            torch.autograd.grad(leaf.sum(), list(_leaves(arguments)), allow_unused=True)


def _leaves(arguments: dict[str, Any]) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor) and leaf.requires_grad)


def _argument(random: Random, kind: str) -> Any:
    if kind.startswith("Optional["):
        return None if random.random() < 0.4 else _argument(random, kind[9:-1])
    if kind.startswith("List["):
        inner, length = kind[5:-1], random.choice((0, 1, 2, 2, 2, 3, 4))
        small = inner == "int" and random.random() < 0.8
        return [random.randrange(6) if small else _argument(random, inner) for _ in range(length)]
    match kind:
        case "Tensor":
            return _tensor(random)
        case "int":
            return random.choice(_INTEGERS)
        case "bool":
            return random.random() < 0.5
        case "float":
            return random.choice(_FLOATS)
        case "number":
            return random.choice((*_INTEGERS, *_FLOATS, True))
        case "str":
            return random.choice(_TEXTS)
        case "ScalarType":
            return random.choice(_DTYPES)
        case "Layout":
            return torch.strided
        case "MemoryFormat":
            return random.choice((torch.contiguous_format, torch.channels_last, torch.preserve_format))
        case _:
            return torch.device("cpu")


def _tensor(random: Random) -> Tensor:
    shape = [random.choice((0, 1, 1, 2, 3, 4, 4, 5, 300)) for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4, 4, 5)))]
    while torch.Size(shape).numel() > 1_000_000:
        shape.pop()
    dtype = random.choice(_DTYPES)
    if dtype == torch.int64:
        values = torch.tensor([random.choice(_INTEGERS) for _ in range(13)])
        count = torch.Size(shape).numel()
        return values.repeat(count // 13 + 1)[:count].reshape(shape)
    if not dtype.is_floating_point and not dtype.is_complex:
        return torch.ones(shape, dtype=dtype)
    filled = torch.full(shape, random.choice(_FLOATS), dtype=dtype)
    return filled.requires_grad_(random.random() < 0.5)
