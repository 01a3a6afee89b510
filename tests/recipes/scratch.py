"""A scratch copy of the repository, in which a recipe of CONTRIBUTING.md is carried out, and what is seen there."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("app.py", "navigation.py", "pyproject.toml", "assets", "docs", "gradviz_core", "pages", "scripts", "tests")
LEFT_OUT = shutil.ignore_patterns("golden", "*.pyc.*")
"""Bytecode is copied, so that no process has to compile all of it anew, but for what is being written."""


@dataclass(frozen=True)
class Scratch:
    """The copy. Programs in it import what lies in it, and nothing of the repository."""

    folder: Path

    def write(self, files: Mapping[str, str]) -> None:
        """Write these files, which may be new."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def insert(self, name: str, before: str, text: str) -> None:
        """Put ``text`` into a file before the one place where ``before`` stands."""
        path = self.folder / name
        whole = path.read_text(encoding="utf-8")
        assert whole.count(before) == 1, f"{before!r} stands {whole.count(before)} times in {name}"
        path.write_text(whole.replace(before, text + before), encoding="utf-8")

    def run(self, *arguments: str) -> str:
        """What a Python program prints that runs in the copy."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def visit(self, **how: Any) -> dict[str, Any]:
        """What ``tests/recipes/visiting.py`` sees of a page of the copy."""
        seen: dict[str, Any] = json.loads(self.run("-m", "tests.recipes.visiting", json.dumps(how)).splitlines()[-1])
        return seen

    def changed(self) -> set[str]:
        """Files that differ from the repository's, or that it does not have."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
        names = (path.relative_to(self.folder) for path in files)
        return {name.as_posix() for name in names if not _same(self.folder / name, ROOT / name)}


def copied(folder: Path) -> Scratch:
    """A copy in ``folder``, which must not be there yet."""
    folder.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(ROOT / name, folder / name)
    return Scratch(folder)


def _same(one: Path, other: Path) -> bool:
    return other.exists() and filecmp.cmp(one, other)
