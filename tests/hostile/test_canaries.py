"""The hostile files are hostile: read in the careless way, in a process of its own, they do make the canary."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile import checkpoints, exported_files, pickles, pictures
from tests.hostile.case import CANARY

ROOT = Path(__file__).parents[2]
ARMED = (
    *("os-system", "os-system-without-an-archive", "os-system-beside-weights", "eval", "exec-protocol-5"),
    *("built-name", "dotted-name", "old-opcodes", "pt2-pickled-samples", "pt2-pickled-weights", "pt2-code-in-shapes"),
    *(
        "npy-of-objects",
        "system-in-an-optimiser",
        "object-of-protocol-0",
        "object-of-protocol-1",
        "state-that-is-a-call",
    ),
    *(
        "items-that-are-calls",
        "elements-of-a-set-that-are-calls",
        "call-of-what-a-call-gave",
        "before-1.6-system-beside",
    ),
    "before-1.6-system-alone",
)
CARELESS = """
import contextlib, json, pathlib, sys, warnings
import numpy, torch
warnings.simplefilter("ignore")
canary, armed = pathlib.Path(sys.argv[1]), []
for file in map(pathlib.Path, sys.argv[2:]):
    with contextlib.suppress(Exception):
        match file.suffix:
            case ".pt2":
                torch.export.load(file)
            case ".npy":
                numpy.load(file, allow_pickle=True)
            case _:
                torch.load(file, weights_only=False)
    if canary.exists():
        canary.unlink()
        armed.append(file.stem)
print(json.dumps(armed))
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The files that try to run code, as files."""
    made = []
    for case in (*checkpoints.CASES, *pickles.CASES, *exported_files.CASES, *pictures.CASES):
        if case.name in ARMED:
            file = tmp_path / f"{case.name}{Path(case.file).suffix}"
            file.write_bytes(case.make())
            made.append(file)
    return made


def test_read_carelessly_they_run_code(files: list[Path]) -> None:
    CANARY.unlink(missing_ok=True)
    command = [sys.executable, "-c", CARELESS, str(CANARY), *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1])) == set(ARMED)
