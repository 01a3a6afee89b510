"""Without a network, a photo is recognised within seconds of the server's start."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, running
from tests.crowding import soon

NOWHERE = "http://127.0.0.1:9"
"""Nobody listens there."""
PROMISED_S = 8.0


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[Server]:
    """A server that nobody has visited yet, and that reaches nobody."""
    with running(tmp_path, dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), NOWHERE)) as fresh:
        yield fresh


def test_a_photo_is_recognised_soon_after_the_start_without_a_network(cut_off: Server, page: Page) -> None:
    page.goto(cut_off.address("saliency"))
    expect(page.locator(".st-key-beside_title")).to_contain_text("predicted espresso")
    expect(page.locator(".st-key-chart_gradient .heatmaplayer image")).to_be_visible()
    expect(page.locator(".st-key-said_gradient")).to_contain_text("espresso")
    assert time.time() - psutil.Process(cut_off.pid).create_time() < soon(PROMISED_S)
