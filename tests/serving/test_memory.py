"""What the app's process frees goes back to the system, whichever thread freed it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
from pathlib import Path
from gradviz_core.serving import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def fill():
    pieces = [bytes(size) for size in [3_000_000] * 10 + [100_000] * 200]
    kept.append([bytes(50) for _ in range(100)])
    del pieces

if "keep little" in sys.argv:
    assert memory.keep_little()
kept = []
before = resident()
for _ in range(3):
    threads = [threading.Thread(target=fill) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
if "give back" in sys.argv:
    memory.give_back()
print(resident() - before)
"""


def left(*deeds: str) -> int:
    """Bytes that a process still holds after eight threads have let go of 400 MB, three times."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *deeds], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_what_was_freed_goes_back_to_the_system() -> None:
    assert left("keep little") < 80_000_000 < left()
    assert left("keep little", "give back") < 5_000_000
