"""The Jacobian page in a browser: from the identity to the scores by the image, a row clicked, a copied address."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser


def test_from_the_identity_to_one_row_of_the_scores_by_the_image(visited: Server, page: Page, browser: Browser) -> None:
    page.goto(visited.address("jacobian?model=preset/digits-mlp&image=sample/star"))
    identity = seeing.finite(seeing.heatmap(page, "matrix"))
    assert sorted(identity) == [0.0] * 90 + [1.0] * 10
    expect(page.get_by_text("the Jacobian is the identity")).to_be_visible()

    page.get_by_role("button", name="Show the outputs by the image").click()
    page.wait_for_function("location.search.includes('wrt=.input')")
    seeing.wait(page)
    assert len(seeing.finite(seeing.heatmap(page, "matrix"))) == 10 * 784

    seeing.click(page, "matrix", 7, 300)
    page.wait_for_function("location.search.includes('output=7')")
    seeing.wait(page)
    expect(page.get_by_text("Output 7, class 7")).to_be_visible()
    row = seeing.finite(seeing.heatmap(page, "output"))
    assert len(row) == 784

    with tab(browser) as other:
        other.goto(page.url)
        assert seeing.finite(seeing.heatmap(other, "output")) == row
