"""Where the files that come with this package lie: beside it in the repository, under it once it is installed."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def app_folder(package: Path) -> Path:
    """The folder of ``app.py``, ``navigation.py``, ``pages`` and ``assets`` that belongs to a copy of the package:
    ``package/app`` where it is installed (see ``setup.py``), else the folder above ``package``."""
    inside = package / "app"
    return inside if inside.is_dir() else package.parent


APP = app_folder(PACKAGE)
