"""The address that a page hands on: what it holds, and how it is copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from pages.learn.lesson_contents import PREDICT
from tests.browser import seeing
from tests.browser.conftest import Server, script

SHAPES = "model=preset/shapes-cnn&image=sample/heart"
COPIED = """(() => { window.copied = [];
  Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied.push(text) } } });
})()"""
REFUSED = 'Object.defineProperty(navigator, "clipboard", { value: undefined })'


@contextmanager
def opened(page: Page, address: str, clipboard: str) -> Iterator[None]:
    with script(page, clipboard):
        page.goto(address)
        seeing.wait(page)
        yield


def test_the_address_of_the_page_is_copied_by_keyboard(visited: Server, page: Page) -> None:
    with opened(page, visited.address(f"?{SHAPES}&view=l2"), COPIED):
        page.get_by_role("button", name="Copy link").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("window.copied") == [page.url]
        assert seeing.choice(page, "view") == "l2"


def test_whoever_is_sent_a_lesson_answers_it_alone(visited: Server, page: Page) -> None:
    with opened(page, visited.address("lessons?lesson=first-layer&guess=0"), COPIED):
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        same_step = visited.address(f"lessons?lesson=first-layer&lesson_step={PREDICT}")
        assert page.evaluate("window.copied") == [same_step]


def test_where_the_clipboard_is_refused_the_address_is_shown_selected(visited: Server, page: Page) -> None:
    with opened(page, visited.address(f"neurons?{SHAPES}"), REFUSED):
        page.get_by_role("button", name="Copy link").click()
        shown = page.get_by_role("textbox", name="Copy it from here")
        expect(shown).to_be_focused()
        assert shown.input_value() == page.url
        assert shown.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)") == page.url
        page.keyboard.press("Escape")
        expect(shown).to_be_hidden()


def test_another_page_drops_what_it_does_not_use_and_it_is_there_again_on_the_way_back(
    visited: Server, page: Page
) -> None:
    page.goto(visited.address("lessons?lesson=first-layer&guess=0"))
    seeing.wait(page)
    seeing.go(page, "Neurons")
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible()
    seeing.wait(page)
    assert page.url == visited.address("neurons")
    page.go_back()
    page.wait_for_function("location.search.includes('guess=0')")
    seeing.wait(page)
    seeing.go(page, "Neurons")
    seeing.wait(page)
    seeing.go(page, "Lessons")
    page.wait_for_function("location.search.includes('guess=0')")
