"""The line beside a picture, as it comes: after the picture, without moving anything, and then it is quiet."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Server
from tests.browser.seeing import COUNT_RUNS, check_drawn, wait

pytestmark = pytest.mark.browser
LINE = "[class*=st-key-check_]"
"""Each test here asks what no other test asks: a gradient that was compared already gets its line at once."""


def test_the_line_comes_after_the_picture_moves_nothing_and_is_quiet_then(visited: Server, page: Page) -> None:
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/triangle"))
    line = page.locator(LINE)
    comparing = "(line) => document.querySelector(line)?.innerText.includes('Comparing with finite differences')"
    page.wait_for_function(comparing, arg=LINE, timeout=60_000)  # looks at every frame, for it may be a short one
    wait(page)
    page.evaluate(COUNT_RUNS)
    before = line.bounding_box()
    expect(line).to_contain_text("The gradient agrees with finite differences to 6 digits", timeout=30_000)
    check_drawn(page, "gradient")
    after = line.bounding_box()
    assert before is not None
    assert after is not None
    assert after["height"] == pytest.approx(before["height"], abs=1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1_500)
    assert asked == [], "nothing is looked for any more"
    assert page.evaluate("window.runs") == 0, "no part of the page was drawn for it"


def test_the_details_open_and_stay_open_while_the_same_is_drawn_again(visited: Server, page: Page) -> None:
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/ring"))
    button = page.locator(LINE).get_by_role("button", name="Details")
    whole = page.locator(LINE).get_by_text("They agree in all 3 directions")
    expect(button).to_have_attribute("aria-expanded", "false", timeout=60_000)
    expect(whole).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(whole).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.emulate_media(color_scheme="dark")  # draws every component anew
    page.get_by_role("radio", name="Magnitude (L2)").click()
    wait(page)
    expect(whole).to_be_visible()
    page.keyboard.press("Escape")
    button.click()
    expect(whole).to_be_hidden()


ODD = {"line": True, "said": {"icon": "error", "words": "It disagrees.", "more": "", "loud": True}}


def test_a_gradient_that_is_contradicted_is_said_loudly(visited: Server, page: Page) -> None:
    page.route("**/check/*", lambda route: route.fulfill(json=ODD))
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/heart&target=7"))
    loud = page.locator(LINE).get_by_role("alert")
    expect(loud).to_contain_text("It disagrees.", timeout=60_000)
    red, _, _ = loud.evaluate("(line) => getComputedStyle(line.parentElement).color.match(/[\\d.]+/g).map(Number)")
    assert red > 100


@pytest.mark.parametrize("body", ["<html>Log in</html>", "null"])
def test_whatever_a_proxy_answers_the_line_goes_on_looking(visited: Server, page: Page, body: str) -> None:
    answers = [body, body]

    def answer(route: Route) -> None:
        if answers:
            route.fulfill(body=answers.pop(), content_type="text/html")
        else:
            route.continue_()

    page.route("**/check/*", answer)
    page.goto(visited.address(f"?model=preset/shapes-cnn&image=sample/cross&target={len(body)}"[:-1]))
    expect(page.locator(LINE)).to_contain_text("The gradient agrees", timeout=60_000)
    assert answers == []


def test_a_server_that_cannot_be_reached_is_said(visited: Server, page: Page) -> None:
    page.route("**/check/*", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/hexagon&target=5"))
    expect(page.locator(LINE)).to_contain_text("Not checked: the server cannot be reached.", timeout=60_000)


def test_a_click_gets_a_line_of_its_own(visited: Server, page: Page) -> None:
    page.goto(visited.address("neurons?model=preset/shapes-cnn&image=sample/circle"))
    expect(page.locator(LINE)).to_contain_text("The gradient agrees", timeout=60_000)
    name = page.locator(LINE).get_attribute("class")
    channel = page.get_by_role("spinbutton", name="Channel")
    channel.fill("7")
    channel.press("Enter")
    page.wait_for_function(f"(name) => document.querySelector('{LINE}')?.className !== name", arg=name)
    expect(page.locator(LINE)).to_contain_text("The gradient agrees", timeout=60_000)
