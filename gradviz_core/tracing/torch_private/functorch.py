"""Whether an operation runs within ``vmap`` or a transform of ``torch.func``, whose tensors only stand for others.

Without these names the doctor takes such tensors for any others, and says less of what happens within; without the
last of them it cannot look at what is saved for the way back, and refuses.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import cast

from torch import Tensor

from gradviz_core.tracing.torch_private.names import found, missing

_level, _is_wrapped, _unwrapped = (
    found("torch._C._functorch", name)
    for name in ("maybe_current_level", "is_functorch_wrapped_tensor", "get_unwrapped")
)
_disable = found("torch._C", "DisableTorchFunction")


def is_within() -> bool:
    """Whether a transform is under way."""
    return _level is not None and _level() is not None


def is_wrapped(tensor: Tensor) -> bool:
    """Whether a tensor stands for another."""
    return _is_wrapped is not None and _unwrapped is not None and bool(_is_wrapped(tensor))


def unwrapped(tensor: Tensor) -> Tensor:
    """What a wrapped tensor stands for."""
    return cast(Tensor, _unwrapped(tensor))


def unseen_by_modes() -> AbstractContextManager[object]:
    """Within it, what is done to tensors is told to no mode and no subclass."""
    if _disable is None:
        raise missing("DisableTorchFunction", "looks at what is saved for the way back")
    return cast("AbstractContextManager[object]", _disable())
