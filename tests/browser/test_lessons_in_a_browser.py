"""Lessons in a real browser: the table of contents, what is on the first screen, figures that follow the controls."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gradviz_core.lessons.contents import LESSONS
from gradviz_core.types.lesson_cards import Lesson
from pages.learn import lesson_contents
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab
from tests.browser.test_one_screen import MOST_SHIFT, SHIFT, WATCH

pytestmark = pytest.mark.browser

FIGURES = {
    "partial-derivatives": ("sigmoid_of_ten", "With the mean, the gradient equals", "x1"),
    "intermediate-values": ("encoder_and_decoder", "column sums of the decoder's weight", "Factor after the mean"),
    "gradient-of-itself": ("power_of_x", "The gradient equals 2x", "Power"),
}
"""Of some lessons a step with a picture, a claim of it, and a slider that changes the picture."""


def numbers(page: Page, key: str) -> str:
    """All that a chart draws, as text."""
    page.wait_for_function(
        "(key) => document.querySelector(`.st-key-chart_${key} .js-plotly-plot`)?._fullData", arg=key, timeout=60_000
    )
    seeing.wait(page)
    found = page.evaluate(
        """(key) => document.querySelector(`.st-key-chart_${key} .js-plotly-plot`)._fullData
             .map((t) => [t.y, t.z].map((v) => v && Array.from(v, (row) => row.length ? Array.from(row) : row)))""",
        key,
    )
    return json.dumps(found)


@pytest.mark.parametrize("lesson", FIGURES)
def test_claim_control_and_figure(visited: Server, page: Page, browser: Browser, lesson: str) -> None:
    step, claim, label = FIGURES[lesson]
    key = f"{step}_0"
    page.goto(visited.address(f"lessons?lesson={lesson}&lesson_step={step}&guess=shown"))
    expect(page.get_by_text(claim).first).to_be_visible(timeout=60_000)
    before = numbers(page, key)
    expect(page.locator(streamlit_ids.filled("$GRAPH_VIZ_CHART svg")).first).to_be_visible()
    slider = page.get_by_role("slider", name=label)
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('set=')")
    after = numbers(page, key)
    assert after != before
    with tab(browser, dark=True, width=390) as other:
        other.goto(page.url)
        assert numbers(other, key) == after
        assert other.evaluate("document.documentElement.scrollWidth") <= 390
    page.go_back()
    page.wait_for_function("!location.search.includes('set=')")
    seeing.wait(page)
    assert numbers(page, key) == before


def test_the_question_is_answered_by_keyboard(visited: Server, page: Page) -> None:
    page.goto(visited.address("lessons"))
    expect(page.get_by_role("heading", name="Lessons")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    question = page.get_by_role("radiogroup", name="The layer has five outputs")
    expect(question).to_be_visible(timeout=60_000)
    seeing.wait(page)
    question.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Run and check")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Correct.", exact=True)).to_be_visible(timeout=30_000)
    assert seeing.choice(page, "guess") == "2"


def open_step(page: Page, key: str) -> None:
    """Wait until this step is open."""
    page.wait_for_function("(key) => new URL(location.href).searchParams.get('lesson_step') === key", arg=key)
    seeing.wait(page)


def entry(page: Page, title: str) -> Locator:
    """The link to a step in the table of contents."""
    return page.get_by_role("navigation", name="Steps of the lesson").get_by_role("link", name=title)


def test_the_table_of_contents_leads_to_each_step_by_keyboard_and_marks_what_is_open_and_done(
    visited: Server, page: Page
) -> None:
    page.goto(visited.address("lessons?lesson=first-layer"))
    expect(entry(page, "1. Five outputs at once")).to_have_attribute("aria-current", "step", timeout=60_000)
    expect(entry(page, "Previous")).to_have_count(0)
    seeing.wait(page)
    page.get_by_role("button", name="Show me").click()
    expect(entry(page, "1. Five outputs at once, done")).to_be_visible()
    page.locator("body").press("ArrowRight")
    open_step(page, "one_neuron")
    expect(entry(page, "2. One output neuron")).to_have_attribute("aria-current", "step")
    expect(page.get_by_role("radio").first).to_be_visible()
    assert seeing.choice(page, "guess") is None, "the answer of one step is not that of another"
    entry(page, "5. A second derivative").focus()
    page.keyboard.press("Enter")
    open_step(page, "second_derivative")
    entry(page, "Previous").click()
    open_step(page, "asking_twice")
    entry(page, "1. Five outputs at once, done").click()
    open_step(page, "five_outputs_at_once")
    expect(page.get_by_text("The answer is")).to_be_visible()
    page.go_back()
    open_step(page, "asking_twice")


def test_arrows_that_belong_to_a_control_turn_no_page(visited: Server, page: Page) -> None:
    page.goto(visited.address("lessons?lesson=first-layer&lesson_step=one_neuron"))
    radios = page.get_by_role("radiogroup", name="What is the gradient of output neuron 2").get_by_role("radio")
    expect(radios.first).to_be_visible(timeout=60_000)
    seeing.wait(page)
    radios.first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(radios.nth(1)).to_be_checked()
    page.get_by_role("slider", name="Output neuron").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('set=neuron=3') || location.search.includes('set=neuron%3D3')")
    assert seeing.choice(page, "lesson_step") == "one_neuron"


def test_on_a_phone_the_table_of_contents_opens_from_the_foot(visited: Server, browser: Browser) -> None:
    with tab(browser, width=390) as page:
        page.goto(visited.address("lessons?lesson=partial-derivatives"))
        opener = page.get_by_role("button", name="Step 1 of 4")
        expect(opener).to_be_in_viewport(timeout=60_000)
        seeing.wait(page)
        expect(entry(page, "3. A small network")).to_be_hidden()
        opener.click()
        entry(page, "3. A small network").click()
        open_step(page, "small_network")
        expect(page.get_by_role("button", name="Step 3 of 4")).to_be_in_viewport()
        expect(entry(page, "1. A product")).to_be_hidden()
        page.get_by_role("button", name="Step 3 of 4").press("Enter")
        expect(entry(page, "1. A product")).to_be_visible()
        page.keyboard.press("Escape")
        expect(entry(page, "1. A product")).to_be_hidden()


CUT = streamlit_ids.filled("""() => [...document.querySelectorAll("$CODE")]
  .filter((block) => block.scrollWidth > block.clientWidth)
  .map((block) => [block.scrollWidth, block.clientWidth, block.textContent])""")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_no_line_is_cut_on_a_projector_and_nothing_is_wider_than_a_phone(
    visited: Server, browser: Browser, lesson: Lesson
) -> None:
    with tab(browser, width=1280) as page:
        page.set_viewport_size({"width": 1280, "height": 720})
        for each in lesson_contents.entries(lesson):
            page.goto(visited.address(f"lessons?lesson={lesson.key}&lesson_step={each.key}&guess=shown"))
            expect(page.locator(streamlit_ids.filled("$CODE code.language-python")).last).to_be_visible(timeout=60_000)
            expect(page.get_by_text("Results", exact=True)).to_be_visible()
            seeing.wait(page)
            assert page.locator(streamlit_ids.filled("$CODE")).count() >= 2, "the program, and its results"
            assert page.evaluate(CUT) == [], each.title
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function("document.documentElement.scrollWidth <= 390")


ABOVE = ("one_neuron", "three_right_ways", "second_derivative")


@pytest.mark.parametrize("step", ABOVE)
def test_question_code_and_picture_are_above_the_fold_and_nothing_jumps(
    visited: Server, browser: Browser, step: str
) -> None:
    with tab(browser, moving=True) as page, script(page, WATCH):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(visited.address(f"lessons?lesson=first-layer&lesson_step={step}"))
        expect(page.get_by_role("radio").first).to_be_visible(timeout=60_000)
        seeing.wait(page)
        expect(page.get_by_role("button", name="Show me")).to_be_in_viewport(ratio=1)
        shift, moved = page.evaluate(SHIFT)
        assert shift < MOST_SHIFT, moved
        page.get_by_role("button", name="Show me").click()
        picture = page.locator(f".st-key-chart_{step}_0 .js-plotly-plot")
        code = page.locator(streamlit_ids.filled(".st-key-lesson_program $CODE")).last
        for width, height in ((1280, 720), (1440, 900)):
            page.set_viewport_size({"width": width, "height": height})
            expect(page.get_by_text("The answer is")).to_be_in_viewport(ratio=1)
            seeing.wait(page)
            expect(picture).to_be_in_viewport(ratio=1)
            expect(code).to_be_in_viewport(ratio=1)
            box = picture.bounding_box()
            assert box is not None
            assert box["width"] >= 250, "it fills the column, whatever the ratio of its sides"


def test_code_keeps_its_lines_and_graphs_can_be_read(visited: Server, page: Page) -> None:
    """A line of Python that is wrapped looks like another: on a phone it is scrolled."""
    page.goto(visited.address("lessons?lesson=first-layer&lesson_step=asking_twice&guess=shown"))
    for drawn in (
        streamlit_ids.filled("$CODE code.language-python"),
        streamlit_ids.filled("$GRAPH_VIZ_CHART svg text"),
    ):
        expect(page.locator(drawn).last).to_be_visible(timeout=60_000)
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        seeing.drawn(page)
        seeing.wait(page)
        wraps = page.evaluate(
            streamlit_ids.filled("""() => [...document.querySelectorAll("$CODE code")]
                 .filter((code) => !code.textContent.startsWith("RuntimeError: "))
                 .map((code) => getComputedStyle(code).whiteSpace)""")
        )
        assert len(wraps) >= 2, "the code and what came back"
        assert set(wraps) == {"pre"}
        error = page.get_by_test_id(streamlit_ids.CODE).filter(has_text="RuntimeError: Trying to backward")
        assert error.evaluate("(block) => block.scrollWidth <= block.clientWidth"), "what PyTorch said is wrapped"
        sizes = page.locator(streamlit_ids.filled("$GRAPH_VIZ_CHART svg text")).evaluate_all(
            "(all) => all.map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"
        )
        assert sizes
        assert min(sizes) >= 11, "pixels on the screen"
