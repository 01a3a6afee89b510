"""The verdict on a file takes little, in a process that has done nothing before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRESH = """
import io, sys, time
import torch
out = io.BytesIO()
torch.save({f"layer{i // 100}.{i % 100}.conv1.weight": torch.zeros(3) for i in range(2_000)}, out)
start = time.process_time()
from gradviz_core.errors import BadModel
from gradviz_core.uploads import model_files
try:
    model_files.inspect(out.getvalue())
except BadModel:
    print(time.process_time() - start, *(name in sys.modules for name in ("torchvision", "torch._dynamo")))
"""


def test_what_fits_nothing_is_refused_within_two_seconds_and_nothing_large_is_imported_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    seconds, *imported = done.stdout.split()
    assert float(seconds) < 2.0
    assert imported == ["False", "False"]
