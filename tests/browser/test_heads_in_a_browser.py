"""Heads in a browser: a click on a small map makes it large, a click on a patch chooses the token that asks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from gradviz_core.drawing import head_figures
from gradviz_core.drawing.head_figures import HeadMap
from tests.browser import seeing
from tests.browser.conftest import Server, tab

pytestmark = pytest.mark.browser
HEADS = "feature-maps?model=preset/shapes-vit&image=sample/star&maps=heads"


def test_clicks_choose_head_and_token(visited: Server, browser: Browser) -> None:
    maps = [HeadMap(layer, head, np.eye(8, dtype=np.float32)) for layer in range(4) for head in range(4)]
    _, sheet, _ = head_figures.strip(maps, signed=False, unit="", each=True, chosen=(0, 0))
    with tab(browser) as page:
        page.set_viewport_size({"width": 1280, "height": 2000})
        page.goto(visited.address(HEADS))
        said = page.locator(".st-key-said_map p").first
        expect(said).to_contain_text("How much token 0 (a class token or a register) attends", timeout=60_000)
        seeing.wait(page)
        row, column = sheet.corner(6)
        seeing.click(page, "heads", row + 5, column + 5)
        expect(said).to_contain_text("in head 2 of the attention weights of layers.1.attention")
        expect(page).to_have_url(re.compile("attention_head=2"))
        seeing.wait(page)
        seeing.click(page, "map", 4 + 12 * 2, 4 + 12 * 4)
        expect(said).to_contain_text("How much token 21 (patch row 2, column 4) attends to each patch in head 2")
        expect(page).to_have_url(re.compile("query=21"))
        seeing.check_drawn(page, "map")
