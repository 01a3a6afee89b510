"""The operators of PyTorch as its dispatcher runs them: seen one by one, and what their schemas say.

Without the mode that sees them nothing is watched, and every question about a model is refused. Without schemas, or
without knowing which operators there are, uploads are refused, for what they would do is not known. If an overload
does not say which operator it belongs to, uploads are refused too, and so are models with an author's own backward
pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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


_has_kernel = found("torch._C", "_dispatch_has_kernel")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an operator."""

    name: str
    type: str
    """As PyTorch writes it: ``Optional[Tensor]``."""
    is_written: bool
    is_needed: bool
    """Whether it has no default."""


@lru_cache(maxsize=2000)
def arguments(operator: Any) -> tuple[Argument, ...]:
    """The arguments of an operator, in order.

    Raises:
        QuestionError: PyTorch does not say what they are.
    """
    try:
        return tuple(map(_argument, _schema(operator).arguments))
    except AttributeError as error:
        raise missing("OpOverload._schema.arguments", "knows what an operator takes") from error


def _argument(found: Any) -> Argument:
    written = found.alias_info is not None and found.alias_info.is_write
    return Argument(found.name, str(found.real_type), bool(written), not found.has_default_value())


def packet(operator: Any) -> Any:
    """The operator without its overload: ``aten.add`` of ``aten.add.Tensor``; None for what has no overloads, such
    as control flow.

    Raises:
        QuestionError: PyTorch does not say which it is.
    """
    try:
        return operator.overloadpacket
    except AttributeError as error:
        if type(operator).__name__ == "OpOverload":
            raise missing("OpOverload.overloadpacket", "tells one operator from another") from error
        return None


def is_mutable(operator: Any) -> bool:
    """Whether an operator writes to something that it is given."""
    return bool(_schema(operator).is_mutable)


def has_kernel(operator: Any) -> bool:
    """Whether the dispatcher knows how to run it."""
    if _has_kernel is None:
        raise missing("_dispatch_has_kernel", "knows which operators can run")
    return bool(_has_kernel(operator.name()))


def _schema(operator: Any) -> Any:
    try:
        return operator._schema
    except AttributeError as error:
        raise missing("OpOverload._schema", "knows what an operator writes to") from error
