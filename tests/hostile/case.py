"""One hostile file: how it is made, what it is called, and the sentence that it must get.

The files are made by script when a test needs them, and never kept. Those that try to run code all try the same: to
make ``CANARY``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CANARY = Path(tempfile.gettempdir()) / f"gradviz-canary-{os.getpid()}"
"""The file that code inside an upload would make, had it run."""
COMMAND = f"touch {CANARY}"
CODE = f"__import__('os').system({COMMAND!r})"


@dataclass(frozen=True, slots=True)
class Case:
    """A file that somebody uploads."""

    name: str
    file: str
    """What it is called when it is uploaded."""
    make: Callable[[], bytes]
    says: str
    """A regular expression: what must be said of it."""
    fate: Literal["refused", "kept"] = "refused"
    """``kept`` is not harmful once it is read our way: it must work, and what is odd in it must be said."""
    architecture: str = ""
    """Key of the architecture that is chosen for a file of weights; empty takes the one that the page proposes."""
