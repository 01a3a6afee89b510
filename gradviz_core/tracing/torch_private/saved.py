"""What the nodes of PyTorch's graph keep for the way back: values, leaves, and the sizes of kernels, strides, axes.

If a name is gone, a receptive field is not known, the axis of a softmax is read from the probabilities alone, a batch
norm is guarded wherever it stands, and a model with a convolution is refused. Without the leaves neither the doctor nor
the graphs of the lessons know which tensor a gradient arrives at, so they are refused.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from gradviz_core.tracing.torch_private.names import missing

with torch.inference_mode(False), torch.enable_grad():  # whoever imports this may be in another mode
    _Leaf = type(get_gradient_edge(torch.zeros(1, requires_grad=True)).node)
"""The class of the nodes in which gradients arrive at a leaf."""


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


def leaf(node: Any, *, needed_to: str = "") -> Tensor | None:
    """The leaf at which a gradient arrives in this node; None for a node of an operation.

    Raises:
        Gone: it is not there.
        QuestionError: it is not there, and ``needed_to`` says what cannot be done without it.
    """
    if not isinstance(node, _Leaf):
        return None
    try:
        found: Tensor = _own(node, "variable")
    except Gone:
        if needed_to:
            raise missing(f"{_Leaf.__name__}.variable", needed_to) from None
        raise
    return found


def tensor(node: Any, name: str, *, needed_to: str = "") -> Tensor | None:
    """A tensor that a node keeps, or None if it cannot be had at no cost: it has another name, it was overwritten, or a
    hook (of a checkpoint, say) would have to compute it.

    Raises:
        QuestionError: PyTorch has no such name, and ``needed_to`` says what cannot be done without it.
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
