"""After the tests: how many each layer has, and how long they took."""

from __future__ import annotations

import pytest

from tests.layers import taken


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for group in terminalreporter.stats.values() for one in group if isinstance(one, pytest.TestReport)]
    terminalreporter.section("layers")
    for name, tests, seconds in taken(reports):
        terminalreporter.write_line(f"{name:14} {tests:5} tests {seconds / 60:6.1f} min")
