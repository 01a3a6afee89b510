"""Uploading in a real browser: progress, cancelling, one file after the other, and what is said of a file that is not
taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeing, streamlit_ids
from tests.browser.conftest import Server

pytestmark = pytest.mark.browser


def arriving(server: Server) -> list[Path]:
    """Files that are on their way in."""
    return list((server.store / "arriving").glob("*"))


def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(true())


def popover(page: Page) -> None:
    page.get_by_test_id(streamlit_ids.POPOVER_BUTTON).filter(has_text="Upload").click()


def choose(page: Page, *files: Path) -> None:
    page.get_by_test_id(streamlit_ids.POPOVER_BODY).locator("input[type=file]").set_input_files(files)


def says(page: Page, sentence: str) -> None:
    expect(page.get_by_test_id(streamlit_ids.POPOVER_BODY).get_by_test_id(streamlit_ids.ALERT)).to_contain_text(
        sentence, timeout=20_000
    )
    seeing.wait(page)


def noise(path: Path, width: int) -> Path:
    pixels = np.random.default_rng(width).integers(0, 255, (width, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_what_is_not_taken_is_said_and_the_next_file_is_taken(visited: Server, page: Page, tmp_path: Path) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    popover(page)
    expect(page.get_by_text("TIFF and others, up to 20 MB each")).to_be_visible()
    notes = tmp_path / "notes.txt"
    notes.write_bytes(bytes(19_000_000))  # refused while it is on its way
    choose(page, notes)
    says(page, "'notes.txt' has an unsupported type. Choose a PNG, JPEG")
    (tmp_path / "empty.png").write_bytes(b"")
    choose(page, tmp_path / "empty.png")
    says(page, "'empty.png' is empty. Choose another file.")
    (tmp_path / "large.png").write_bytes(bytes(30_000_000))
    choose(page, tmp_path / "large.png")
    expect(page.get_by_text("File must be 20.0MB or smaller.")).to_be_visible()
    for width in (40, 41):
        if width == 41:
            expect(page.get_by_test_id(streamlit_ids.POPOVER_BODY)).to_have_count(0)  # closed once the image was taken
            popover(page)
        choose(page, noise(tmp_path / f"{width}.png", width))
        page.wait_for_function("new URL(location.href).searchParams.get('image')?.startsWith('upload/')")
        expect(page.get_by_text(f"From {width}×{width} PNG")).to_be_visible(timeout=20_000)
        seeing.wait(page)
    assert page.title()


def test_a_file_that_is_cancelled_while_it_is_sent_is_gone(visited: Server, browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()  # Streamlit writes into its console that it was cancelled
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    page.get_by_test_id(streamlit_ids.SIDEBAR).get_by_role("button", name="Bring your own model").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Model file: .pt2, .safetensors, .pt or .pth, and others, up to 600 MB")).to_be_visible()
    slow = page.context.new_cdp_session(page)
    slow.send("Network.enable")
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2_000_000}
    slow.send("Network.emulateNetworkConditions", line)
    (tmp_path / "net.safetensors").write_bytes(bytes(60_000_000))
    dialog.locator("input[type=file]").first.set_input_files(tmp_path / "net.safetensors")
    assert until(lambda: len(arriving(visited)) == 1)
    dialog.get_by_role("button", name="Cancel upload of net.safetensors").click()
    assert until(lambda: not arriving(visited), 3)
    slow.send("Network.emulateNetworkConditions", line | {"uploadThroughput": -1})
    (tmp_path / "other.safetensors").write_bytes(b"no model" + bytes(1000))
    dialog.locator("input[type=file]").first.set_input_files(tmp_path / "other.safetensors")
    expect(dialog.get_by_test_id(streamlit_ids.ALERT)).to_contain_text("The file is not a model", timeout=20_000)
    page.close()


def test_slices_of_a_scanner_are_shown_with_their_gradients(visited: Server, page: Page) -> None:
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    popover(page)
    slices = Path(pydicom.__file__).parent / "data" / "test_files"
    choose(page, slices / "MR_small.dcm", slices / "rtplan.dcm", slices / "CT_small.dcm")
    expect(page.get_by_text("From 64×64 DICOM. Values from -200 to 1399 were scaled to 0 to 255")).to_be_visible(
        timeout=20_000
    )
    page.wait_for_url("**image=upload*")
    seeing.check_drawn(page, "gradient")
    expect(page.get_by_text("'rtplan.dcm': The DICOM file has no picture.")).to_be_visible()
    own = page.get_by_role("radio", name="Your image")
    expect(own).to_have_count(2)
    own.last.check(force=True)
    expect(page.get_by_text("From 128×128 DICOM")).to_be_visible(timeout=20_000)
    seeing.check_drawn(page, "gradient")


def test_a_photo_from_the_camera_is_shown_with_its_gradient(visited: Server, page: Page) -> None:
    page.context.grant_permissions(["camera"])
    page.goto(visited.address("saliency?model=preset/shapes-cnn"))
    seeing.check_drawn(page, "gradient")
    popover(page)
    expect(page.locator("video")).to_have_count(0)  # nobody is asked for their camera before they want it
    page.get_by_text("Take a photo with the camera").click()
    page.wait_for_function("document.querySelector('video')?.videoWidth > 0")  # there is something to be taken
    page.get_by_role("button", name="Take Photo").click()
    page.wait_for_url("**image=upload*")
    seeing.check_drawn(page, "gradient")
    expect(page.get_by_test_id(streamlit_ids.POPOVER_BODY)).to_be_hidden()
