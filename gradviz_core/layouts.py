"""Which axis of a value is its channel axis. Shapes alone do not say, so the kind of module is asked first."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.types import Layout, Site

_LAST_AXIS = frozenset(
    {"Linear", "LayerNorm", "RMSNorm", "Embedding", "MultiheadAttention", "NonDynamicallyQuantizableLinear"}
)
_FIRST_AXIS = ("Conv", "BatchNorm", "GroupNorm", "InstanceNorm", "MaxPool", "AvgPool", "AdaptiveAvgPool", "LayerNorm2d")


def guess(values: Mapping[Site, tuple[str, tuple[int, ...]]]) -> dict[Site, Layout]:
    """Layout of each value, from (kind of module, shape) in order of execution.

    A convolution, pooling or batch norm puts channels first, a linear layer or layer norm last; anything else keeps the
    layout of the latest earlier value of the same shape.
    """
    by_shape: dict[tuple[int, ...], Layout] = {}
    found: dict[Site, Layout] = {}
    for site, (kind, shape) in values.items():
        found[site] = by_shape[shape] = _layout(kind, shape, by_shape)
    return found


def _layout(kind: str, shape: tuple[int, ...], by_shape: Mapping[tuple[int, ...], Layout]) -> Layout:
    if len(shape) == 2:
        return "vector"
    if len(shape) == 3:
        return "tokens"
    if len(shape) != 4:
        return "other"
    if kind in _LAST_AXIS:
        return "maps_last"
    if kind.startswith(_FIRST_AXIS):
        return "maps"
    return by_shape.get(shape, "maps")


def channel_axis(layout: Layout, dimensions: int) -> int:
    """The axis that counts channels (features) in a value with a batch axis."""
    return dimensions - 1 if layout in ("maps_last", "tokens") else min(1, dimensions - 1)
