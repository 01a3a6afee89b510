"""A full app, as the person sees it who comes one too many."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from gradviz_core.serving.places import RETURN_S
from tests.serving.conftest import handshake, running


def test_the_page_of_a_full_app_opens_the_app_once_there_is_a_place(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, GRADVIZ_SESSIONS="1") as app:
        other = handshake(app, ("Host", app.host), ("Origin", f"http://{app.host}"), source="127.0.0.2", keep=True)
        assert other.socket is not None
        page = browser.new_page()
        page.goto(f"http://{app.host}/lessons")
        expect(page.get_by_role("heading", name="GradViz is full")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("The one session that this GradViz may have is taken.")
        other.socket.close()
        expect(page.get_by_role("heading", name="Lessons")).to_be_visible(timeout=1e3 * RETURN_S + 60_000)
        page.close()
