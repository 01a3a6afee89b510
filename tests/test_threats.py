"""What docs/threats.md says is held by tests is held by tests that exist."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.hostile import (
    archives,
    band_files,
    checkpoints,
    dicom_files,
    exported_files,
    exported_operators,
    heif_files,
    pickles,
    pictures,
    safetensors_files,
    tensors,
)

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
TABLE = DOCUMENT.partition("| threat |")[2].partition("\n\n")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)(?:\[([^]]+)\])?`", DOCUMENT)))
MODELS = (archives, pickles, tensors, safetensors_files, exported_files, checkpoints, exported_operators)
CASES = {
    "test_model": {case.name for module in MODELS for case in module.CASES},
    "test_picture": {case.name for module in (pictures, heif_files, dicom_files, band_files) for case in module.CASES},
}
PROMISE = (
    "An upload can never run code, read or write a file, open a connection, or stop another person's work; at worst it "
    "gets a clear error within a stated number of seconds."
)


@pytest.mark.parametrize(("file", "test", "case"), NAMED, ids=lambda part: part or "all")
def test_each_test_that_is_named_exists(file: str, test: str, case: str) -> None:
    assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert not case or case in CASES[test]


def test_each_threat_is_held_by_a_test() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 3, row[0]
        assert "::" in row[2], row


def calls() -> dict[str, set[str]]:
    """What is called in the app and its library, by the name in the source, and in which files."""
    found: dict[str, set[str]] = defaultdict(set)
    for file in (file for folder in ("gradviz_core", "pages") for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found[ast.unparse(node.func)].add(file.relative_to(ROOT).as_posix())
    return found


def test_torch_unpickles_one_file_alone() -> None:
    found = calls()
    assert found["torch.load"] == {"gradviz_core/models/preset_weights.py"}
    assert "`models/preset_weights.py`" in DOCUMENT
    careless = {"torch.export.load", "torch.jit.load", "pickle.load", "pickle.loads", "eval", "exec"}
    assert careless & found.keys() == set()


def test_the_promise_is_there_and_the_seconds_are_stated() -> None:
    assert PROMISE in re.sub(r"\s+", " ", DOCUMENT.replace("\n> ", " "))
    assert "GRADVIZ_DEADLINE_S" in DOCUMENT
