"""What the nodes of PyTorch's graph keep for the way back: values, and the sizes of kernels, strides, axes.

Where a name is gone, a receptive field is not known, the axis of a softmax is read off the shares alone, and a batch
norm is guarded wherever it stands.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor


class Gone(Exception):
    """A private name of PyTorch no longer exists, or its value was overwritten."""


def kept(node: Any, name: str) -> Any:
    """What a node keeps under ``name``, such as ``stride``.

    Raises:
        Gone: it is not there.
    """
    return _own(node, f"_saved_{name}")


def shape(node: Any, output: int = 0) -> tuple[int, ...]:
    """The shape of an operation's output.

    Raises:
        Gone: it is not there.
    """
    return tuple(_own(_own(node, "_input_metadata")[output], "shape"))


def tensor(node: Any, name: str) -> Tensor | None:
    """A tensor that a node keeps, or None where it cannot be had for nothing: where it has another name, where it was
    overwritten, or where a hook (of a checkpoint, say) would have to compute it."""
    if getattr(getattr(node, f"_raw_saved_{name}", None), "unpack_hook", None) is not None:
        return None
    try:
        value = kept(node, name)
    except Gone:
        return None
    return value if isinstance(value, Tensor) else None


def _own(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name)
    except (AttributeError, RuntimeError) as error:
        raise Gone(name) from error
