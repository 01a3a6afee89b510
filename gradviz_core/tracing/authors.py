"""A module of the author's that is known by name, class and lines, whatever the file that it came from."""

from __future__ import annotations

from torch import nn


class AuthorsModule(nn.Module):
    """Has the name, and tells the class and the lines, of a module of the author's."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        """Name of the author's class."""
        self.sources: tuple[str, ...] = ()
        """The author's line for each call."""

    def source(self, call: int) -> str:
        """The author's line that computed what it returned at that call; empty where the file does not tell."""
        return self.sources[call] if call < len(self.sources) else ""
