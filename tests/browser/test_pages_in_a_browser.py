"""What only a browser can show: pixels drawn, clicks heard, addresses kept, both themes."""

from __future__ import annotations

import io
import json
import re
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from pages.layout import contents
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, script, tab

pytestmark = pytest.mark.browser

PAGES = {
    "saliency": ("Input saliency", "gradient"),
    "neurons": ("Neurons", "gradient"),
    "feature-maps": ("Layers", "channels"),
    "jacobian": ("Jacobian", "matrix"),
    "perturbation": ("Perturbation", "difference"),
    "backward": ("Backward, one step at a time", "arrives"),
}
"""The title of a page, and the key of one of its pictures."""
WIDE = 1400


# ------------------------------------------------------------------------------------------------------ a fresh server


LINKS_SEEN = streamlit_ids.filled("""
  window.linksSeen = new Set();
  const look = () => {
    const links = document.querySelectorAll("$SIDEBAR_NAV_LINK, $TOP_NAV_SECTION, $TOP_NAV_LINK");
    for (const link of links) linksSeen.add(link.textContent);
    requestAnimationFrame(look);
  };
  look();
""")


def test_a_page_opens_by_its_own_address_on_a_fresh_server_and_the_app_stays_small(server: Server, page: Page) -> None:
    """And nobody sees a list of file names on the way there. ``make bench`` measures how soon pages come."""
    title, chart = PAGES["neurons"]
    with script(page, LINKS_SEEN):
        page.goto(server.address("neurons?model=preset/shapes-cnn&image=sample/heart"))
        expect(page.get_by_role("heading", name=title)).to_be_visible(timeout=30_000)
        seeing.check_drawn(page, chart)
        expect(page.get_by_text("Page not found")).to_have_count(0)
        page.get_by_role("radio", name="Star", exact=True).check(force=True)
        page.wait_for_function("location.search.includes('star')")
        seeing.check_drawn(page, chart)
        assert (seeing.choice(page, "model"), seeing.choice(page, "image")) == ("preset/shapes-cnn", "sample/star")
        assert page.get_by_test_id(streamlit_ids.MAIN).inner_text().startswith(title), "nothing stands above the title"
        # "10 more" is what Streamlit says while it measures how many names fit
        seen = {name for name in page.evaluate("Array.from(linksSeen)") if not re.fullmatch(r"\d+ more", name)}
        assert seen == {card.section or card.title for card in contents.pages().values()}
        expect(page).to_have_title(f"{title} · GradViz")
        check_marked(page, title)
    for name in ("Layers", "Input saliency", "Neurons"):
        seeing.go(page, name)
    assert 50 < server.memory_mb() < 300
    assert "libtorch" not in Path(f"/proc/{server.pid}/maps").read_text()


def check_marked(page: Page, title: str) -> None:
    """The list of pages marks the page that is open, and no other."""
    seeing.menu_entry(page, title)
    marked = page.locator(streamlit_ids.filled(":is($TOP_NAV_LINK, $TOP_NAV_MENU_LINK)[aria-current=page]"))
    expect(marked).to_have_text([title])
    page.keyboard.press("Escape")


@pytest.mark.parametrize(
    ("address", "walk"),
    [
        ("", ("Story", "Neurons", "Story")),
        ("story", ("Story",)),
        ("?image=sample/star", ("Input saliency", "Neurons", "Input saliency")),
        ("saliency", ("Input saliency",)),
    ],
)
def test_either_address_of_the_page_at_the_start_is_marked_and_kept(
    visited: Server, page: Page, address: str, walk: tuple[str, ...]
) -> None:
    page.goto(visited.address(address))
    seeing.wait(page)
    for each in walk:
        seeing.menu_entry(page, each).click()
        expect(page).to_have_title(f"{each} · GradViz")
        seeing.wait(page)
        check_marked(page, each)
        expect(page).to_have_title(f"{each} · GradViz")
    assert page.evaluate("location.pathname") == f"/{address.partition('?')[0]}"


# ---------------------------------------------------------------------------------------------------- what is on screen


def test_the_hover_says_row_column_exact_value_and_colour(visited: Server, page: Page) -> None:
    page.goto(visited.address("?image=sample/star"))
    rows = seeing.heatmap(page, "gradient")
    said = seeing.hover(page, "gradient", 30, 40)
    assert "row 30, column 40" in said
    assert "pixel rgb(" in said
    value = float(said.split("column 40")[1].split("pixel")[0].replace("−", "-"))
    assert value == pytest.approx(rows[30][40], rel=1e-3)
    assert "row 5, column 6" in seeing.hover(page, "image", 5, 6)


def test_clicks_choose_unit_channel_site_and_class(visited: Server, page: Page) -> None:
    page.goto(visited.address("neurons?site=features.14"))
    seeing.check_drawn(page, "activation")
    seeing.click(page, "activation", 2, 3)
    assert (seeing.choice(page, "row"), seeing.choice(page, "col")) == ("2", "3")
    seeing.click(page, "gradient", 92, 4)
    assert (seeing.choice(page, "row"), seeing.choice(page, "col")) == ("11", "0")
    title = page.evaluate("document.querySelector('.st-key-chart_gallery .js-plotly-plot')._fullData[1].text[1]")
    width = len(seeing.heatmap(page, "gallery")[0])
    seeing.click(page, "gallery", 8, width / 2)
    assert seeing.choice(page, "channel") == title.split(":")[0]

    seeing.go(page, "Layers")
    seeing.check_drawn(page, "channels")
    assert seeing.choice(page, "site") == "features.14", "the site goes with the person from page to page"
    number = page.evaluate("document.querySelector('.st-key-chart_channels .js-plotly-plot')._fullData[1].text[2]")
    cells = page.evaluate("document.querySelector('.st-key-chart_channels .js-plotly-plot')._fullData[1].x[2]")
    seeing.click(page, "channels", 8, cells)
    assert seeing.choice(page, "channel") == number
    y = page.evaluate("document.querySelector('.st-key-chart_strip .js-plotly-plot')._fullData[0].y[0]")
    seeing.click(page, "strip", y, 0)
    assert seeing.choice(page, "site") == "features.0"

    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    label = page.evaluate(
        "document.querySelector('.st-key-chart_classes .js-plotly-plot')._fullData[1].customdata[3][0]"
    )
    seeing.click(page, "classes", 3, 50)
    assert seeing.choice(page, "target") == str(label)


def test_a_clicked_pixel_and_a_clicked_cell_go_with_the_person(visited: Server, page: Page) -> None:
    page.goto(visited.address("?model=preset/shapes-cnn&image=sample/star&site=features.14"))
    seeing.check_drawn(page, "gradient")
    seeing.click(page, "image", 90, 5)
    assert seeing.choice(page, "pixel") == "90,5"
    expect(page.get_by_text("row 90, column 5")).to_be_visible()
    seeing.click(page, "gradient", 30, 41)
    assert seeing.choice(page, "pixel") == "30,41"
    page.get_by_role("button", name="The unit at this pixel on the Neurons page").click()
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "activation")
    assert page.get_by_role("spinbutton", name="Row").input_value() == "3"
    assert page.get_by_role("spinbutton", name="Column").input_value() == "5"

    seeing.go(page, "Layers")
    seeing.check_drawn(page, "channels")
    seeing.click(page, "channel", 2, 7)
    assert (seeing.choice(page, "row"), seeing.choice(page, "col")) == ("2", "7")
    address = page.url
    page.get_by_role("button", name="This unit on the Neurons page").click()
    expect(page.get_by_role("heading", name="Neurons")).to_be_visible(timeout=30_000)
    seeing.check_drawn(page, "activation")
    assert (seeing.choice(page, "row"), seeing.choice(page, "col")) == ("2", "7")
    assert seeing.choice(page, "channel")
    page.go_back()
    page.wait_for_function("address => location.href === address", arg=address)
    seeing.check_drawn(page, "channels")


def test_a_copied_address_and_the_way_back_restore_the_view(visited: Server, page: Page, browser: Browser) -> None:
    page.goto(visited.address("?image=sample/star"))
    seeing.check_drawn(page, "gradient")
    signed = seeing.finite(seeing.heatmap(page, "gradient"))
    page.get_by_role("radio", name="Magnitude (L2)").click()
    page.wait_for_function("location.search.includes('view=l2')")
    magnitude = seeing.finite(seeing.heatmap(page, "gradient"))
    assert min(signed) < 0 <= min(magnitude)
    with tab(browser) as other:
        other.goto(page.url)
        assert seeing.finite(seeing.heatmap(other, "gradient")) == magnitude
    page.go_back()
    page.wait_for_function("!location.search.includes('view=l2')")
    seeing.wait(page)
    assert seeing.finite(seeing.heatmap(page, "gradient")) == signed


def test_the_figure_and_the_arrays_can_be_kept(visited: Server, page: Page, browser: Browser, tmp_path: Path) -> None:
    page.goto(visited.address("?image=sample/star&target=2"))
    seeing.check_drawn(page, "gradient")
    kept: dict[str, bytes] = {}
    for name in ("Gradient (PNG)", "Gradient (HTML)", "Raw arrays (npz)"):
        button = page.get_by_role("button", name=name, exact=True)
        if not button.count():
            page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Download").click()
        with page.expect_download(timeout=30_000) as download:
            button.click()
        kept[name] = download.value.path().read_bytes()
    assert Image.open(io.BytesIO(kept["Gradient (PNG)"])).size[0] > 600
    arrays = np.load(io.BytesIO(kept["Raw arrays (npz)"]), allow_pickle=False)
    assert zipfile.is_zipfile(io.BytesIO(kept["Raw arrays (npz)"]))
    assert json.loads(str(arrays["question"]))["target"]["index"] == 2
    shown = np.array(seeing.heatmap(page, "gradient"))
    np.testing.assert_allclose(arrays["gradient/.input"][0].sum(axis=0), shown, rtol=1e-4, atol=1e-7)
    alone = tmp_path / "gradient.html"
    alone.write_bytes(kept["Gradient (HTML)"])
    with tab(browser) as other:
        other.goto(alone.as_uri())
        other.wait_for_function("document.querySelector('.js-plotly-plot')?._fullData?.length > 0")
        z = other.evaluate(
            "[...document.querySelector('#figure')._fullData.find((t) => t.type == 'heatmap').z].map((r) => [...r])"
        )
        np.testing.assert_array_equal(np.array(z, float), shown)
        expect(other.locator("p")).to_contain_text("Shapes, plain convolutions · Star")


def test_a_file_that_cannot_be_had_is_said_under_its_button(visited: Server, browser: Browser) -> None:
    with closing(browser.new_page()) as page:  # the console says that a status is no 200
        page.goto(visited.address("?image=sample/star"))
        seeing.check_drawn(page, "gradient")
        page.route("**/download/*", lambda route: route.continue_(url=visited.address("download/nothing")))
        page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Download").click()
        for count, name in enumerate(("Raw arrays (npz)", "Gradient (HTML)"), start=1):
            page.get_by_role("button", name=name, exact=True).click()
            said = page.get_by_role("status").filter(has_text="Open the page again and download there.")
            expect(said).to_have_count(count)


def test_an_uploaded_image_is_shown_and_one_that_is_none_is_refused(
    visited: Server, page: Page, tmp_path: Path
) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    picture = tmp_path / "my <b>holiday.webp"
    pixels = np.random.default_rng(0).integers(0, 256, (120, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"this is no picture")
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()
    page.locator("input[type=file]").set_input_files(picture)
    page.wait_for_function("location.search.includes('upload')", timeout=20_000)
    seeing.check_drawn(page, "gradient")
    before = page.url
    seeing.wait(page)
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()
    page.locator("input[type=file]").set_input_files(fake)
    expect(page.get_by_text("The file is not an image that can be read")).to_be_visible(timeout=20_000)
    assert page.url == before
    seeing.check_drawn(page, "gradient")


def test_one_image_after_the_other_keeps_the_predicted_class_as_the_target(visited: Server, page: Page) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    for title in ("Heart", "Star", "Square", "Heart"):
        page.get_by_role("radio", name=title, exact=True).check(force=True)
        page.wait_for_function(f"location.search.includes('{title.lower()}')")
        expect(page.get_by_test_id(streamlit_ids.MAIN).get_by_text(f"predicted {title.lower()} (")).to_be_visible(
            timeout=20_000
        )
        assert seeing.choice(page, "target") is None
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="Digits, no convolutions").click()
    page.wait_for_function("location.search.includes('digits-mlp')")
    seeing.check_drawn(page, "gradient")
    expect(page.get_by_test_id(streamlit_ids.ALERT)).to_have_count(0)


LAST_ANSWERED = streamlit_ids.filled("""() => {
  const choices = new URL(location.href).searchParams, now = performance.now();
  const last = choices.get("method") === "gradient_x_input" && ["signed", null].includes(choices.get("view"));
  if (!last || !document.querySelector("$IDLE_APP")) window.since = now;
  return now - (window.since ??= now) > 500;
}""")
"""The last click has been answered, and nothing has happened since. A click that is still on its way to the server may
leave the page at rest at the one before it for a moment."""


def test_impatient_clicks_end_at_the_last_one(visited: Server, page: Page) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    for _ in range(2):
        for name in ("Magnitude (L2)", "Channels", "Signed", "Magnitude (max)"):
            page.get_by_role("radio", name=name, exact=True).click(no_wait_after=True)
        page.get_by_role("combobox", name="Method").click(no_wait_after=True)
        page.get_by_role("option", name="Gradient × input", exact=True).click(no_wait_after=True)
        for name in ("Channels", "Signed"):
            page.get_by_role("radio", name=name, exact=True).click(no_wait_after=True)
    page.wait_for_function(LAST_ANSWERED, timeout=60_000)
    expect(page.get_by_test_id(streamlit_ids.EXCEPTION)).to_have_count(0)
    assert min(seeing.finite(seeing.heatmap(page, "gradient"))) < 0
    assert page.evaluate(LAST_ANSWERED)


# -------------------------------------------------------------------------------------------------- keyboard and looks


def test_the_unit_can_be_chosen_without_a_mouse(visited: Server, page: Page) -> None:
    page.goto(visited.address("neurons?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "activation")
    page.get_by_label("Row", exact=True).fill("1")
    page.keyboard.press("Enter")
    page.wait_for_function("location.search.includes('row=1')")
    page.get_by_role("radio", name="Circle", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('image=')")


def check_pictures(page: Page, chart: str, width: int) -> None:
    """The pictures are drawn, have words, and lie within a window of that width."""
    seeing.check_drawn(page, chart)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for figure in page.get_by_role("figure").all():
        assert figure.get_attribute("aria-label"), "every picture says what it shows"
    for key in page.evaluate(
        "[...document.querySelectorAll('[class*=st-key-chart_]:not([class*=_clicks])')].map((e) => e.className)"
    ):
        name = next(c for c in key.split() if c.startswith("st-key-chart_"))
        box = page.locator(f".{name}").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1
