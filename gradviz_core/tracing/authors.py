"""A module as its author wrote it: its name, class and lines of code, for a model from any kind of file."""

from __future__ import annotations

from torch import nn


class AuthorsModule(nn.Module):
    """The name, class and lines of code of a module as its author wrote it."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        """Name of the author's class."""
        self.sources: tuple[str, ...] = ()
        """The author's line for each call."""

    def source(self, call: int) -> str:
        """The author's line that computed its output at that call; empty where the file does not say."""
        return self.sources[call] if call < len(self.sources) else ""
