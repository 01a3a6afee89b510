"""A model of 6 kB that takes 1536×1536 pixels: its pages and its download leave the app's process small."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from pathlib import Path

import numpy as np
import pytest

from tests import own_loop
from tests.load import bringing, heavy
from tests.load.requests import Door
from tests.load.running import App, Watch, running
from tests.load.tab import Tab

SIDE = 1536
PAGES = ("saliency", "neurons", "perturbation")
MOST_MB = 300
"""The whole answer behind each page has 64 MB, and took several times that in the app before answers were made to fit
a screen; a download through Streamlit's button held the file besides."""
LET_GO_MB = 60
"""What may be left of it ten seconds after they have gone: caches, and code that was loaded."""


def took(door: Door, address: str, into: Path) -> tuple[int, str]:
    """Download what is at an address; the length that was announced, and under which name."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=150)
    connection.request("GET", address, headers={"Host": door.host})
    response = connection.getresponse()
    assert response.status == 200, response.read(2000)
    with into.open("wb") as out:
        while part := response.read(1_000_000):
            out.write(part)
    connection.close()
    return int(response.headers["content-length"]), response.headers["content-disposition"]


async def looked_at(app: App, file: Path) -> float:
    """Three people look at large pictures, and one takes the arrays behind one of them; what the app held before."""
    first = await Tab.opened(app.door(), checks=False)
    model = await bringing.model(first, "wide.pt2", heavy.wide(SIDE))
    others = [await Tab.connected(app.door(f"127.0.0.{n}"), checks=False) for n in (2, 3)]
    tabs, before = [first, *others], app.megabytes()["app"]
    for number, (tab, page) in enumerate(
        zip(tabs, PAGES, strict=True)
    ):  # one by one: on a busy machine turns get short
        await tab.open(page, {"model": model, "target": str(number)})
    for tab in tabs:
        assert not tab.screen.errors
        assert len(tab.screen.figures) >= 2
    link = json.loads(first.screen.widget("bidi_component", "downloads").json)["arrays"][0]["address"]
    length, name = await asyncio.to_thread(took, app.door(), link, file)
    assert length == file.stat().st_size
    assert 'filename="gradviz-saliency.npz"' in name
    for tab in tabs:
        await tab.close()
    return before


@pytest.mark.timeout(400)
def test_pages_and_downloads_of_a_large_picture_leave_the_app_small(tmp_path: Path) -> None:
    with running(tmp_path) as app, Watch(app) as watch:
        before = own_loop.run(looked_at(app, tmp_path / "arrays.npz"))
        left = time.monotonic()
        while (held := app.megabytes()["app"]) >= before + LET_GO_MB and time.monotonic() - left < watch.crowding * 10:
            time.sleep(0.2)
    assert watch.most_mb("app") < MOST_MB
    assert watch.most_mb("service") < MOST_MB
    assert held < before + LET_GO_MB
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        gradient, activation = arrays["gradient/.input"], arrays["activation/.input"]
        assert gradient.shape == activation.shape == (1, 3, SIDE, SIDE)
        assert json.loads(str(arrays["question"]))["kind"] == "gradient"
        assert np.ptp(gradient[0, 0]) == 0, "the mean of a channel depends on each of its pixels alike"
        assert np.abs(gradient).max() > 0
