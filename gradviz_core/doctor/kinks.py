"""Values that rounding puts on another side of a kink, such as that of a ReLU at 0. The slope differs there, and so the
module's own gradient differs from that of its copy in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from gradviz_core.tracing.passes import unwatched
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode
from gradviz_core.tracing.trace import Trace
from gradviz_core.types.calls import Call
from gradviz_core.types.findings import Crossed

_RELU6 = (0.0, 6.0)
_AT_ZERO = {"relu": "ReLU", "leaky_relu": "LeakyReLU"}
_Side = tuple[str, Tensor]
"""The name of an operation with a kink, and for each of its values the side that it lies on."""


def crossed(own: tuple[nn.Module, Call, Trace], wide: tuple[nn.Module, Call, Trace]) -> Crossed:
    """How many values of the module's own pass lie on another side of a kink of a rectifier, or are taken from another
    place by a max pooling, than in the pass of its copy in float64. Each is given with what it takes and its pass,
    which is made once more, without being watched. None are counted where the two run different operations.

    Raises:
        GradVizError: as ``trace.forward`` does.
    """
    here, there = _sides(*own), _sides(*wide)
    if [(name, side.shape) for name, side in here] != [(name, side.shape) for name, side in there]:
        return Crossed()
    pairs = zip(here, there, strict=True)
    differ = [(name, int((one.to(other.device) != other).sum())) for (name, one), (_, other) in pairs]
    among = sum(side.numel() for _, side in here)
    functions = tuple(sorted({name for name, count in differ if count}))
    return Crossed(sum(count for _, count in differ), among, functions)


def _sides(module: nn.Module, call: Call, trace: Trace) -> list[_Side]:
    seen = _Sides()
    with seen:
        unwatched(module, call, trace)
    return seen.found


class _Sides(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, ``found`` notes each operation with a kink."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[_Side] = []

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        result = func(*args, **(kwargs or {}))  # type: ignore[operator]
        side = _side(str(func).removeprefix("aten.").split(".")[0].rstrip("_"), args, result)
        if side is not None:
            self.found.append(side)
        return result


def _side(operation: str, args: Sequence[Any], result: Any) -> _Side | None:
    match operation:
        case "relu" | "leaky_relu":
            return _AT_ZERO[operation], result > 0
        case "hardtanh":
            low, high = args[1:3] if len(args) > 2 else (-1.0, 1.0)
            return "ReLU6" if (low, high) == _RELU6 else "Hardtanh", (result > low) & (result < high)
        case "max_pool2d_with_indices":
            return "max pooling", result[1]
    return None
