"""A confined worker can do its work and nothing else. Where the kernel lacks a wall, it is said.

What it tries is in ``sandbox_deeds.py`` and ``sandbox_work.py``; each runs as a program of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gradviz_core.compute import sandbox
from gradviz_core.compute.sandbox import Confinement, landlock
from tests.sandbox_deeds import DEEDS, MEMORY

ROOT = Path(__file__).parents[1]
HERE = sandbox.probe()
REFUSED = {"EPERM", "EACCES", "ENOSYS"}


def run(*arguments: str) -> str:
    """What a program of that name says, with one thread until it starts others, and its words in a pipe."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def outcomes(program: str, mode: str) -> dict[str, str]:
    """What came of each deed, and of the folder it was tried in."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "store").mkdir()
        (folder / "tree").mkdir()
        (folder / "store/digest").write_text("a model")
        (folder / "secret").write_text("a secret")
        found = json.loads(run("-m", f"tests.{program}", mode, name))
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        contents = (folder / "secret").read_text(), (folder / "store/digest").read_text()
    assert isinstance(found, dict)
    return found | {"left behind": f"{left} {contents}"}


UNTOUCHED = "['secret', 'store', 'store/digest', 'tree'] ('a secret', 'a model')"


@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed not in MEMORY])
def test_a_confined_worker_cannot(deed: str) -> None:
    if not HERE.complete:
        assert "not fully confined" in HERE.in_words()
        return
    expected = {"ValueError"} if deed in {"raise a limit", "lower a limit"} else REFUSED
    assert outcomes("sandbox_deeds", "all")[deed] in expected


def test_memory_ends_where_it_was_told_to() -> None:
    if not HERE.complete:
        assert "not fully confined" in HERE.in_words()
        return
    found = outcomes("sandbox_deeds", "all")
    assert [found[deed] for deed in MEMORY] == ["MemoryError", "ENOMEM", "ENOMEM", "EPERM", "EPERM"]


def test_nothing_was_left_behind() -> None:
    if HERE.complete:
        assert outcomes("sandbox_deeds", "all")["left behind"] == UNTOUCHED
    assert not Path("/tmp/gradviz-canary").exists()


def test_the_same_deeds_succeed_in_a_free_process() -> None:
    found = outcomes("sandbox_deeds", "none")
    assert found.pop("left behind") != UNTOUCHED
    assert found.pop("connect to this machine") not in REFUSED
    assert [deed for deed, what in found.items() if not what.startswith("done")] == []


def passed(found: dict[str, str]) -> set[str]:
    return {deed for deed, what in found.items() if what not in REFUSED} - {"left behind"}


def test_each_wall_stands_alone() -> None:
    """What holds where the kernel lacks the other one; ``docs/threats.md`` says the same."""
    landlock, seccomp = outcomes("sandbox_deeds", "landlock"), outcomes("sandbox_deeds", "seccomp")
    if HERE.landlock >= 6:
        assert passed(landlock) == {"open a socket"}
        assert landlock["left behind"] == UNTOUCHED
    if HERE.seccomp:
        assert passed(seccomp) == {"read a file outside", "list the store"}
        assert seccomp["left behind"] == UNTOUCHED


def test_work_is_done_as_in_a_free_process_to_the_last_bit() -> None:
    confined, free = outcomes("sandbox_work", "confined"), outcomes("sandbox_work", "free")
    assert len(confined) > 15
    assert confined == free


THREAD_BEFORE = """
import socket, threading
from gradviz_core.compute import sandbox
go, found = threading.Event(), []
def late():
    go.wait()
    for deed in (socket.socket, lambda: open("/etc/hostname", "w"), lambda: open("/etc/passwd")):
        try:
            found.append(type(deed()).__name__)
        except OSError as error:
            found.append(type(error).__name__)
thread = threading.Thread(target=late)
thread.start()
held = sandbox.confine(read_trees=[], read_files_in=[], keep_open=[], memory_mb=1000)
go.set()
thread.join()
print(held.stray_threads, held.complete, *found)
print(held.in_words())
"""


def test_a_thread_that_ran_before_is_counted_and_half_held() -> None:
    first, words = run("-c", THREAD_BEFORE).splitlines()
    if HERE.complete:
        assert first == "1 False PermissionError PermissionError TextIOWrapper"
        assert "1 of their threads" in words


DESCRIPTORS = """
import os
from gradviz_core.compute import sandbox
kept, written = os.pipe()
other, pipe = os.pipe()
sandbox.confine(read_trees=[], read_files_in=[], keep_open=[kept, written], memory_mb=1000)
print(os.write(written, b"word"), os.read(kept, 10))
print(os.read(other, 10))
try:
    os.write(pipe, b"word")
except OSError as error:
    print(error.strerror)
"""


def test_what_was_open_is_let_go_except_what_is_named() -> None:
    if HERE.limits:
        assert run("-c", DESCRIPTORS).splitlines() == ["4 b'word'", "b''", "Bad file descriptor"]


ORPHAN = """
import os, signal, time
from gradviz_core.compute import sandbox
ready, told = os.pipe()
if os.fork():
    os.read(ready, 1)
    os._exit(0)
signal.signal(signal.SIGIO, signal.SIG_IGN)
sandbox.confine(read_trees=[], read_files_in=[], keep_open=[told], memory_mb=1000)
os.write(told, b"x")
time.sleep(1000)
"""


def test_it_ends_with_whoever_started_it() -> None:
    """The program's output ends when the last process that holds its end is gone."""
    if HERE.limits:
        assert run("-c", ORPHAN) == ""


WAITING = """
import sys
from gradviz_core.compute import sandbox
sandbox.confine(read_trees=[], read_files_in=[], keep_open=[], memory_mb=1000)
print("confined", flush=True)
sys.stdin.read()
"""


def test_the_kernel_says_the_same_of_it() -> None:
    if not HERE.complete:
        assert "not fully confined" in HERE.in_words()
        return
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"confined\n"
        place = Path(f"/proc/{worker.pid}")
        status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines())
        limits = (place / "limits").read_text()
        first_to_go = int((place / "oom_score_adj").read_text())
        worker.communicate()
    assert {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}
    assert (status["NoNewPrivs"], status["Seccomp"], first_to_go) == ("1", "2", 1000)
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    assert found["Max data size"] == ["1000000000", "1000000000"]
    assert found["Max file size"] == found["Max core file size"] == ["0", "0"]
    assert found["Max open files"] == ["128", "128"]


LOG = """
import ctypes, logging
from gradviz_core.compute import sandbox
sandbox.confine(read_trees=[], read_files_in=[], keep_open=[], memory_mb=1000)
logging.error("a line that gets lost")
assert ctypes.CDLL(None).lseek(2, 0, 0) == 0
assert ctypes.CDLL(None).write(2, b"x", 1) == -1
"""


def test_a_log_in_a_file_is_neither_changed_nor_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.write(b"what was logged before")
        file.flush()
        code = subprocess.run([sys.executable, "-c", LOG], cwd=ROOT, stderr=file).returncode
    if HERE.limits:
        assert (code, log.read_bytes()) == (0, b"what was logged before")


def test_the_probe_confines_nothing(tmp_path: Path) -> None:
    assert sandbox.probe() == HERE
    (tmp_path / "file").write_text("still free")
    assert subprocess.run([sys.executable, "-c", ""], check=True).returncode == 0


@pytest.mark.parametrize(
    ("version", "files", "network", "processes"),
    [(1, 0x1FFF, 0, 0), (2, 0x3FFF, 0, 0), (3, 0x7FFF, 0, 0), (4, 0x7FFF, 3, 0), (5, 0xFFFF, 3, 0), (6, 0xFFFF, 3, 3)],
)
def test_each_version_of_landlock_is_asked_for_what_it_knows(
    version: int, files: int, network: int, processes: int
) -> None:
    assert landlock.given_up(version) == (files, network, processes)


def test_words_for_the_operator() -> None:
    whole = Confinement(landlock=7, seccomp=True, limits=True, memory_mb=4000)
    assert whole.complete
    assert whole.in_words() == (
        "Uploads run in processes that cannot write files, open connections or start programs (Landlock 7, "
        "seccomp), with at most 4,000 MB."
    )


@pytest.mark.parametrize(
    ("held", "word"),
    [
        (Confinement(seccomp=True, limits=True), "Landlock is missing"),
        (Confinement(landlock=7, limits=True), "seccomp is missing"),
        (Confinement(landlock=7, seccomp=True), "Some limits are missing"),
        (Confinement(landlock=7, seccomp=True, limits=True, stray_threads=2), "2 of their threads"),
    ],
)
def test_what_is_missing_is_named(held: Confinement, word: str) -> None:
    assert not held.complete
    assert held.in_words().startswith("Uploads run in processes that are not fully confined.")
    assert word in held.in_words()
