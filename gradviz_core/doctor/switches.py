"""Decorators that switch recording off: ``@torch.no_grad()`` stands above the lines that it concerns."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from types import FrameType

import torch

from gradviz_core.tracing.torch_private.frames import is_decorator, mode_of

_MODES = (torch.no_grad, torch.inference_mode, torch.set_grad_enabled)


def switch() -> str:
    """The innermost decorator of this kind on the way to what runs now, in words with its line; empty where none is."""
    inner: FrameType | None = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if inner is not None and is_decorator(frame):
            mode = mode_of(frame)
            if isinstance(mode, _MODES):
                code = inner.f_code
                text = linecache.getline(code.co_filename, code.co_firstlineno, inner.f_globals).strip()
                text = text if text.startswith("@") else f"@torch.{type(mode).__name__}"
                return f"It is the decorator of {code.co_name}: {text} at {_at(code.co_filename, code.co_firstlineno)}."
        inner, frame = frame, frame.f_back
    return ""


def _at(file: str, line: int) -> str:
    return f"{Path(file).name}:{line}"
