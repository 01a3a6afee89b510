"""Which functions of the project each test calls: a pytest plugin that writes one JSON file for each file of tests.

Only tests that pass are written down. A record has the ``hash`` of the test file's text, its ``tests``, each with its
seconds, and for each function that is called, "path::name", the numbers of the tests that call it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType

import pytest

PACKAGE = "gradviz_core"


def text_hash(path: Path) -> str:
    """A hash of a file's text."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def record_path(folder: Path, test_file: str) -> Path:
    """Where the record of a file of tests lies."""
    return folder / (test_file.replace("/", "-").removesuffix(".py") + ".json")


def write(
    folder: Path, root: Path, test_file: str, tests: list[tuple[str, float]], calls: dict[str, list[int]]
) -> None:
    """Write a record."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"hash": text_hash(root / test_file), "tests": tests, "calls": calls}
    record_path(folder, test_file).write_text(json.dumps(record), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``-p tests.mutants.calls --calls-to=FOLDER`` writes the records there."""
    parser.addoption("--calls-to", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    if folder := config.getoption("--calls-to"):
        config.pluginmanager.register(Calls(config.rootpath, folder))


class Calls:
    """The plugin. Functions are told apart by path and qualified name, so that lines may move between two runs."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.passed: set[str] = set()
        self.tests: dict[str, list[tuple[str, float]]] = defaultdict(list)
        self.calls: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Run one test, and note what it calls. Code is kept by its id: its hash would cost more than the call."""
        seen: dict[int, CodeType] = {}

        def called(frame: FrameType, event: str, argument: object) -> None:
            seen[id(frame.f_code)] = frame.f_code

        began = time.perf_counter()
        threading.settrace(called)
        sys.settrace(called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)
            test_file = item.nodeid.partition("::")[0]
            if item.nodeid in self.passed:
                for name in {name for code in seen.values() if (name := self._name(code))}:
                    self.calls[test_file][name].append(len(self.tests[test_file]))
                self.tests[test_file].append((item.nodeid, round(time.perf_counter() - began, 3)))
            if nextitem is None or nextitem.nodeid.partition("::")[0] != test_file:
                write(self.folder, self.root, test_file, self.tests[test_file], self.calls[test_file])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what passed."""
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def _name(self, code: CodeType) -> str | None:
        path = Path(code.co_filename)
        if not path.is_relative_to(self.root / PACKAGE):
            return None
        return f"{path.relative_to(self.root)}::{code.co_qualname}"
