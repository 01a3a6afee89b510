"""Every page within one screen: its main picture, its colour scale and its main control are above the fold, and nothing
jumps while it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab

pytestmark = pytest.mark.browser

PROJECTORS = ((1280, 720), (1440, 900))
PHONE = (390, 844)
MOST_SHIFT = 0.1
"""Above it Google calls a page's cumulative layout shift in need of improvement."""


@dataclass(frozen=True)
class View:
    """What has to be on the first screen of a page."""

    path: str
    main: str
    """Key of the main picture; a selector where it is none."""
    control: str
    """Key of the main control."""
    scale: bool = True
    """Whether a colour scale belongs to the picture."""
    beside: str = ""
    """Key of another picture that has to be there too."""
    high: int = 200
    """Pixels; the main picture is at least so high."""
    on_a_phone: str = ""
    """Key of what shows the gradient, where it is not the main picture."""


VIEWS = (
    View("saliency", "gradient", "shown_view"),
    View("neurons", "gradient", "shown_channel", beside="activation"),
    View("feature-maps", "channels", "shown_maps", beside="channel"),
    View("gradient-flow", "flow", "shown_model2", scale=False),
    View("jacobian", "matrix", "shown_of", beside="output", on_a_phone="output"),
    View("perturbation", "difference", "shown_epsilon"),
    View("backward", "leaves", "player", beside="arrives", high=60),
    View("export", ".st-key-program_0", "bring", scale=False, high=60),
)
FIRST = {"neurons": "activation", "feature-maps": "channels", "perturbation": "before"}
"""The first picture of a page on which one row of controls stands above the pictures."""
ONE_ROW = 110
"""Pixels from the top of that row to the top of the pictures."""
WATCH = """
  window.shifts = [];
  new PerformanceObserver((seen) => window.shifts.push(...seen.getEntries().map((one) => ({
    value: one.value, input: one.hadRecentInput, moved: one.sources.map(({ node, previousRect, currentRect }) =>
      `${node?.className ?? node?.nodeName}: ${JSON.stringify(previousRect)} ${JSON.stringify(currentRect)}`) }))))
    .observe({ type: "layout-shift", buffered: true });
"""
SHIFT = "() => [window.shifts.reduce((sum, one) => sum + one.value, 0), JSON.stringify(window.shifts)]"
CHOICES = "model=preset/shapes-cnn&image=sample/star"


def _open(page: Page, server: Server, path: str) -> None:
    page.goto(server.address(f"{path}?{CHOICES}"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    seeing.wait(page)
    expect(page.locator("[data-stale=true]")).to_have_count(0)


def box(page: Page, selector: str) -> tuple[float, float]:
    """Where an element begins and ends, in pixels from the top of the window."""
    found = page.locator(selector).first
    expect(found).to_be_visible()
    seen = found.bounding_box()
    assert seen is not None
    return seen["y"], seen["y"] + seen["height"]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.path)
def test_picture_scale_and_control_are_above_the_fold_and_nothing_jumps(
    visited: Server, browser: Browser, view: View
) -> None:
    """It opens on the smaller screen; on the larger one the pictures grow."""
    with steady(browser, visited, view.path, PROJECTORS[0]) as page:
        check_above_the_fold(page, view, PROJECTORS[0])
        page.set_viewport_size({"width": PROJECTORS[1][0], "height": PROJECTORS[1][1]})
        seeing.drawn(page)
        seeing.wait(page)
        check_above_the_fold(page, view, PROJECTORS[1])


def check_above_the_fold(page: Page, view: View, size: tuple[int, int]) -> None:
    picture = f".st-key-chart_{view.main} .js-plotly-plot" if "." not in view.main else view.main
    parts = {"picture": picture, "control": f".st-key-{view.control}"}
    if view.scale:
        parts["scale"] = f"{picture} .colorbar"
    if view.beside:
        parts["beside"] = f".st-key-chart_{view.beside} .js-plotly-plot"
    found = {name: box(page, selector) for name, selector in parts.items()}
    assert all(top > 0 and bottom <= size[1] for top, bottom in found.values()), found
    assert found["picture"][1] - found["picture"][0] > view.high, "it is large all the same"
    if view.path in FIRST:
        first, pictures = (box(page, f".st-key-{key}")[0] for key in ("controls", f"chart_{FIRST[view.path]}"))
        assert pictures - first < ONE_ROW
    if view.path == "saliency":
        assert box(page, ".st-key-said_gradient p")[1] <= size[1], "the sentence too"
    assert page.get_by_test_id(streamlit_ids.MAIN).evaluate("(e) => e.scrollTop") == 0


@contextmanager
def at_size(browser: Browser, server: Server, path: str, size: tuple[int, int]) -> Iterator[Page]:
    """A page once it is drawn, which writes down what jumps."""
    with tab(browser, moving=True) as page, script(page, WATCH):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        _open(page, server, path)
        seeing.faded_in(page)
        yield page


@contextmanager
def steady(browser: Browser, server: Server, path: str, size: tuple[int, int]) -> Iterator[Page]:
    """A page once it is drawn; nothing has jumped meanwhile."""
    with at_size(browser, server, path, size) as page:
        shift, moved = page.evaluate(SHIFT)
        assert shift < MOST_SHIFT, moved
        yield page


def test_nothing_jumps_in_the_story(visited: Server, browser: Browser) -> None:
    with steady(browser, visited, "story", PROJECTORS[0]):
        pass


def test_a_click_on_a_class_moves_nothing(visited: Server, browser: Browser) -> None:
    with tab(browser, moving=True) as page, script(page, WATCH):
        page.set_viewport_size({"width": 1280, "height": 720})
        _open(page, visited, "saliency")
        page.evaluate("window.shifts.length = 0")
        seeing.click(page, "classes", 1, 0.5)
        assert seeing.choice(page, "target") is not None
        shift, moved = page.evaluate(SHIFT)
        assert shift < MOST_SHIFT, moved


def test_a_sentence_does_not_scroll_in_itself(visited: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    _open(page, visited, "saliency")
    said = page.locator(".st-key-said_gradient")
    said.hover()
    page.mouse.wheel(0, 60)
    page.wait_for_timeout(500)
    assert page.get_by_test_id(streamlit_ids.MAIN).evaluate("(e) => e.scrollTop") > 0
    assert said.evaluate("(e) => e.scrollTop") == 0
