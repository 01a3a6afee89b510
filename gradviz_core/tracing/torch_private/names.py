"""A name of PyTorch's own, found by its text; and what is said where one is gone that GradViz cannot do without."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

from gradviz_core.errors import QuestionError


def found(module: str, name: str) -> Any:
    """What stands under a name; None where it is gone."""
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def missing(name: str, use: str) -> QuestionError:
    """The error for a question that cannot be answered without ``name``; ``use`` says what it is for."""
    return QuestionError(
        f"PyTorch {torch.__version__} has no {name}, by which GradViz {use}. Install a version that it was tried with: "
        "torch 2.11 to 2.15."
    )
