"""Whether anything was compiled by ``torch.compile`` in this process: to ask the compiler itself takes seconds.

Where it lies elsewhere, everything may have been.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_IS_WHERE_IT_WAS = Path(torch.__file__).with_name("_dynamo").joinpath("eval_frame.py").exists()


def may_have_run() -> bool:
    """Whether something may be compiled."""
    return not _IS_WHERE_IT_WAS or "torch._dynamo.eval_frame" in sys.modules
