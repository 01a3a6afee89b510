"""The backward page in a browser: play, pause and keys, a term that leads on, and switches that the doctor answers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import seeing
from tests.browser.conftest import PATIENCE_MS, Server

pytestmark = pytest.mark.browser
ADDRESS = "backward?model=preset/shapes-cnn&image=sample/star"


def _opened(page: Page, visited: Server, more: str = "") -> Locator:
    page.goto(visited.address(ADDRESS + more))
    seeing.wait(page)
    return page.get_by_role("group", name="Play the passes").get_by_role("status")


def test_it_plays_until_it_is_paused_and_the_address_follows(visited: Server, page: Page) -> None:
    where = _opened(page, visited, "&speed=2")
    expect(where).to_have_text("Back, step 1 of 21: classifier")
    page.get_by_role("button", name="Play").click()
    expect(where).to_have_text(re.compile(r"Back, step ([3-9]|1\d|20) of 21"), timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    paused = where.inner_text()
    page.wait_for_timeout(1_000)
    expect(where).to_have_text(paused)
    step = 20 + int(re.findall(r"\d+", paused)[0])
    expect(page).to_have_url(re.compile(f"step={step}$"), timeout=PATIENCE_MS)
    expect(page.get_by_text("The gradient that arrives …")).to_be_visible()


def test_arrows_step_and_space_plays(visited: Server, page: Page) -> None:
    where = _opened(page, visited, "&step=30&speed=4")
    page.keyboard.press("ArrowRight")
    expect(where).to_have_text("Back, step 11 of 21: features.10")
    page.keyboard.press("ArrowLeft")
    expect(where).to_have_text("Back, step 10 of 21: features.11")
    page.get_by_role("slider", name="Step").focus()
    page.keyboard.press("Home")
    expect(where).to_have_text("Forward, step 1 of 21: features.0")
    page.keyboard.press("Space")
    expect(where).to_have_text(re.compile(r"Forward, step ([3-9]|1\d|2[01]) of 21"), timeout=PATIENCE_MS)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.keyboard.press("End")
    expect(where).to_have_text("Back, step 21 of 21: features.0")
    expect(page.get_by_role("button", name="One step on")).to_be_disabled()
    expect(page).to_have_url(re.compile("step=41"), timeout=PATIENCE_MS)


def test_a_tab_that_is_hidden_stops_playing(visited: Server, page: Page) -> None:
    where = _opened(page, visited, "&speed=0.5")
    page.get_by_role("button", name="Play").click()
    page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(where).to_have_text("Back, step 1 of 21: classifier")


def test_a_term_leads_to_the_number_that_it_comes_from(visited: Server, page: Page) -> None:
    where = _opened(page, visited, "&step=41")
    first = page.get_by_role("button", name=re.compile(r"at y\[")).first
    index = re.findall(r"y\[([\d, ]+)\]", first.inner_text())[0].replace(" ", "")
    first.click()
    expect(where).to_have_text("Back, step 20 of 21: features.1", timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("step=40&number=" + index.replace(",", "%2C")), timeout=PATIENCE_MS)


def test_the_terms_follow_the_pointer_and_a_click_keeps_them(visited: Server, page: Page) -> None:
    where = _opened(page, visited, "&step=38&number=12,30,20")
    kept, pointed = (page.get_by_text(f"gradient at x[12,{cell}]") for cell in ("30,20", "5,7"))
    expect(kept).to_be_visible()
    page.wait_for_selector(".st-key-chart_leaves .js-plotly-plot[data-points=on]")
    address = page.url
    seeing.hover(page, "leaves", 5, 7)
    expect(pointed).to_be_visible()
    said = float(pointed.locator("xpath=..").locator("td").last.inner_text().replace("−", "-"))
    assert said == pytest.approx(seeing.heatmap(page, "leaves")[5][7], rel=1e-3)
    assert page.url == address
    page.mouse.move(2, 2)
    expect(kept).to_be_visible()
    seeing.click(page, "leaves", 5, 7)
    expect(page).to_have_url(re.compile("number=12%2C5%2C7"), timeout=PATIENCE_MS)
    page.mouse.move(2, 2)
    page.wait_for_timeout(600)
    expect(pointed).to_be_visible()
    seeing.hover(page, "leaves", 30, 20)
    expect(kept).to_be_visible()
    term = page.get_by_role("button", name=re.compile(r"at y\[")).first
    index = re.findall(r"y\[([\d, ]+)\]", term.inner_text())[0].replace(" ", "")
    term.evaluate("button => button.click()")  # the pointer is not over it: it rests on the number
    expect(where).to_have_text("Back, step 17 of 21: features.4", timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("step=37&number=" + index.replace(",", "%2C")), timeout=PATIENCE_MS)


def test_the_sentence_of_the_doctor_changes_with_the_switches(visited: Server, page: Page) -> None:
    _opened(page, visited, "&step=33")  # features.8, a ReLU
    said = page.locator(".st-key-doctor")
    expect(said).to_contain_text("No problems found", timeout=PATIENCE_MS)
    for switch, sentence in (
        ("Detach here", "is detached here"),
        ("Dead ReLU here", "their derivative is zero"),
        ("In-place here", "overwritten in place"),
        ("Nothing", "No problems found"),
    ):
        page.get_by_role("radio", name=switch).click()
        expect(said).to_contain_text(sentence, timeout=PATIENCE_MS)
    expect(page).not_to_have_url(re.compile("break="))


@pytest.mark.parametrize("step", ["3", "24", "41"])
def test_all_of_a_step_is_on_one_screen_of_a_projector(visited: Server, page: Page, step: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    _opened(page, visited, f"&step={step}")
    expect(page.locator(".st-key-doctor")).to_contain_text("The doctor", timeout=PATIENCE_MS)
    for part in (
        ".st-key-player",
        ".st-key-chart_arrives",
        ".st-key-chart_leaves",
        ".st-key-shown_break",
        ".st-key-doctor",
    ):
        box = page.locator(part).first.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= box["y"] + box["height"] <= 720, part
