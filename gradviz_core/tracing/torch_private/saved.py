"""What the nodes of PyTorch's graph keep for the way back: values, and the sizes of kernels, strides, axes.

If a name is gone, a receptive field is not known, the axis of a softmax is read from the probabilities alone, a batch
norm is guarded wherever it stands, and a model with a convolution is refused.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gradviz_core.tracing.torch_private.names import missing


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


def tensor(node: Any, name: str, *, needed_to: str = "") -> Tensor | None:
    """A tensor that a node keeps, or None if it cannot be had at no cost: it has another name, it was overwritten, or a
    hook (of a checkpoint, say) would have to compute it.

    Raises:
        QuestionError: there is no such name, and it is ``needed_to`` do something.
    """
    if needed_to and not hasattr(type(node), f"_saved_{name}"):
        raise missing(f"{type(node).__name__}._saved_{name}", needed_to)
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
