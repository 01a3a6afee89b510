"""What became of each model, kept in a file as soon as it is known, so that a sweep goes on where it was stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

IDENTICAL = "identical"
AS_EXPORTED = "identical to what torch makes of its own export, but not to the module"


@dataclass(frozen=True, slots=True)
class Result:
    """One model."""

    exported: str
    """Why torch did not export it; empty where it did."""
    read: str = "not tried"
    """Why GradViz refused the file; empty where it did not."""
    same: str = "not tried"
    """``IDENTICAL``, or in what the two differ."""
    seconds: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether it was exported, read, and computes the same bits."""
        return self.same == IDENTICAL

    @property
    def is_as_exported(self) -> bool:
        """Whether it differs from the module just as torch's own run of its export does."""
        return self.same.startswith(AS_EXPORTED)

    @property
    def words(self) -> str:
        """What became of it, in one line."""
        if self.exported:
            return f"not exported: {self.exported}"
        return f"refused: {self.read}" if self.read else self.same


class Results:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = (
            {name: Result(**entry) for name, entry in json.loads(path.read_text()).items()} if path.exists() else {}
        )

    def get(self, name: str) -> Result | None:
        """What is known of a model."""
        return self._found.get(name)

    def add(self, name: str, result: Result) -> None:
        """Keep what was found."""
        self._found[name] = result
        self._path.write_text(json.dumps({name: asdict(each) for name, each in self._found.items()}, indent=1))
