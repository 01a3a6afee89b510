"""Functions of PyTorch's own, as they stand on the stack of calls.

Without them the doctor does not say in which layer an operation stands, nor which decorator switched recording off.
"""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any

from gradviz_core.tracing.torch_private.names import found

_CALL: CodeType | None = found("torch.nn", "Module._call_impl.__code__")
_DECORATORS: str | None = found("torch.utils._contextlib", "__file__")


def calls_a_module(frame: FrameType) -> bool:
    """Whether it is the call of a module, which is ``self`` in it."""
    return frame.f_code is _CALL


def is_decorator(frame: FrameType) -> bool:
    """Whether it is a function with a mode such as ``no_grad`` as its decorator."""
    return frame.f_code.co_filename == _DECORATORS


def mode_of(decorator: FrameType) -> Any:
    """The mode that a decorator switches on, such as a ``torch.no_grad``; None if it does not say."""
    return getattr(decorator.f_locals.get("ctx_factory"), "__self__", None)
