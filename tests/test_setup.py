"""What `make` does before anything of GradViz runs: choose a Python, and find a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import find_chromium

ROOT = Path(__file__).parents[1]


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def make(folder: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    """`make` in a folder that holds nothing but the Makefile and the requirements."""
    for name in (
        "Makefile",
        "requirements.txt",
        "requirements-heic.txt",
        "requirements-batch.txt",
        "requirements-dev.txt",
    ):
        shutil.copy(ROOT / name, folder)
    command = ["/usr/bin/env", "-i", f"PATH={path}", "make", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for the path, with what the Makefile calls and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "make", "env", "grep", "sed", "expand", "test", "echo"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def test_a_python_that_does_not_start_or_is_too_old_is_passed_over(tmp_path: Path, programs: Path) -> None:
    program(programs / "python3.13", "exit 127")
    program(programs / "python3.12", "echo 'command not found' >&2; exit 1")
    (programs / "python3").symlink_to(sys.executable)
    shown = make(tmp_path, "--dry-run", ".venv/bin/python", path=str(programs))
    assert "python3 -m venv .venv" in shown.stdout


def test_no_python_is_said_in_words(tmp_path: Path, programs: Path) -> None:
    shown = make(tmp_path, "run", path=str(programs))
    assert shown.returncode != 0
    assert "No Python 3.11 or newer was found" in shown.stdout


def test_another_index_is_for_torch_and_torchvision_alone(tmp_path: Path, programs: Path) -> None:
    program(programs / "python3.11", "exit 0")
    shown = make(tmp_path, "--dry-run", "run", "TORCH_INDEX=https://example.org/cpu", path=str(programs)).stdout
    with_index, without = (line for line in shown.splitlines() if line.startswith(".venv/bin/python -m pip"))
    assert "--no-deps --index-url https://example.org/cpu" in with_index
    assert without.endswith("install -r requirements.txt")


def test_help_lists_every_target(tmp_path: Path, programs: Path) -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony
    shown = make(tmp_path, "help", path=str(programs)).stdout
    assert [line.split()[0] for line in shown.splitlines()] == phony[1].split()


# --------------------------------------------------------------------------------------------------------- the browser


@pytest.fixture
def nothing_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_chromium, "from_debian", lambda: None)
    monkeypatch.setattr(find_chromium, "from_playwright", lambda: None)


def test_a_browser_that_does_not_start_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "chromium", "exit 1")
    program(tmp_path / "google-chrome", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert find_chromium.main() == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "google-chrome")


def test_the_named_browser_is_never_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "chromium", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "missing"))
    with pytest.raises(SystemExit, match="does not start"):
        find_chromium.main()


@pytest.mark.usefixtures("nothing_to_install")
@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_no_browser_fails_in_ci_alone(ci: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("CI", ci)
    assert find_chromium.main() == status
