"""Attribution methods: plain functions of a gradient oracle, each in the file with its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from torch import Tensor

from gradviz_core.types.methods import card_of

GradFn = Callable[[Tensor], Tensor]
"""value -> ∂score/∂value, of the same shape."""
Options = Mapping[str, float | str]
"""Every option of the method's card by name, within its limits; whole numbers are int."""
Method = Callable[[GradFn, Tensor, Options], Tensor]
"""(oracle, value, options) -> attribution with the value's shape."""


def function_of(method: str) -> Method:
    """The function of a method that has a card.

    Raises:
        QuestionError: there is no such method.
    """
    card_of(method)  # so that no other name becomes the name of a module
    found: Method = getattr(import_module(f"gradviz_core.methods.{method}"), method)
    return found
