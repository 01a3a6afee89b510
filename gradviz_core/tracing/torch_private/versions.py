"""How often a tensor was written to, and what it is a view of.

PyTorch counts the writes to each piece of memory. Without the counter nothing tells whether a value that was kept is
still what it was, so every question about a model is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import cast

from torch import Tensor

from gradviz_core.tracing.torch_private.names import found, missing

_preserve = found("torch.autograd.grad_mode", "_unsafe_preserve_version_counter")


def version(tensor: Tensor) -> int:
    """How often it was written to; 0 for one of inference mode, which has no counter.

    Raises:
        QuestionError: PyTorch counts no more.
    """
    if tensor.is_inference():
        return 0
    try:
        return tensor._version
    except AttributeError as error:
        raise missing("Tensor._version", "sees that a value was overwritten") from error


def preserved(tensors: Sequence[Tensor]) -> AbstractContextManager[object]:
    """Within it, writes to the tensors are not counted.

    Raises:
        QuestionError: PyTorch counts them whatever one says.
    """
    if _preserve is None:
        raise missing("_unsafe_preserve_version_counter", "puts a model back as it was after running it")
    return cast("AbstractContextManager[object]", _preserve(tuple(t for t in tensors if not t.is_inference())))


def viewed(tensor: Tensor) -> Tensor | None:
    """What it is a view of; None where it is none, or where that is not told any more: then the doctor names fewer
    causes."""
    return cast("Tensor | None", getattr(tensor, "_base", None))
