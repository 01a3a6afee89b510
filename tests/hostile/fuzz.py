"""Files spoilt at random, and what happens to whoever reads them: ``make fuzz``, or ``make fuzz SECONDS=600``.

    python -m tests.hostile.fuzz --seconds 60                 every format for a minute
    python -m tests.hostile.fuzz --only pt2 --seed 7          one of them, from another start
    python -m tests.hostile.fuzz --only pt2 --number 1234     one file again

Each format is read in a process of its own, with little memory. A process that ends, a file that takes longer than ten
seconds, and an error that is no ``GradVizError`` are findings: the file is written to ``build/fuzz``, and the program
ends with 1. The same seed and number give the same file.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import faulthandler
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

import psutil  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"
MEMORY_MB = 4000
PATIENCE_S = 10.0
START_S = 120.0
GLANCE_S = 0.5
SILENCE = 6.0
"""A process that gets no time of the processor is given up after so many times as long."""
LAST_WORDS = 100
"""Characters of what a process said before it ended that are shown."""
MOST_FINDINGS = 20
"""Kinds of findings in one format after which it is left."""
NAMES = (
    "state-dict",
    "checkpoint",
    "before-1.6",
    "shards",
    "safetensors",
    "pt2",
    "png",
    "jpeg",
    "webp",
    "gif",
    "bmp",
    "tiff",
    "avif",
    "heic",
    "dicom",
    "bands",
    "slices",
    "frames",
    "npy",
    "labels",
    "recipe",
    "question",
    "operators",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that was not dealt with as it should be."""

    format: str
    seed: int
    number: int
    what: str


def main() -> None:
    """Spoil files until the time is over; 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Spoil files at random, and read them.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=NAMES, action="append", help="this format; may be given again")
    parser.add_argument("--number", type=int, help="only the file with this number")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.only or list(NAMES)
    if options.child:
        _read_on(names[0], options.seed, options.number or 0)
    findings = []
    for name in names:
        start = time.monotonic()
        found, last = watch(name, options.seed, options.seconds, options.number)
        print(f"{name:12} {last:8,} files in {time.monotonic() - start:3.0f} s, {len(found)} findings", flush=True)
        for finding in found:
            print(f"    {finding.what}\n    {_keep(finding)}", flush=True)
        findings += found
    sys.exit(1 if findings else 0)


def watch(name: str, seed: int, seconds: float, only: int | None = None) -> tuple[list[Finding], int]:
    """What is found in one format within some seconds, and how many files were read."""
    findings: dict[str, Finding] = {}
    number, left = only or 0, seconds
    while left > 0 and len(findings) < MOST_FINDINGS:
        number, spent, found = _until_it_ends(name, seed, number, left, only)
        findings |= {finding.what: finding for finding in reversed(found)} | findings
        if only is not None:
            return found, 1
        number, left = number + 1, left - spent
    return list(findings.values()), number


def _until_it_ends(
    name: str, seed: int, number: int, seconds: float, only: int | None
) -> tuple[int, float, list[Finding]]:
    """Let a process read files from ``number`` on, until the time is over or it ends. Returns the last number, how long
    it read, and what was found."""
    findings: list[Finding] = []
    command = [sys.executable, "-m", "tests.hostile.fuzz", "--child", "--only", name, "--seed", str(seed), "--number"]
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory(prefix="gradviz-fuzz-") as own:
        environment = os.environ | {"GRADVIZ_STORE": own, "TMPDIR": own}
        process = subprocess.Popen(
            [*command, str(number)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            start = 0.0
            for line in _lines(process):
                start = start or time.monotonic()
                word, _, rest = line.partition(" ")
                if only is not None and int(word) > only:
                    break
                number = int(word)
                if rest:
                    findings.append(Finding(name, seed, number, rest))
                if time.monotonic() - start > seconds and only is None:
                    break
            else:
                findings.append(Finding(name, seed, number, _ending(process, errors)))
            return number, time.monotonic() - start, findings
        finally:
            process.kill()
            process.communicate()


def _ending(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    if process.poll() is None:
        return f"takes longer than {PATIENCE_S:g} s"
    errors.seek(0)
    said = errors.read().decode(errors="replace")
    fatal = max(0, said.find("Fatal Python error") - LAST_WORDS)
    return f"ended the process ({process.returncode}): {' '.join(said[fatal:].split())[: 4 * LAST_WORDS]}"


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Lines of its output, until it ends or works on one file for too long."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        rest, patience = b"", START_S
        while _speaks(process, waiting, patience):
            patience = PATIENCE_S
            part = os.read(process.stdout.fileno(), 65_536)
            if not part:
                process.wait()
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from (line.decode() for line in lines)


def _speaks(process: subprocess.Popen[bytes], waiting: selectors.BaseSelector, patience: float) -> bool:
    """Wait for its next word. What counts is the time that the processor gave it: other programs may be busy too."""
    start, worked = time.monotonic(), _work(process)
    while not waiting.select(GLANCE_S):
        if _work(process) - worked > patience or time.monotonic() - start > SILENCE * patience:
            return False
    return True


def _work(process: subprocess.Popen[bytes]) -> float:
    """Seconds of the processor that it has used."""
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _read_on(name: str, seed: int, number: int) -> None:
    """The process that reads: says each number before it reads the file, and what was wrong after."""
    import resource

    from tests.hostile import formats

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_MB * 1_000_000,) * 2)
    faulthandler.enable(all_threads=False)
    form = formats.FORMATS[name]
    form.read(form.sound()[0])
    for i in count(number):
        print(i, flush=True)
        if what := formats.complaint(form, form.spoilt(seed, i)):
            print(i, " ".join(what.split()), flush=True)


def _keep(finding: Finding) -> Path:
    """Write the file that did it."""
    from tests.hostile import formats

    FOUND.mkdir(parents=True, exist_ok=True)
    file = FOUND / f"{finding.format}-{finding.seed}-{finding.number}"
    file.write_bytes(formats.FORMATS[finding.format].spoilt(finding.seed, finding.number))
    return file


if __name__ == "__main__":
    main()
