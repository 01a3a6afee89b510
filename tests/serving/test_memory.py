"""What the app's process frees goes back to the system, whichever thread freed it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest

from gradviz_core.serving import memory
from tests import own_loop

PROGRAM = """
import sys, threading
from pathlib import Path
from gradviz_core.serving import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def fill():
    together.wait()
    pieces = [bytes(size) for size in [3_000_000] * 10 + [100_000] * 200]
    kept.append([bytes(50) for _ in range(100)])
    del pieces

if "keep little" in sys.argv:
    assert memory.keep_little()
kept, together = [], threading.Barrier(16)
before = resident()
for _ in range(3):
    threads = [threading.Thread(target=fill) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
if "give back" in sys.argv:
    memory.give_back()
print(resident() - before)
"""


def left(*deeds: str) -> int:
    """Bytes that a process still holds after sixteen threads have let go of 800 MB, three times."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *deeds], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_what_was_freed_goes_back_to_the_system() -> None:
    assert left("keep little") < 250_000_000 < 500_000_000 < left()
    assert left("keep little", "give back") < 5_000_000


class Circle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


async def _collecting(drawing: Callable[[], None], seconds: float) -> None:
    task = asyncio.create_task(memory.collect_now_and_then())
    drawing()
    await asyncio.sleep(seconds)
    task.cancel()


@pytest.mark.parametrize("large", [False, True])
def test_what_a_page_leaves_behind_in_circles_is_collected(large: bool) -> None:
    gc.disable()
    try:
        own_loop.run(_collecting(lambda: None, 3 * memory.LOOK_S))  # what other tests have left is collected
        left = weakref.ref(Circle())
        own_loop.run(_collecting(lambda: None, 3 * memory.LOOK_S))
        assert left() is not None, "there was no page"
        own_loop.run(_collecting(lambda: memory.after_a_page(large=large), 3 * memory.LOOK_S))
        assert left() is None
    finally:
        gc.enable()


def test_collecting_goes_on_after_it_could_not_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def fails() -> float:
        tried.append(1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(memory, "_collect_and_time", fails)

    async def twice() -> None:
        task = asyncio.create_task(memory.collect_now_and_then())
        for _ in range(2):
            memory.after_a_page(large=True)
            await asyncio.sleep(3 * memory.LOOK_S)
        assert not task.done()
        task.cancel()

    own_loop.run(twice())
    assert len(tried) == 2
