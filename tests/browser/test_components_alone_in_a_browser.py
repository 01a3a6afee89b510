"""Components by themselves: what is pressed quickly, or while the page is drawn anew, is neither lost nor undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from pages.learn import lesson_contents
from pages.shell import architecture_map, download_buttons, printed
from pages.streamlit_private import elements
from pages.understand import player
from tests.browser import streamlit_ids
from tests.browser.alone import Alone
from tests.browser.conftest import tab

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page."""
    with tab(browser) as opened:
        opened.goto("about:blank")
        yield opened


# ------------------------------------------------------------------------------------------------------------- player


def _passes(position: int, speed: float = 1.0) -> dict[str, object]:
    steps = [{"name": f"s{i}", "title": f"s{i}", "block": "b", "start": i == 0, "level": 0.5} for i in range(10)]
    return {"steps": steps, "position": position, "broken": -1, "speed": speed, "speeds": player.SPEEDS}


@pytest.fixture
def played(page: Page) -> Alone:
    made = Alone(page, player._HTML, player._JS)
    made.draw(_passes(10))
    return made


def test_a_held_arrow_sends_one_position_and_older_drawings_do_not_undo_it(page: Page, played: Alone) -> None:
    where = page.get_by_role("status")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    played.draw(_passes(11))
    expect(where).to_have_text("Back, step 5 of 10: s5")
    page.wait_for_function("window.sent.length")
    played.draw(_passes(12))
    expect(where).to_have_text("Back, step 5 of 10: s5")
    page.wait_for_timeout(400)
    assert played.sent == [14]
    played.draw(_passes(14))
    played.draw(_passes(3))
    expect(where).to_have_text("Forward, step 4 of 10: s3")


def test_it_plays_on_once_the_step_that_it_asked_for_is_drawn(page: Page, played: Alone) -> None:
    played.draw(_passes(10, speed=4.0))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.sent.length === 1")
    played.draw(_passes(10, speed=4.0))
    page.wait_for_timeout(400)
    assert played.sent == [11]
    played.draw(_passes(11, speed=4.0))
    page.wait_for_function("window.sent.length === 2")
    assert played.sent == [11, 12]


def test_keys_that_scroll_the_page_are_left_to_it_unless_the_player_has_the_focus(page: Page, played: Alone) -> None:
    for key in ("Home", "End", "Space"):
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    assert played.sent == []
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("End")
    page.wait_for_function("window.sent.length")
    assert played.sent == [19]


def test_buttons_keep_the_focus_at_the_end_and_nothing_is_read_aloud_while_it_plays(page: Page, played: Alone) -> None:
    played.draw(_passes(18))
    on = page.get_by_role("button", name="One step on")
    on.press("Enter")
    expect(on).to_be_focused()
    expect(on).to_have_attribute("aria-disabled", "true")
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "polite")
    play = page.get_by_role("button", name="Play")
    play.click()
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "off")
    assert page.get_by_role("button", name="Pause").get_attribute("aria-pressed") is None


def test_the_list_of_speeds_is_not_made_anew(page: Page, played: Alone) -> None:
    first = page.get_by_role("combobox", name="Speed").locator("option").first.element_handle()
    played.draw(_passes(11, speed=2.0))
    assert page.get_by_role("combobox", name="Speed").input_value() == "2"
    assert first.evaluate("(option) => option.isConnected")


# ---------------------------------------------------------------------------------------------------------------- map


def _map(*sites: str, chosen: int = 0) -> dict[str, object]:
    bars = [{"site": site, "title": site, "block": "b", "start": False, "height": 1} for site in sites]
    return {"bars": bars, "chosen": chosen, "label": "Map"}


def test_a_click_back_before_the_map_is_drawn_anew_is_not_lost(page: Page) -> None:
    drawn = Alone(page, architecture_map._HTML, architecture_map._JS)
    drawn.draw(_map("a", "b"))
    for site in ("b", "a"):
        page.locator(f"[data-site={site}]").dispatch_event("click")
    assert drawn.sent == ["b", "a"]


def test_a_layer_that_is_being_chosen_by_keyboard_is_not_looked_for_in_another_model(page: Page) -> None:
    drawn = Alone(page, architecture_map._HTML, architecture_map._JS)
    drawn.draw(_map("a", "b", "c"))
    strip = page.get_by_role("slider", name="Map")
    strip.press("End")
    drawn.draw(_map("a", "b", "x", chosen=1))
    expect(strip).to_have_attribute("aria-valuetext", "b")
    page.wait_for_timeout(600)
    assert drawn.sent == []
    strip.press("Home")
    drawn.draw(_map("y", "a", chosen=0))
    expect(strip).to_have_attribute("aria-valuetext", "a")
    page.wait_for_function("window.sent.length")
    assert drawn.sent == ["a"]


# ------------------------------------------------------------------------------------------------------------- lesson


def _lesson(here: int) -> dict[str, object]:
    steps = [{"key": f"k{i}", "title": f"Title {i}", "address": f"#{i}", "done": False} for i in range(5)]
    return {"steps": steps, "here": here, "main": elements.MAIN}


@pytest.fixture
def contents(page: Page) -> Alone:
    page.set_content("<section tabindex=0><p>words</p><pre tabindex=0>code</pre></section>")
    page.evaluate("name => document.querySelector('section').dataset.testid = name", streamlit_ids.MAIN)
    made = Alone(page, lesson_contents._HTML, lesson_contents._JS)
    made.draw(_lesson(0))
    return made


def test_two_quick_presses_move_two_steps_and_the_step_is_announced(page: Page, contents: Alone) -> None:
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert contents.sent == ["k1", "k2"]
    contents.draw(_lesson(1))
    page.get_by_role("link", name="Next").click()
    assert contents.sent[2:] == ["k3"]
    contents.draw(_lesson(3))
    expect(page.get_by_role("status")).to_have_text("Step 4 of 5: Title 3")
    page.get_by_role("link", name="Previous").click()
    assert contents.sent[3:] == ["k2"]


def test_arrows_turn_the_page_after_a_click_on_text_but_not_inside_code(page: Page, contents: Alone) -> None:
    page.locator("pre").focus()
    page.keyboard.press("ArrowRight")
    assert contents.sent == []
    page.get_by_text("words").click()
    assert page.evaluate("document.activeElement.dataset.testid") == streamlit_ids.MAIN
    page.keyboard.press("ArrowRight")
    assert contents.sent == ["k1"]


# -------------------------------------------------------------------------------------------------------------- print


def test_an_address_that_cannot_be_decoded_is_printed_as_it_is(page: Page) -> None:
    for address, shown in (("about:blank#100%", "about:blank#100%"), ("about:blank#%C3%A9", "about:blank#é")):
        page.goto(address)
        page.reload()
        Alone(page, "<span></span>", printed._JS).draw(
            {"main": elements.MAIN_BLOCK, "paper": printed.PAPER, "high": printed.HIGH, "foot": printed.FOOT}
        )
        assert page.evaluate("document.body.dataset.address") == shown


# ---------------------------------------------------------------------------------------------------------- downloads


def _menu() -> dict[str, object]:
    row = {"chart": "chart_x", "label": "X", "lines": ["X"], "file": "x"}
    pages = {name: {"address": "nowhere", "file": "x.html"} for name in ("whole", "light")}
    arrays = [{"address": "about:blank", "file": "x.npz", "label": "Raw arrays"}]
    return {
        "rows": [row | pages],
        "arrays": arrays,
        "bibtex": "",
        "columns": [85, 175],
        "names": download_buttons._NAMES,
    }


def test_a_picture_that_is_not_there_and_a_server_that_is_away_are_told_apart(page: Page) -> None:
    Alone(page, "<div class='menu'></div>", download_buttons._JS).draw(_menu())
    page.get_by_role("button", name="X (HTML)").click()
    said = page.get_by_role("status").first
    expect(said).to_have_text("The picture cannot be made into a file. Wait until it is drawn, then try again.")
    page.evaluate(
        """() => {
          const plot = '<div class="st-key-chart_x"><i class="js-plotly-plot"></i></div>';
          document.body.insertAdjacentHTML("beforeend", plot);
          Object.assign(document.querySelector(".js-plotly-plot"), { data: [], layout: {} });
          window.fetch = async () => { throw new TypeError("Failed to fetch"); };
        }"""
    )
    page.get_by_role("button", name="X (HTML)").click()
    expect(said).to_have_text("The server cannot be reached. Try again in a moment.")


def test_arrays_come_though_the_menu_was_closed(page: Page) -> None:
    Alone(page, "<div class='menu'></div>", download_buttons._JS).draw(_menu())
    page.get_by_role("button", name="Raw arrays (npz)").click()
    page.evaluate("document.querySelector('div').remove()")
    expect(page.locator("iframe")).to_have_count(1)
