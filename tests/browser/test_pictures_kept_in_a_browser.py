"""Pictures that leave the app: what is written in them, and at which size."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from plotly.offline import get_plotlyjs

from gradviz_core.version import __version__
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab

pytestmark = pytest.mark.browser
SVG = "{http://www.w3.org/2000/svg}"
SUBJECT = "Shapes, plain convolutions · Star"
COPIED = """(() => { window.copied = [];
  Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied.push(text) } } });
  window.print = () => { top.printed = document; };
})()"""


def opened(page: Page, address: str) -> None:
    page.goto(address)
    seeing.wait(page)
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Download").click()


def kept(page: Page, name: str) -> bytes:
    with page.expect_download(timeout=30_000) as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value.path().read_bytes()


def words(svg: ElementTree.Element) -> str:
    """All text of the file, with single spaces."""
    return " ".join(" ".join("".join(text.itertext()) for text in svg.iter(f"{SVG}text")).split())


@pytest.mark.parametrize(("dark", "width"), [(False, 85), (True, 175)])
def test_an_svg_says_what_it_shows_as_text_at_the_width_of_a_column(
    visited: Server, browser: Browser, dark: bool, width: int
) -> None:
    with tab(browser, dark=dark) as page:
        opened(page, visited.address("?model=preset/shapes-cnn&image=sample/star&target=3"))
        page.get_by_role("spinbutton", name="Width of SVG and PDF").fill(str(width))
        svg = ElementTree.fromstring(kept(page, "Gradient (SVG)"))
        tick = page.locator(".st-key-chart_gradient .cbaxis text").first.text_content()
    assert svg.get("width") == f"{width}mm"
    said = words(svg)
    for part in ("GradViz: gradient, the logit of star (3)", SUBJECT, f"GradViz {__version__}"):
        assert part in said, said
    for part in ("star (3)", "logit per normalised-pixel unit", "linear scale, ±", "the input, 3×96×96", tick or "?"):
        assert part in said, said
    drawn = [text for text in svg.iter(f"{SVG}text") if "".join(text.itertext()) == tick]
    assert drawn
    assert "rgb(49, 51, 63)" in str(drawn[0].get("style")), "dark words on white, in the dark theme too"
    assert list(svg.iter(f"{SVG}image")), "the picture itself"


def test_a_png_has_room_for_its_words_and_is_what_the_button_over_the_picture_saves(
    visited: Server, page: Page
) -> None:
    opened(page, visited.address("?model=preset/shapes-cnn&image=sample/star"))
    image = Image.open(io.BytesIO(kept(page, "Gradient (PNG)"))).convert("RGB")
    chart = page.locator(".st-key-chart_gradient svg.main-svg").first.bounding_box()
    assert chart is not None
    assert abs(image.width - 2 * chart["width"]) <= 1
    assert image.height > 2 * chart["height"] + 100
    title = image.crop((0, 0, image.width, 40))
    assert np.asarray(title).min() < 100, "words"
    page.keyboard.press("Escape")
    page.locator(".st-key-chart_gradient").hover()
    with page.expect_download(timeout=30_000) as download:
        page.locator(".st-key-chart_gradient .modebar-btn").first.click()
    assert Image.open(io.BytesIO(download.value.path().read_bytes())).height > 2 * chart["height"] + 80


def test_a_pdf_is_printed_by_the_browser_on_a_page_of_its_size(visited: Server, page: Page) -> None:
    with script(page, COPIED):
        opened(page, visited.address("?model=preset/shapes-cnn&image=sample/star"))
        page.get_by_role("button", name="Two columns 175").click()
        page.get_by_role("button", name="Gradient (PDF)", exact=True).click()
        page.wait_for_function("window.printed")
        sheet = page.evaluate(
            "[printed.title, printed.querySelector('style').textContent, !!printed.querySelector('svg')]"
        )
    assert sheet[0].startswith("GradViz: gradient")
    assert re.search(r"@page { size: 175mm \d+mm", sheet[1])
    assert sheet[2]


def test_a_caption_and_the_papers_are_copied(visited: Server, page: Page) -> None:
    with script(page, COPIED):
        opened(page, visited.address("?model=preset/shapes-cnn&image=sample/star&method=gradient_x_input"))
        page.get_by_role("button", name="Gradient (caption)").click()
        page.get_by_role("button", name="Copy BibTeX").click()
        page.wait_for_function("window.copied.length === 2")
        caption, papers = page.evaluate("window.copied")
    assert f"the logit of star (3); {SUBJECT}." in caption
    assert "linear scale" in caption
    assert "@software{gradviz" in papers
    assert f"version = {{{__version__}}}" in papers
    assert "@misc{shrikumar2016not" in papers


def test_a_light_page_has_a_title_and_fetches_plotly(
    visited: Server, page: Page, browser: Browser, tmp_path: Path
) -> None:
    opened(page, visited.address("?model=preset/shapes-cnn&image=sample/star"))
    content = kept(page, "Gradient (HTML, light)")
    assert len(content) < 1_000_000
    file = tmp_path / "light.html"
    file.write_bytes(content)
    with tab(browser, new=True) as other:
        other.route(  # Plotly's own file, in place of the network: the browser compares its hash
            "https://cdn.plot.ly/*",
            lambda route: route.fulfill(
                body=get_plotlyjs(), content_type="text/javascript", headers={"access-control-allow-origin": "*"}
            ),
        )
        other.goto(file.as_uri())
        other.wait_for_selector(".js-plotly-plot .xy")
        assert other.title().startswith("GradViz: gradient")
        expect(other.locator("p")).to_contain_text(SUBJECT)
