"""Which tests are nearest to a fault: those that call the function it lies in, the short ones first."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.mutants.faults import Fault

NEAR_S = 12.0
"""Tests of so many seconds in all are tried first."""
WIDE_S = 60.0
"""Tests of so many more are tried on what these do not notice."""


class Timed(NamedTuple):
    """A test by its pytest name, and how long it took when it was recorded."""

    name: str
    seconds: float

    @property
    def file(self) -> str:
        """The file that holds it."""
        return self.name.partition("::")[0]


@dataclass(frozen=True)
class Nearest:
    """The records of ``tests.mutants.calls``, read from ``folder``; the sources are those under ``root``."""

    root: Path
    folder: Path

    def rings(self, fault: Fault) -> tuple[list[Timed], list[Timed]]:
        """The tests to try first, and those to try where these notice nothing."""
        calling = self._calling(fault)
        stem = Path(fault.path).stem
        ordered = sorted(calling, key=lambda test: (stem not in test.file, test.seconds))
        first = list(_within(NEAR_S, ordered))
        files = {test.file for test in calling} | self._naming(fault.name or stem)
        others = {test for file in files for test in self._tests.get(file, ())} - set(first)
        second = sorted(others, key=lambda test: (test not in calling, stem not in test.file, test.seconds))
        return first, list(_within(WIDE_S, second))

    def _calling(self, fault: Fault) -> set[Timed]:
        """The tests that call the function; those that call what names the constant or class, where it is in none."""
        if direct := self._calls.get(f"{fault.path}::{fault.function}"):
            return direct
        named = {name for name in self._calls if fault.name and fault.name in self._names_in.get(name, ())}
        return {test for name in named for test in self._calls[name]} | {
            test for file in self._naming(fault.name) for test in self._tests.get(file, ())
        }

    def _naming(self, name: str) -> set[str]:
        """The files of tests in which a name stands."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        return {file for file, text in self._texts.items() if name and word.search(text)}

    @cached_property
    def _read(self) -> tuple[dict[str, list[Timed]], dict[str, set[Timed]]]:
        tests: dict[str, list[Timed]] = {}
        calls: dict[str, set[Timed]] = defaultdict(set)
        for path in sorted(self.folder.glob("*.json")):
            record = json.loads(path.read_text(encoding="utf-8"))
            timed = [Timed(name, seconds) for name, seconds in record["tests"]]
            if timed and (self.root / timed[0].file).is_file():
                tests[timed[0].file] = timed
                for function, numbers in record["calls"].items():
                    calls[function].update(timed[number] for number in numbers)
        return tests, dict(calls)

    @property
    def _tests(self) -> dict[str, list[Timed]]:
        return self._read[0]

    @property
    def _calls(self) -> dict[str, set[Timed]]:
        return self._read[1]

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {file: (self.root / file).read_text(encoding="utf-8") for file in self._tests}

    @cached_property
    def _names_in(self) -> dict[str, frozenset[str]]:
        """For each function of the package the names that it uses."""
        found: dict[str, frozenset[str]] = {}
        for path in (self.root / "gradviz_core").rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for name, function in _functions(tree, ""):
                found[f"{path.relative_to(self.root).as_posix()}::{name}"] = _names(function)
        return found


def _within(seconds: float, tests: Iterable[Timed]) -> Iterator[Timed]:
    """The first tests, until they take so long together; one at least."""
    taken = 0.0
    for test in tests:
        if taken and taken + test.seconds > seconds:
            return
        taken += test.seconds
        yield test


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.AST]]:
    """Every function below a node, with its qualified name as Python has it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield outer + child.name, child
            yield from _functions(child, f"{outer}{child.name}.<locals>.")
        else:
            yield from _functions(child, f"{outer}{child.name}." if isinstance(child, ast.ClassDef) else outer)


def _names(function: ast.AST) -> frozenset[str]:
    """The names and attributes that a function reads."""
    nodes = list(ast.walk(function))
    return frozenset(
        {node.id for node in nodes if isinstance(node, ast.Name)}
        | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    )
