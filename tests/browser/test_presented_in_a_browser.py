"""The presentation view, and what is printed."""

from __future__ import annotations

import re
import zlib

import pytest
from playwright.sync_api import Page, expect

from pages.layout import contents
from pages.streamlit_private import elements
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser

PRESENTED = [path for path, card in contents.pages().items() if card.presented]
QUESTION = "model=preset/shapes-cnn&image=sample/star"
SIZES = ((1280, 720), (1920, 1080))
ELSEWHERE = """() => [...document.querySelectorAll("[class*=st-key-chart_] .main-svg")]
  .filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect())
  .filter((box) => box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || box.top < 0).length"""


def _open(page: Page, address: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    page.wait_for_selector("[class*=st-key-chart_] .main-svg", timeout=60_000)
    seeing.wait(page)
    seeing.faded_in(page)


@pytest.mark.parametrize("path", ["saliency", "neurons", "perturbation", "jacobian", "backward", "story"])
def test_nothing_but_pictures_sentence_and_one_control_is_presented(visited: Server, page: Page, path: str) -> None:
    """It opens on the larger screen; its pictures are too large for the smaller one until they follow."""
    small, large = SIZES
    _open(page, visited.address(f"{path}?{QUESTION}&present=1"), *large)
    check_presented(page, path, large[0])
    size = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert size > 24, "large type on a large screen"
    page.set_viewport_size({"width": small[0], "height": small[1]})
    page.wait_for_function(f"({ELSEWHERE})() === 0")
    seeing.wait(page)
    check_presented(page, path, small[0])


def check_presented(page: Page, path: str, width: int) -> None:
    """Nothing else is shown, and all of it is within the window."""
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR)).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    for key in contents.pages()[path].presented:
        if page.locator(f".st-key-{key}").count():
            expect(page.locator(f".st-key-{key}, .st-key-{key} nav").last).to_be_visible()
    assert page.evaluate(ELSEWHERE) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("path", "wanted"), [("doctor", "Check the gradient"), ("lessons", "Run and check")])
def test_without_pictures_the_words_and_the_control_are_presented(
    visited: Server, page: Page, path: str, wanted: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(visited.address(f"{path}?present=1"))
    expect(page.get_by_role("button", name=wanted)).to_be_in_viewport(ratio=1)
    seeing.wait(page)
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    expect(page.get_by_test_id(streamlit_ids.DATA_FRAME).filter(visible=True)).to_have_count(0)


def test_nothing_lies_over_what_is_presented(visited: Server, page: Page) -> None:
    for path in ("story", "perturbation", "lessons"):
        for size in (SIZES[0], (390, 844)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.goto(visited.address(f"{path}?present=1"))
            expect(page.get_by_role("button", name="Leave")).to_be_visible()
            seeing.wait(page)
            leave = page.locator(".st-key-leave_presentation").bounding_box()
            top = page.evaluate(TOP)
            assert leave is not None
            assert top >= leave["y"] + leave["height"] - 1, (path, size, top, leave)


TOP = streamlit_ids.filled("""() => Math.min(...[...document.querySelectorAll("$ELEMENT")]
  .filter((e) => e.checkVisibility() && e.innerText?.trim() && !e.closest(".st-key-leave_presentation"))
  .map((e) => e.getBoundingClientRect()).filter((box) => box.height > 4).map((box) => box.top))""")
"""Where the first words begin."""


def test_another_value_than_1_is_an_error_above_the_page(visited: Server, page: Page) -> None:
    _open(page, visited.address(f"saliency?{QUESTION}&present=7"), *SIZES[0])
    error = page.get_by_test_id(streamlit_ids.ALERT_CONTENT_ERROR)
    expect(error).to_contain_text("Present cannot be '7': it must be 1.")
    expect(error).to_be_in_viewport()
    page.get_by_role("button", name="Continue without it").click()
    expect(error).to_have_count(0)


def test_one_press_begins_it_and_escape_leaves_it(visited: Server, page: Page) -> None:
    _open(page, visited.address(f"saliency?{QUESTION}"), *SIZES[0])
    page.get_by_role("button", name="Present").click()
    page.wait_for_function("location.search.includes('present=1')")
    expect(page.get_by_role("heading", level=1)).to_be_hidden()
    seeing.wait(page)
    page.get_by_role("radio", name="Magnitude (L2)").click()
    page.wait_for_function("location.search.includes('view=l2')")
    seeing.check_drawn(page, "gradient")
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('present')")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert seeing.choice(page, "view") == "l2"


def test_an_error_is_presented_with_what_to_do_about_it(visited: Server, page: Page) -> None:
    page.goto(visited.address(f"saliency?{QUESTION}&present=1&target=99999"))
    expect(page.get_by_text("Class 99999 does not exist")).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Continue without it").click()
    page.wait_for_function("!location.search.includes('target')")
    seeing.wait(page)
    expect(page.locator(".st-key-chart_gradient")).to_be_visible()


def test_every_page_that_has_pictures_says_what_is_presented() -> None:
    assert {*PRESENTED} == {*contents.pages()} - {"export", "docs"}


@pytest.mark.parametrize("dark", [False, True])
def test_paper_has_no_sidebar_no_cut_picture_and_the_address_at_the_foot(
    visited: Server, page: Page, dark: bool
) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    _open(page, visited.address(f"neurons?{QUESTION}"), *SIZES[0])
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark" if dark else "light")
    expect(page.get_by_test_id(streamlit_ids.SIDEBAR)).to_be_hidden()
    expect(page.get_by_role("button", name="Present")).to_be_hidden()
    cut = page.evaluate(
        """() => [...document.querySelectorAll("[class*=st-key-picture_] [class*=st-key-chart_]")].filter((e) => {
          const [box, drawn] = [e, e.querySelector(".main-svg")].map((one) => one?.getBoundingClientRect());
          return drawn && (drawn.height > box.height + 2 || getComputedStyle(e).breakInside !== "avoid");
        }).map((e) => `${e.className} ${e.offsetHeight} ${e.querySelector(".main-svg").clientHeight}`)"""
    )
    assert cut == []
    assert page.evaluate("getComputedStyle(document.body, '::after').content") == "none", "nothing over the page"
    margins = "[...document.querySelectorAll('style')].map((e) => e.sheet?.cssRules[0]?.cssText ?? '')"
    (foot,) = [rule for rule in page.evaluate(margins) if "@bottom-left" in rule]
    assert f"neurons?{QUESTION}" in foot
    colour = page.locator("h1").evaluate("(e) => getComputedStyle(e).color")
    assert colour == "rgb(17, 17, 17)", "dark on white, whatever the theme"
    painted = page.evaluate(
        """([main, chart]) => [...document.querySelector(main).querySelectorAll("*")]
          .filter((e) => !e.closest(chart) && getComputedStyle(e).backgroundColor !== "rgba(0, 0, 0, 0)")
          .map((e) => e.outerHTML.slice(0, 200))""",
        [elements.MAIN_BLOCK, elements.CHART],
    )
    assert painted == [], "a control of a dark theme would be a black box"


def test_a_long_page_takes_several_sheets_of_a4(visited: Server, page: Page) -> None:
    _open(page, visited.address(f"neurons?{QUESTION}"), *SIZES[0])
    page.emulate_media(media="print")
    sheets, box = _sheets(page.pdf(prefer_css_page_size=True))
    assert sheets > 1
    assert box == pytest.approx((842, 595), abs=1)


def _sheets(pdf: bytes) -> tuple[int, tuple[float, float]]:
    """How many sheets a PDF has, and how large the first is, in points."""
    parts = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        unpacked = zlib.decompressobj()
        try:
            parts.append(unpacked.decompress(stream))
        except zlib.error:
            continue
    count = sum(len(re.findall(rb"/Type\s*/Page\b(?!s)", part)) for part in parts)
    found = next(match for part in parts if (match := re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", part)))
    return count, (float(found[1]), float(found[2]))
