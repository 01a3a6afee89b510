"""Looking at a page: waiting until it is still, reading what a chart really shows, pointing at its cells."""

from __future__ import annotations

import math
from itertools import count
from typing import Any

from playwright.sync_api import Locator, Page, expect

from pages.layout import contents
from tests.browser import streamlit_ids

QUIET_MS = 80
"""A page that has run nothing for so long is still. Streamlit's front end marks a run in the moment it asks for it."""
STILL = streamlit_ids.filled("""([wait, quiet]) => {
  const app = document.querySelector("$IDLE_APP"), now = performance.now();
  const loaded = document.querySelector("$SKELETON") === null;  // Plotly comes late, and so does code
  if (!app || !loaded || window.waiting !== wait) [window.waiting, window.stillSince] = [wait, now];
  return now - window.stillSince >= quiet;
}""")
SAME = """([wait, quiet, where, part]) => {
  const text = document.querySelector(where)?.textContent ?? "", now = performance.now();
  if (text !== window.seen || window.waiting !== wait) window.seenSince = now;
  [window.waiting, window.seen] = [wait, text];
  return text.includes(part) && now - window.seenSince >= quiet ? text : false;
}"""
_waits = count()
COUNT_RUNS = streamlit_ids.filled("""() => {
  const app = document.querySelector("$APP"), state = "$SCRIPT_STATE";
  window.runs = 0;
  const seen = () => { window.runs += app.getAttribute(state) === "running"; };
  new MutationObserver(seen).observe(app, { attributeFilter: [state] });
}""")


def wait(page: Page) -> None:
    """Until nothing is being computed any more."""
    page.wait_for_function(STILL, arg=[next(_waits), QUIET_MS], timeout=60_000)
    expect(page.get_by_test_id(streamlit_ids.EXCEPTION)).to_have_count(0)


def faded_in(page: Page) -> None:
    """Until nothing moves or fades any more, but for what does so for ever."""
    page.evaluate(
        """() => Promise.allSettled(document.getAnimations({ subtree: true })
          .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity).map((one) => one.finished))"""
    )


def heatmap(page: Page, key: str) -> list[list[float]]:
    """The numbers of the heatmap on screen whose key is ``chart_<key>``; NaN in gaps."""
    page.wait_for_selector(f".st-key-chart_{key} .heatmaplayer image", timeout=60_000)
    wait(page)
    page.wait_for_function(  # a chart that was there is replaced by a new one for a moment
        """(key) => document.querySelector(`.st-key-chart_${key} .js-plotly-plot`)?._fullData
            ?.some((trace) => trace.type === "heatmap")""",
        arg=key,
        timeout=60_000,
    )
    rows: list[list[float | None]] = page.evaluate(
        """(key) => {
          const chart = document.querySelector(`.st-key-chart_${key} .js-plotly-plot`);
          const trace = chart._fullData.find((t) => t.type === "heatmap");
          return Array.from(trace.z, (row) => Array.from(row, (v) => (Number.isFinite(v) ? v : null)));
        }""",
        key,
    )
    return [[math.nan if v is None else v for v in row] for row in rows]


def finite(rows: list[list[float]]) -> list[float]:
    """All numbers that are drawn."""
    return [v for row in rows for v in row if math.isfinite(v)]


def check_drawn(page: Page, key: str) -> None:
    """The heatmap shows finite numbers that are not all the same."""
    numbers = finite(heatmap(page, key))
    assert numbers, key
    assert min(numbers) < max(numbers), key


def drawn(page: Page) -> None:
    """Until the browser has drawn what was done so far."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def point(page: Page, key: str, row: float, column: float) -> tuple[float, float]:
    """Where a cell of a chart is on the screen, scrolled into view."""
    page.locator(f".st-key-chart_{key}").scroll_into_view_if_needed()
    drawn(page)
    x, y = page.evaluate(
        """([key, row, column]) => {
          const chart = document.querySelector(`.st-key-chart_${key} .js-plotly-plot`);
          const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
          return [box.left + xaxis._offset + xaxis.d2p(column), box.top + yaxis._offset + yaxis.d2p(row)];
        }""",
        [key, row, column],
    )
    return x, y


def hover(page: Page, key: str, row: float, column: float) -> str:
    """What the chart says of a cell."""
    x, y = point(page, key, row, column)
    page.mouse.move(x - 3, y - 3)
    drawn(page)
    page.mouse.move(x, y)
    place = f".st-key-chart_{key} .hoverlayer"
    said = page.wait_for_function(SAME, arg=[next(_waits), 2 * QUIET_MS, place, "row"], timeout=30_000)
    return str(said.json_value())


LOOKED_AGAIN = "() => new Promise((done) => setTimeout(done, 75))"
"""Plotly looks where the pointer is once in 50 ms, and a click counts for the cell that it saw last."""


def click(page: Page, key: str, row: float, column: float) -> None:
    """Click a cell of a chart, and wait for the run that it begins."""
    page.wait_for_selector(f".st-key-chart_{key} .js-plotly-plot[data-clicks=on]", timeout=20_000)
    x, y = point(page, key, row, column)
    page.mouse.move(x - 3, y - 3)
    drawn(page)  # a page is told of the pointer when it is drawn next
    page.mouse.move(x, y)
    drawn(page)
    page.evaluate(LOOKED_AGAIN)
    page.wait_for_function(
        "(key) => document.querySelector(`.st-key-chart_${key} .js-plotly-plot`)._hoverdata?.length", arg=key
    )
    page.evaluate(COUNT_RUNS)
    page.mouse.click(x, y)
    page.wait_for_function("window.runs > 0")
    wait(page)


def menu_entry(page: Page, title: str) -> Locator:
    """The entry of a page in the list along the top, whose menu is opened."""
    section = next(card.section for card in contents.pages().values() if card.title == title)
    if not section:
        return page.get_by_test_id(streamlit_ids.TOP_NAV_LINK).filter(has_text=title)
    page.get_by_test_id(streamlit_ids.TOP_NAV_SECTION).filter(has_text=section).click()
    return page.get_by_test_id(streamlit_ids.TOP_NAV_MENU_LINK).filter(has_text=title)


def go(page: Page, title: str) -> None:
    """Another page, by the list along the top."""
    menu_entry(page, title).click()
    expect(page.get_by_role("heading", name=title)).to_be_visible(timeout=30_000)
    wait(page)


def choice(page: Page, name: str) -> str | None:
    """What the address says of ``name``."""
    found: Any = page.evaluate("(name) => new URL(location.href).searchParams.get(name)", name)
    return None if found is None else str(found)
