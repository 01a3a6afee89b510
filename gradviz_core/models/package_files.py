"""Files of weights that another Python package brings: where they lie, found without importing anything of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from gradviz_core.types import PackageFile


def find(file: PackageFile) -> Path | None:
    """The file, or None where the package or its file is not there. Whether it can be read, and what is in it, has
    yet to be checked."""
    try:
        found = Path(str(distribution(file.package).locate_file(file.path)))
    except PackageNotFoundError:
        return None
    try:
        return found if found.is_file() else None
    except OSError:  # reading it says why it cannot be read
        return found
