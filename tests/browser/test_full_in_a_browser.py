"""A full app, as the person sees it who comes one too many."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Locator, Route, expect

from tests.serving.conftest import Reply, handshake, running


def hurried(there: Locator) -> None:
    """Until it can be seen. Between the tries of the page five seconds pass in one, for as long as they may become."""
    while not there.is_visible():
        there.page.clock.fast_forward(4_000)
        there.page.wait_for_timeout(1_000)


def test_the_page_of_a_full_app_opens_the_app_once_there_is_a_place(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, GRADVIZ_SESSIONS="1") as app:
        other = handshake(app, ("Host", app.host), ("Origin", f"http://{app.host}"), source="127.0.0.2", keep=True)
        assert other.socket is not None
        page = browser.new_page()
        page.clock.install()
        page.goto(f"http://{app.host}/lessons")
        expect(page.get_by_role("heading", name="GradViz is full")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("The one session of this GradViz is in use.")
        other.socket.close()
        hurried(page.get_by_role("heading", name="Lessons"))
        page.close()


def test_a_tab_that_was_let_in_too_late_is_told_why_it_waits(tmp_path: Path, browser: Browser) -> None:
    with running(tmp_path, GRADVIZ_SESSIONS="1") as app:
        page = browser.new_page()
        page.clock.install()
        late: list[Reply] = []

        def taken_meanwhile(route: Route) -> None:
            if not late:
                origin = ("Origin", f"http://{app.host}")
                late.append(handshake(app, ("Host", app.host), origin, source="127.0.0.2", keep=True))
            route.continue_()

        page.route("**/_stcore/host-config", taken_meanwhile)
        page.goto(f"http://{app.host}/lessons")
        hurried(page.get_by_role("dialog").get_by_text("The one session of this GradViz is in use."))
        assert late[0].socket is not None
        late[0].socket.close()
        hurried(page.get_by_role("heading", name="Lessons"))
        page.close()
