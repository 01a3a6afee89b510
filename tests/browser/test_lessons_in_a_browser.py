"""Every lesson in a real browser: its claim on the screen, its control moved, its figure changed."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser

LESSONS = {
    "first-layer": ("grad can be implicitly created only for scalar outputs", "Output neuron", "one_neuron_0"),
    "partial-derivatives": ("The gradient with respect to the weight equals x", "x1", "sigmoid_of_ten_0"),
    "missing-gradients": ("The gradient of the first layer's weight exists", "Random seed", "detached_0"),
    "intermediate-values": ("column sums of the decoder's weight", "Factor after the mean", "encoder_and_decoder_0"),
    "pushing-a-neuron": ("Subtracting moves towards the target", "Step size", "adding_and_subtracting_0"),
    "gradient-of-itself": ("The gradient equals the column sums of the Jacobian", "Power", "power_of_x_0"),
}
"""A claim, a slider, and a chart that it changes."""


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


@pytest.mark.parametrize("lesson", LESSONS)
def test_claim_control_and_figure(visited: Server, page: Page, browser: Browser, lesson: str) -> None:
    claim, label, key = LESSONS[lesson]
    page.goto(visited.address(f"lessons?lesson={lesson}"))
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
        expect(other.get_by_text("Predict, then run")).to_be_visible(timeout=60_000)
        assert numbers(other, key) == after
        assert other.evaluate("document.documentElement.scrollWidth") <= 390
    page.go_back()
    page.wait_for_function("!location.search.includes('set=')")
    seeing.wait(page)
    assert numbers(page, key) == before


def test_the_page_opens_first_on_a_fresh_server_and_the_question_is_answered_by_keyboard(
    server: Server, page: Page
) -> None:
    page.goto(server.address("lessons"))
    expect(page.get_by_role("heading", name="Lessons")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    question = page.get_by_role("radiogroup", name="The input is multiplied by three")
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


@pytest.mark.parametrize(("dark", "width"), [(False, 1400), (True, 1400), (False, 390)])
def test_code_keeps_its_lines_and_what_moves_under_the_controls_is_covered(
    visited: Server, browser: Browser, dark: bool, width: int
) -> None:
    with tab(browser, dark=dark, width=width) as page:
        page.goto(visited.address("lessons?lesson=first-layer"))
        expect(page.get_by_text("Predict, then run")).to_be_visible(timeout=60_000)
        seeing.wait(page)
        for drawn in (
            streamlit_ids.filled("$CODE code.language-python"),
            streamlit_ids.filled("$GRAPH_VIZ_CHART svg text"),
        ):
            expect(page.locator(drawn).last).to_be_visible(timeout=20_000)
        wraps = page.evaluate(
            streamlit_ids.filled("""() => [...document.querySelectorAll("$CODE code")]
                 .filter((code) => !code.textContent.startsWith("RuntimeError: "))
                 .map((code) => getComputedStyle(code).whiteSpace)""")
        )
        assert len(wraps) >= 10, "five steps, their code and what came back"
        assert set(wraps) == {"pre"}
        error = page.get_by_test_id(streamlit_ids.CODE).filter(has_text="RuntimeError: Trying to backward")
        assert error.evaluate("(block) => block.scrollWidth <= block.clientWidth"), "what PyTorch said is wrapped"
        sizes = page.locator(streamlit_ids.filled("$GRAPH_VIZ_CHART svg text")).evaluate_all(
            "(all) => all.map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"
        )
        assert sizes
        assert min(sizes) >= 11, "pixels on the screen"
        if width > 900:
            band, under = page.evaluate(
                streamlit_ids.filled("""() => ["$LAYOUT_WRAPPER:has(> .st-key-lesson_controls)", "$APP"]
                     .map((what) => getComputedStyle(document.querySelector(what)).backgroundColor)""")
            )
            assert band == under
