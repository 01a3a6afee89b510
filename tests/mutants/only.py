"""A pytest plugin: of the files named, run only the tests listed in a file, in that order."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``-p tests.mutants.only --only=FILE``: one test on each line."""
    parser.addoption("--only", type=Path)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the others. A listed test that is gone is left out too."""
    listed = config.getoption("--only").read_text(encoding="utf-8").splitlines()
    order = {name: number for number, name in enumerate(listed)}
    items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])
