"""A few hostile files, one after the other, from a real Chromium into one running app, while another tab looks on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server, tab
from tests.hostile import archives, exported_files, pickles, pictures, safetensors_files, tensors
from tests.hostile.case import CANARY, Case

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

MODELS = (
    "os-system",
    "torchscript",
    "zip-bomb",
    "view-of-10^12-elements",
    "st-header-claims-96-MB",
    "script-in-the-file-name",
    "pt2-eval",
    "pt2-2^40-times-the-memory",
)
PICTURES = ("png-of-100-megapixels", "eps-called-png", "a-script-as-its-name")
MODULES = (archives, pickles, tensors, safetensors_files, exported_files, pictures)
ALL: dict[str, Case] = {case.name: case for module in MODULES for case in module.CASES}


def test_hostile_files_in_a_real_browser(visited: Server, browser: Browser, new_page: Page) -> None:
    CANARY.unlink(missing_ok=True)
    dialogs: list[str] = []

    def heard(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    new_page.on("dialog", heard)
    new_page.goto(visited.address("?image=sample/digit-3"))
    seeing.check_drawn(new_page, "gradient")
    for name in MODELS:
        new_page.get_by_role("button", name="Bring your own model").click()
        _choose(new_page, streamlit_ids.filled("$DIALOG input[type=file]"), ALL[name])
        new_page.keyboard.press("Escape")
        expect(new_page.get_by_test_id(streamlit_ids.DIALOG)).to_have_count(0)
    new_page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()
    for name in PICTURES:
        _choose(new_page, streamlit_ids.filled("$POPOVER_BODY input[type=file]"), ALL[name])
    new_page.wait_for_function("location.search.includes('upload')", timeout=60_000)
    seeing.check_drawn(new_page, "gradient")
    with tab(browser) as other:
        other.goto(visited.address("?image=sample/star"))
        seeing.check_drawn(other, "gradient")
    assert dialogs == []
    assert not CANARY.exists()


def _choose(page: Page, where: str, case: Case) -> None:
    """Upload it, and read the sentence."""
    page.locator(where).first.set_input_files(
        {"name": case.file, "mimeType": "application/octet-stream", "buffer": case.make()}
    )
    if case.name.startswith("pt2-2^40"):
        page.get_by_role("button", name="Use this model").click(timeout=60_000)
    if case.fate == "refused":
        expect(
            page.get_by_test_id(streamlit_ids.ALERT).filter(has_text=re.compile(case.says, re.DOTALL)).first
        ).to_be_visible(timeout=60_000)
        expect(page.locator("body")).not_to_contain_text("Traceback")
