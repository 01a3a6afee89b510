"""Which axis of a value is its channel axis. Shapes alone do not say, so the kind of module is asked first."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.types import Layout, Site

_LAST_AXIS = frozenset({"Linear", "LayerNorm", "RMSNorm", "Embedding", "NonDynamicallyQuantizableLinear"})
_FIRST = frozenset({"input", "MultiheadAttention"})
_FIRST_AXIS = ("Conv", "BatchNorm", "GroupNorm", "InstanceNorm", "MaxPool", "AvgPool", "AdaptiveAvgPool", "LayerNorm2d")


def guess(values: Mapping[Site, tuple[str, tuple[int, ...]]]) -> dict[Site, Layout]:
    """Layout of each value, from (kind of module, shape) in order of execution.

    A convolution, pooling or batch norm puts channels first, a linear layer or layer norm last. Anything else keeps the
    layout of the latest earlier value of the same shape, or takes that of the first later one: what permutes the axes
    is followed by a layer that says what they are. The weights of attention, (1, heads, T, T), are one map per head.
    """
    said: dict[tuple[int, ...], Layout] = {}
    for kind, shape in values.values():
        if (layout := _said_by(kind, shape)) is not None:
            said.setdefault(shape, layout)
    found: dict[Site, Layout] = {}
    for site, (kind, shape) in values.items():
        found[site] = said[shape] = _said_by(kind, shape) or said.get(shape, "maps")
    return found


def _said_by(kind: str, shape: tuple[int, ...]) -> Layout | None:
    """The layout that the number of axes or the kind of module tells; None where neither does."""
    if len(shape) == 2:
        return "vector"
    if len(shape) == 3:
        return "other" if kind.startswith(_FIRST_AXIS) else "tokens"
    if len(shape) != 4:
        return "other"
    if kind in _LAST_AXIS:
        return "maps_last"
    return "maps" if kind in _FIRST or kind.startswith(_FIRST_AXIS) else None


def channel_axis(layout: Layout, dimensions: int) -> int:
    """The axis that counts channels (features) in a value with a batch axis; ``other`` counts them first."""
    return dimensions - 1 if layout in ("maps_last", "tokens") else min(1, dimensions - 1)
