"""What an exported model is about to compute, for those who watch it: Python's stack does not tell."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Running:
    """Whose operation is being run."""

    source: str = ""
    """The author's line."""
    module: str = ""
    """Path of the innermost of the author's modules, within the exported model; empty for the model itself."""


_NOTHING = Running()
running: ContextVar[Running] = ContextVar("running", default=_NOTHING)
