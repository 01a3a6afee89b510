"""The arguments of a module that takes more than one tensor or a tuple of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class Call:
    """``Call(image, mask, scale=2.0)`` stands for ``module(image, mask, scale=2.0)``. Nothing runs yet."""

    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    def __init__(self, *args: object, **kwargs: object) -> None:
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "kwargs", kwargs)
