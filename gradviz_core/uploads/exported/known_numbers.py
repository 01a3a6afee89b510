"""Numbers that a graph takes out of its weights with ``item()``.

They stand in the file, so they are known before anything runs. A number that depends on the image is refused, since
what a pass takes could not be told from shapes. So is a number that the model changes in place: PyTorch counts the
writes to what each number was taken from, its clones and views, and ``program.py`` refuses a run that writes there. A
view whose writes PyTorch does not count is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.arguments import Ref, Value, check_limits
from gradviz_core.uploads.exported.graph import Node
from gradviz_core.uploads.exported.operators import ITEM

_LARGEST = 64
"""Numbers in a weight that one is taken out of, such as the strides of a pyramid."""
_VIEWS = frozenset(
    """
    unbind.int select.int slice.Tensor squeeze.default squeeze.dim unsqueeze.default view.default reshape.default
    flatten.using_ints detach.default alias.default clone.default lift_fresh_copy.default to.dtype
    """.split()
)
"""What gives no more numbers than it gets, and the same ones."""
_UNCOUNTED = frozenset("_unsafe_view unsafe_chunk unsafe_split unsafe_split_with_sizes".split())
"""Views whose writes PyTorch does not count as writes to what they are views of."""
_RAISED = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError)
"""What torch raises for a view that does not suit, and Python where the file does not say what it should."""


@dataclass(frozen=True, slots=True)
class Known:
    """A graph in which the numbers stand."""

    nodes: tuple[Node, ...]
    """Without those that take a number out of a weight."""
    read_from: frozenset[int]
    """Places that the numbers were taken out of: weights, what shares memory with them, views and clones. None of it
    may change."""


def put_in(nodes: Sequence[Node], weights: Mapping[int, Tensor], tensors: set[int]) -> Known:
    """The graph with each number where ``item()`` was asked for it; ``tensors`` are the places of tensors.

    Raises:
        BadModel: a number is not one out of a small weight, could change without a trace, or is over the limit of the
            argument that it stands for.
    """
    needed = _needed(nodes)
    values: dict[int, Any] = {
        slot: each for slot, each in weights.items() if slot in needed and each.numel() <= _LARGEST
    }
    sources = list(values.values())
    shared = {slot for slot, each in weights.items() if any(_share_memory(each, known) for known in sources)}
    _check_writes(nodes, needed | shared)
    kept = []
    for node in nodes:
        if node.target == ITEM:
            if tensors.intersection(node.makes()):
                raise BadModel("The graph is not as torch.export writes it: item() gives a tensor.")
            values |= dict.fromkeys(node.makes(), _number(node, values))
            continue
        if needed.intersection(node.makes()):
            _compute(node, values)
        kept.append(replace(node, arguments={name: _filled(each, values) for name, each in node.arguments.items()}))
        for name, each in kept[-1].arguments.items():
            check_limits(each, name)
    return Known(tuple(kept), frozenset(needed | shared))


def _needed(nodes: Sequence[Node]) -> set[int]:
    """Places of what a number is taken out of, directly or through views."""
    needed: set[int] = set()
    for node in reversed(nodes):
        if node.target == ITEM or (node.target.removeprefix("aten.") in _VIEWS and needed.intersection(node.makes())):
            needed.update(node.uses())
    return needed


def _check_writes(nodes: Sequence[Node], needed: set[int]) -> None:
    """Raises for a graph that writes in place, and has a view of the places ``needed`` whose writes are not counted."""
    if not any(_name(node).endswith("_") for node in nodes):
        return
    reached = set(needed)
    for node in nodes:
        if node.target == ITEM or not reached.intersection(node.uses()):
            continue
        if _name(node) in _UNCOUNTED:
            where = f" ({node.source})" if node.source else ""
            raise BadModel(
                f"The model makes a number of a tensor with item(), and {_name(node)}{where} lets the model change "
                "that tensor unseen. Make it a Python number in __init__."
            )
        reached.update(node.makes())


def _name(node: Node) -> str:
    """Without its namespace and overload."""
    return node.target.split(".")[1]


def _share_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _number(node: Node, values: Mapping[int, Any]) -> float:
    try:
        number: float = values[node.arguments["self"].slot].item()
    except _RAISED:
        where = f" ({node.source})" if node.source else ""
        raise BadModel(
            f"The model makes a number of a tensor with item(){where}, and the tensor depends on more than a small "
            "weight. Keep it a tensor, or make it a Python number in __init__."
        ) from None
    return number


def _compute(node: Node, values: dict[int, Any]) -> None:
    """What a view of a weight gives; nothing where it cannot be told."""
    if node.target.removeprefix("aten.") not in _VIEWS or not set(node.uses()) <= values.keys():
        return
    try:
        result = node.operation(**{name: _now(each, values) for name, each in node.arguments.items()})
        values |= dict(zip(node.makes(), result if isinstance(result, list | tuple) else [result], strict=True))
    except _RAISED:
        return


def _now(value: Value, values: Mapping[int, Any]) -> Value:
    return values[value.slot] if isinstance(value, Ref) else value


def _filled(value: Value, values: Mapping[int, Any]) -> Value:
    """The argument with numbers in place of their references; tensors are computed as before."""
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    known = values.get(value.slot) if isinstance(value, Ref) else None
    return known if isinstance(known, int | float) else value
