"""Back and forth in the browser: one step for one choice."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server


def test_one_step_back_undoes_a_choice_that_lets_others_fall(visited: Server, page: Page) -> None:
    """A new model lets target, site and place fall: still one step, and one step back brings them all again."""
    page.goto(visited.address("neurons?image=sample/star&site=features.14&channel=5&row=3&col=4"))
    before = seeing.finite(seeing.heatmap(page, "gradient"))
    address, steps = page.url, page.evaluate("history.length")
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="Shapes, residual network").click()
    page.wait_for_function("location.search.includes('model=') && !location.search.includes('channel=')")
    seeing.wait(page)
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=address)
    assert seeing.finite(seeing.heatmap(page, "gradient")) == before
    page.go_forward()
    page.wait_for_function("location.search.includes('model=') && !location.search.includes('channel=')")
    seeing.wait(page)


def test_the_way_back_through_the_answers_of_a_lesson(visited: Server, page: Page) -> None:
    """What is marked and what is said of it are of the same answer."""
    page.goto(visited.address("lessons?lesson=first-layer"))
    seeing.wait(page)
    press = page.get_by_role("button", name="Run and check")
    answers = page.get_by_test_id(streamlit_ids.FORM).get_by_role("radio")
    for number in (0, 2):
        answers.nth(number).check(force=True)
        press.click()
        page.wait_for_function(f"location.search.includes('guess={number}')")
        seeing.wait(page)
    page.go_back()
    page.wait_for_function("location.search.includes('guess=0')")
    seeing.wait(page)
    assert [one.is_checked() for one in answers.all()] == [True, False, False]
    expect(page.get_by_text("Not correct.")).to_be_visible()
    expect(page.get_by_text("“It returns one row of ten numbers.”")).to_be_visible()


def test_choices_in_quick_succession_are_steps_of_their_own(visited: Server, page: Page) -> None:
    """The second is clicked as soon as the first is in the address, before its picture is drawn."""
    page.goto(visited.address("?image=sample/star"))
    seeing.check_drawn(page, "gradient")
    steps = page.evaluate("history.length")
    for view, label in (("l2", "Magnitude (L2)"), ("max", "Magnitude (max)")):
        page.get_by_role("radio", name=label).click()
        page.wait_for_function(f"location.search.includes('view={view}')", polling=10)
    seeing.wait(page)
    assert page.evaluate("history.length") == steps + 2
    page.go_back()
    page.wait_for_function("location.search.includes('view=l2')")
    seeing.wait(page)


def test_a_double_click_on_the_way_to_another_page_is_one_step(visited: Server, page: Page) -> None:
    page.goto(visited.address("feature-maps?image=sample/star&site=features.14"))
    seeing.check_drawn(page, "channels")
    seeing.click(page, "channel", 2, 7)
    address, steps = page.url, page.evaluate("history.length")
    page.get_by_role("button", name="This unit on the Neurons page").dblclick()
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "activation")
    assert page.evaluate("history.length") == steps + 1
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=address)
    seeing.check_drawn(page, "channels")
