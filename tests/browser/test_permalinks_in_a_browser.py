"""A copied address shows the same pictures in a browser that was never here."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import streamlit_ids
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser

SHAPES = "model=preset/shapes-cnn&image=sample/heart"
VIEWS = (
    f"?{SHAPES}&target=3&scale=probability&view=l2&method=gradient_x_input&pixel=30,41",
    f"?{SHAPES}&target=3&scale=difference&minus=5&view=channels",
    f"?{SHAPES}&scale=loss&opacity=40",
    f"neurons?{SHAPES}&site=features.6&channel=5&row=3&col=4",
    "neurons?model=preset/shapes-vit&image=sample/star&token=7&channel=3",
    f"feature-maps?{SHAPES}&site=features.11&maps=product&sort=index&channel=2&row=1&col=1",
    f"gradient-flow?{SHAPES}&model2=preset/shapes-resnet&image2=sample/star&site=features.6",
    "jacobian?model=preset/digits-mlp&image=sample/digit-3&of=.output&wrt=.input&rows=2-5",
    f"jacobian?{SHAPES}&of=features.1&wrt=.input&rows=0-40",
    f"perturbation?{SHAPES}&norm=l2&epsilon=300&steps=3&way=towards&target=2",
    f"perturbation?{SHAPES}&follow=unit&site=features.6&channel=5&row=3&col=4",
    f"backward?{SHAPES}&step=38&number=2,10,11&break=freeze@features.6&speed=2",
    "lessons?lesson=partial-derivatives&set=reduction=sum&guess=1",
    "lessons?lesson=partial-derivatives&set=reduction=sum&lesson_step=sigmoid_of_ten&guess=1",
    f"doctor?{SHAPES}&target=3&check=1",
)


READ = streamlit_ids.filled("""(quiet) => {
  const all = (where) => Array.from(document.querySelectorAll(where));
  const numbers = (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v;
  const drawn = all(".js-plotly-plot").filter((chart) => chart._fullData);
  const still = document.querySelector("$IDLE_APP") !== null
    && all("[data-stale=true], $SPINNER, $SKELETON").length === 0
    && all("$PLOTLY_CHART").length === drawn.length;
  const seen = {
    charts: drawn.map((chart) => JSON.stringify(chart._fullData.map(({x, y, z}) => ({x, y, z})), numbers)),
    texts: all("$MAIN :is($MARKDOWN, h1, h2)").map((e) => e.textContent),
    inputs: all("input:not([type=file])").map((e) => `${e.value} ${e.checked}`),
    pressed: all("[role=radio]").map((e) => e.ariaChecked),
    address: location.href,
  };
  const text = JSON.stringify(seen), now = performance.now();
  if (!still || seen.texts.length < 3 || text !== window.seen) [window.seen, window.seenSince] = [text, now];
  return now - window.seenSince >= quiet ? seen : false;
}""")
"""Every number that is drawn, every heading, fact and caption, how every control stands, and the address, once all of
it has been the same for a while."""
QUIET_MS = 700


def _seen(page: Page, address: str) -> dict[str, Any]:
    """The page once it has been the same for a while."""
    page.goto(address)
    found = page.wait_for_function(READ, arg=QUIET_MS, polling=250, timeout=120_000).json_value()
    expect(page.get_by_test_id(streamlit_ids.ALERT_CONTENT_ERROR)).to_have_count(0)
    return dict(found)


@pytest.mark.parametrize("view", VIEWS, ids=range(len(VIEWS)))
def test_a_copied_address_restores_the_view(visited: Server, browser: Browser, view: str) -> None:
    with tab(browser) as page:
        first = _seen(page, visited.address(view))
    with tab(browser) as page:
        again = _seen(page, first["address"])
    assert first["charts"] or view.startswith("doctor")
    for what, found in first.items():
        assert again[what] == found, what


@pytest.mark.parametrize("name", ["model", "image"])
def test_a_link_to_an_upload_that_is_gone_says_so(visited: Server, page: Page, name: str) -> None:
    page.goto(visited.address(f"?{name}=upload/{'0' * 64}"))
    expect(page.get_by_text("Upload it again")).to_be_visible(timeout=60_000)
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
