"""The operators of PyTorch as its dispatcher runs them: seen one by one, and what their schemas say.

Without the mode that sees them nothing is watched, and every question about a model is refused. Without schemas, or
without knowing which operators there are, uploads are refused, for what they would do is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from gradviz_core.tracing.torch_private.names import found, missing

if TYPE_CHECKING:
    from torch._ops import OpOverload as OpOverload
    from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
else:
    OpOverload = object

    class _Missing:
        """Stands where the mode is gone."""

        def __init__(self) -> None:
            raise missing("TorchDispatchMode", "watches the operations of a pass")

    TorchDispatchMode = found("torch.utils._python_dispatch", "TorchDispatchMode") or _Missing


def arguments(operator: Any) -> list[Any]:
    """What an operator takes: for each argument its name, its type, its default and whether it is written to."""
    return list(_schema(operator).arguments)


def is_mutable(operator: Any) -> bool:
    """Whether an operator writes to something that it is given."""
    return bool(_schema(operator).is_mutable)


def has_kernel(operator: Any) -> bool:
    """Whether the dispatcher knows how to run it."""
    look = getattr(torch._C, "_dispatch_has_kernel", None)
    if look is None:
        raise missing("_dispatch_has_kernel", "knows which operators can run")
    return bool(look(operator.name()))


def _schema(operator: Any) -> Any:
    try:
        return operator._schema
    except AttributeError as error:
        raise missing("OpOverload._schema", "knows what an operator writes to") from error
