"""The fuzzer finds what is there: processes that end, processes that hang, and the same file for the same numbers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from gradviz_core.errors import BadModel
from tests.hostile import formats, fuzz, random_operators


@pytest.mark.parametrize("name", fuzz.NAMES)
def test_each_format_is_spoilt_in_the_same_way_again_and_in_many_ways(name: str) -> None:
    form = formats.FORMATS[name]
    assert form.spoilt(3, 14) == form.spoilt(3, 14)
    assert len({form.spoilt(0, i) for i in range(20)}) > 10


def test_every_format_is_known_to_the_program() -> None:
    assert set(fuzz.NAMES) == set(formats.FORMATS)


@pytest.mark.parametrize(
    "name", ["png", "avif", "heic", "dicom", "bands", "slices", "frames", "npy", "labels", "recipe", "question"]
)
def test_spoilt_files_get_a_sentence_or_are_read(name: str) -> None:
    form = formats.FORMATS[name]
    assert [what for i in range(300) if (what := formats.complaint(form, form.spoilt(11, i)))] == []


def test_only_our_own_errors_are_fine() -> None:
    form = formats.FORMATS["labels"]

    def fails(error: Exception) -> formats.Format:
        def read(data: bytes) -> None:
            raise error

        return replace(form, read=read)

    assert formats.complaint(fails(BadModel("It is none.")), b"") == ""
    assert formats.complaint(fails(KeyError("x")), b"") == "KeyError: 'x'"
    assert formats.complaint(fails(MemoryError()), b"") == "MemoryError: "


def test_a_minute_of_one_format_says_how_many_files_were_read() -> None:
    findings, files = fuzz.watch("labels", 5, 0.5)
    assert findings == []
    assert files > 10


def test_a_process_that_ends_or_hangs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "PATIENCE_S", 2.0)
    monkeypatch.setattr(fuzz, "SILENCE", 1.0)
    hurt: list[int] = []
    lines = fuzz._lines

    def hurting(process: subprocess.Popen[bytes]) -> Iterator[str]:
        for line in lines(process):
            if len(hurt) < 2 and process.pid not in hurt:
                hurt.append(process.pid)
                os.kill(process.pid, (signal.SIGSEGV, signal.SIGSTOP)[len(hurt) - 1])
                time.sleep(0.1)
            yield line

    monkeypatch.setattr(fuzz, "_lines", hurting)
    findings, _ = fuzz.watch("labels", 5, 5.0)
    said = " ".join(finding.what for finding in findings)
    assert "ended the process (-11)" in said
    assert "takes longer than 2 s" in said


def test_operators_that_only_torchscript_knows_are_not_allowed() -> None:
    """``aten::remainder.int`` and ``aten::to.prim_dtype`` were, and ended the worker."""
    names = {chosen.name for chosen in random_operators.allowed()}
    assert len(names) > 500
    assert names.isdisjoint({"aten.remainder.int", "aten.remainder.default", "aten.to.prim_dtype", "aten.pow.int"})
    for i in range(200):
        random_operators.run(Random(i).randbytes(8))
