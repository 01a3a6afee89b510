"""Forty hostile names in Chromium: on every page and in every download there are the elements and attributes that are
there with innocent names of the same lengths, and no others; nothing runs, and nobody else is asked for anything."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, FilePayload, Page, ViewportSize, expect

from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads.store import Store
from pages.layout import contents
from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server
from tests.hostile.names import ELSEWHERE, NAMES, fit_for_layers, innocent, model_file, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SIDE = 48
TITLES = [card.title for path, card in contents.pages().items() if card.listed and card.pickers and path != "saliency"]
STEPS = Preprocessing((SIDE, SIDE), None, (0.5,) * 3, (0.5,) * 3)
ELEMENTS = streamlit_ids.filled("""() => {
  const found = {}, walk = (root) => {
    const leftOut = new Set();
    for (const { parentElement } of root.querySelectorAll("$NUMBER_INPUT_STEPS"))
      for (const one of [parentElement, ...parentElement.querySelectorAll("*")]) leftOut.add(one);
    for (const element of root.querySelectorAll("*")) {
      if (leftOut.has(element)) continue;
      const attributes = [...element.attributes].map(({ name, value }) =>
        /href|src|action|^on|target/i.test(name) ? `${name}=${value.split(/[?#,]/)[0]}` : name);
      const said = `${element.localName} ${attributes.sort().join(" ")}`;
      found[said] = (found[said] ?? 0) + 1;
      if (element.shadowRoot) walk(element.shadowRoot);
      if (element.contentDocument) walk(element.contentDocument);
    }
  };
  walk(document.body);
  return found;
}""")
"""How many elements of each name and attributes the body has, and the values of attributes that lead somewhere or run
something. Without the buttons of fields of numbers: whether Streamlit shows them depends on how wide the field was when
it was measured."""
FILE_NAME = f"\u202e<img src=x onerror=alert(1)> www.{ELSEWHERE} :smile: [x](y).pt2"
SOON_S = 10.0
"""What a page still takes away or adds after it is still, it does within so many seconds."""


@dataclass(frozen=True, slots=True)
class Named:
    """A server with two models of the same numbers, which bear other names."""

    server: Server
    image: str
    models: dict[str, str]
    names: dict[str, tuple[str, ...]]

    def address(self, kind: str, path: str = "", **choices: str) -> str:
        """The address of a page on one of the models."""
        asked = {"model": self.models[kind], "image": self.image} | choices
        return self.server.address(f"{path}?{urlencode(asked)}")


@pytest.fixture(scope="module")
def named(shared: Server) -> Named:
    """Both are put into the store, as if they had been uploaded."""
    store = Store(shared.store, 10**9, 9)
    names = {"hostile": NAMES, "innocent": innocent(NAMES)}
    models = {}
    for kind, those in names.items():
        recipe = Recipe(store.put(model_file(those, SIDE)), "", those[0], those, STEPS)
        models[kind] = f"upload/{store.keep_recipe(recipe)}"
    return Named(shared, f"upload/{store.put(picture(SIDE))}", models, names)


def foreign(address: str) -> bool:
    """Whether it is of another host than the server's."""
    return urlsplit(address).hostname not in (None, "127.0.0.1")


Tabs = tuple[Page, Page]


@pytest.fixture(scope="module")
def watched(browser: Browser) -> Iterator[tuple[Tabs, Tabs, list[str]]]:
    """Two tabs for pages, two for files, none of which share anything, and the dialogs, errors and requests to others
    in all of them. On the way from a page to a file, or back, a tab begins a new process of the browser."""
    seen: list[str] = []

    def heard(dialog: Dialog) -> None:
        seen.append(dialog.message)
        dialog.dismiss()

    def opened() -> Page:
        screen: ViewportSize = {"width": 1400, "height": 1000}
        context = browser.new_context(viewport=screen, accept_downloads=True, reduced_motion="reduce")
        context.add_init_script("delete window.showSaveFilePicker")  # a table is downloaded as any file is
        page = context.new_page()
        page.on("dialog", heard)
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda request: seen.append(request.url) if foreign(request.url) else None)
        return page

    for_pages, for_files = (opened(), opened()), (opened(), opened())
    yield for_pages, for_files, seen
    for page in for_pages + for_files:
        page.context.close()


@pytest.fixture
def tabs(watched: tuple[Tabs, Tabs, list[str]]) -> Iterator[Tabs]:
    """The two for pages. Nothing is heard of any of the four until the end of the test."""
    for_pages, for_files, seen = watched
    yield for_pages
    for one in for_pages + for_files:
        one.goto("about:blank")
    heard = seen.copy()
    seen.clear()
    assert heard == []


@pytest.fixture
def tabs_for_files(tabs: Tabs, watched: tuple[Tabs, Tabs, list[str]]) -> Tabs:
    """The other two, after which is listened too."""
    return watched[1]


def same(hostile: Page, innocent: Page, where: str) -> None:
    """There is nothing on the first page that is not on the second, at the latest in a moment."""
    until = time.monotonic() + SOON_S
    while True:
        found, expected = (Counter(page.evaluate(ELEMENTS)) for page in (hostile, innocent))
        if not found - expected or time.monotonic() > until:
            break
        time.sleep(0.3)
    assert not found - expected, (where, found - expected, expected - found)


def still(page: Page) -> None:
    """Until nothing is computed or checked any more."""
    expect(page.get_by_text("Comparing with finite differences")).to_have_count(0, timeout=30_000)
    seeing.wait(page)


def close(page: Page) -> None:
    """Close what is open."""
    page.keyboard.press("Escape")
    expect(page.locator(streamlit_ids.filled("$POPOVER_BODY, [role=listbox]"))).to_have_count(0)


def tour(page: Page, named: Named, kind: str) -> Iterator[str]:
    """Each page and what opens on it, one after the other; yields what it is."""
    sidebar = page.get_by_test_id(streamlit_ids.SIDEBAR)
    page.goto(named.address(kind))
    page.wait_for_selector(".st-key-chart_gradient .heatmaplayer image", timeout=120_000)
    seeing.check_drawn(page, "gradient")
    still(page)
    yield "Input saliency"
    for name in ("About this model", "Download", "PyTorch"):
        page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text=name).click()
        expect(page.get_by_test_id(streamlit_ids.POPOVER_BODY)).to_be_visible()
        seeing.wait(page)
        yield name
        close(page)
    for name in ("Model", "Target", "Output"):
        box = sidebar.get_by_role("combobox", name=name).first
        box.scroll_into_view_if_needed()  # a list closes where its place is scrolled
        seeing.drawn(page)
        box.press("ArrowDown")
        expect(page.get_by_role("listbox")).to_be_visible()
        yield f"the list {name}"
        close(page)
    for title in TITLES:
        seeing.go(page, title)
        still(page)
        yield title
    page.goto(named.address(kind, head=fit_for_layers(named.names[kind])[1]))
    page.wait_for_selector(".st-key-chart_predicted .legend", timeout=30_000)
    still(page)
    yield "a map of classes"


def test_no_name_adds_an_element_to_a_page(named: Named, tabs: Tabs) -> None:
    page, other = tabs
    for where, _ in zip(tour(page, named, "hostile"), tour(other, named, "innocent"), strict=True):
        same(page, other, where)


@pytest.mark.parametrize(
    ("path", "choice", "number"), [("neurons", "site", 15), ("", "target", 16), ("jacobian", "of", 30)]
)
def test_no_name_adds_an_element_to_an_error(named: Named, tabs: Tabs, path: str, choice: str, number: int) -> None:
    page, other = tabs
    name = NAMES[number]
    for tab, text in ((page, name), (other, "q" * len(name))):
        tab.goto(named.address("innocent", path, **{choice: text}))
        expect(tab.get_by_test_id(streamlit_ids.ALERT).filter(has_text=text[:3])).to_be_visible(timeout=60_000)
        still(tab)
    same(page, other, choice)


def kept(page: Page, name: str) -> bytes:
    """What the button ``name`` downloads."""
    button = page.get_by_role("button", name=name, exact=True)
    if not button.count():
        page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Download").click()
    with page.expect_download(timeout=30_000) as download:
        button.click()
    return download.value.path().read_bytes()


def test_no_name_adds_an_element_to_a_page_that_is_kept(
    named: Named, tabs: Tabs, tabs_for_files: Tabs, tmp_path: Path
) -> None:
    kinds = ("hostile", "innocent")
    heads = {kind: fit_for_layers(named.names[kind])[1] for kind in kinds}
    for path, name in (("", "Predicted (HTML)"), ("jacobian", "Matrix (HTML)")):
        for kind, tab, alone in zip(kinds, tabs, tabs_for_files, strict=True):
            tab.goto(named.address(kind, path, head=heads[kind]))
            tab.wait_for_selector(".js-plotly-plot", timeout=30_000)
            still(tab)
            file = tmp_path / f"{kind}.html"
            file.write_bytes(kept(tab, name))
            alone.goto(file.as_uri())
            alone.wait_for_selector(".js-plotly-plot .xy", timeout=30_000)
        same(*tabs_for_files, name)


def test_no_name_leads_anywhere_in_a_file(named: Named, tabs: Tabs) -> None:
    page, _ = tabs
    site = next(name for name in fit_for_layers(NAMES) if "passwd" in name)
    page.goto(named.address("hostile", "feature-maps", site=f"{site}.0"))
    page.wait_for_selector(".js-plotly-plot", timeout=30_000)
    still(page)
    with zipfile.ZipFile(io.BytesIO(kept(page, "Raw arrays (npz)"))) as archive:
        names = archive.namelist()
    assert any("passwd" in name for name in names), names
    for name in names:
        assert not {"", ".", ".."} & set(name.split("/")), name
    page.goto(named.address("hostile", "doctor"))
    page.get_by_text("Gradient of the input and of every parameter").click()
    table = page.get_by_test_id(streamlit_ids.DATA_FRAME).last
    table.hover()
    with page.expect_download(timeout=30_000) as download:
        table.get_by_role("button", name="Download as CSV").press("Enter")  # the mouse may find the table over it
    rows = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert len(rows) > 70
    first = {row[0][:12] for row in rows}
    assert "'=HYPERLINK(" in first
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_the_name_of_a_file_adds_no_element_to_the_form(named: Named, tabs: Tabs) -> None:
    page, other = tabs
    for kind, tab, file in (("hostile", page, FILE_NAME), ("innocent", other, "n" * len(FILE_NAME) + ".pt2")):
        tab.goto(named.server.address("export"))
        tab.get_by_role("button", name="Bring your own model").last.click()
        payload: FilePayload = {"name": file, "mimeType": "", "buffer": model_file(named.names[kind], SIDE)}
        tab.get_by_role("dialog").locator("input[type=file]").first.set_input_files(payload)
        expect(tab.get_by_role("button", name="Use this model")).to_be_visible(timeout=60_000)
        seeing.wait(tab)
    expect(page.get_by_role("dialog")).to_contain_text("⟨U+202E⟩<img src=x")
    same(page, other, "the form")
