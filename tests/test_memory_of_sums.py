"""What a long sum adds to the memory of the process, measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MORE = 40
"""Megabytes: a thousand maps of this model in float32 would take 113, and as many points the same again."""
PROGRAM = """
import resource, sys
import gradviz_core as gv

method, count, many = sys.argv[1:]
gv.answer(
    gv.GradientQuestion(
        model="preset/shapes-resnet", image="sample/star", method=method, options=((count, float(many)),)
    )
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def peak(method: str, count: str, many: int) -> float:
    """The largest memory of a process that answers one question, in megabytes."""
    words = [sys.executable, "-c", PROGRAM, method, count, str(many)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=170)
    return float(done.stdout)


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("method", "count"),
    [("smoothgrad", "draws"), ("vargrad", "draws"), ("integrated_gradients", "steps"), ("blur_ig", "steps")],
)
def test_1024_draws_or_steps_take_the_memory_of_32(method: str, count: str) -> None:
    few, many = peak(method, count, 32), peak(method, count, 1024)
    assert many < few + MORE, f"{few:.0f} MB, {many:.0f} MB"
