"""Functions of PyTorch's own, as they stand on the stack of calls.

Without them the doctor does not say in which layer an operation stands, nor which decorator switched recording off.
"""

from __future__ import annotations

from types import CodeType, FrameType

from torch import nn

from gradviz_core.tracing.torch_private.names import found

_CALL: CodeType | None = getattr(getattr(nn.Module, "_call_impl", None), "__code__", None)
_DECORATORS: str | None = found("torch.utils._contextlib", "__file__")


def calls_a_module(frame: FrameType) -> bool:
    """Whether it is the call of a module, which is ``self`` in it."""
    return frame.f_code is _CALL


def is_decorator(frame: FrameType) -> bool:
    """Whether it is a function with a mode such as ``no_grad`` as its decorator."""
    return frame.f_code.co_filename == _DECORATORS
