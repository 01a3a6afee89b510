"""Threads that draw pages take turns with the one that serves them, many times in a second."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from benchmarks.switching import OURS, PYTHONS, waits
from gradviz_core.serving.threads import SWITCH_S

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.alone
def test_a_server_waits_a_fraction_as_long_for_threads_that_draw() -> None:
    """Ten times less, as measured; here less than half, in the same run."""
    found = waits(rounds=8)
    assert median(found[OURS]) < median(found[PYTHONS]) / 2


def test_the_app_has_its_threads_take_turns_so_often() -> None:
    program = "import app, sys; sys.stdout.write(str(sys.getswitchinterval()))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
    assert float(run.stdout) == SWITCH_S
