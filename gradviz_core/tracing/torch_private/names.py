"""A name of PyTorch's own, found by its text; and what is said where one is gone that GradViz cannot do without."""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import Any

import torch

from gradviz_core.errors import QuestionError


def found(module: str, name: str) -> Any:
    """The object with this name in a module, such as ``relu`` or ``Module.forward``; None if it is gone."""
    try:
        return attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        return None


def missing(name: str, use: str) -> QuestionError:
    """The error for a question that cannot be answered without ``name``; ``use`` says what it is for."""
    return QuestionError(
        f"PyTorch {torch.__version__} has no {name}, by which GradViz {use}. Install a version that it was tried with: "
        "torch 2.11 to 2.15."
    )
