"""Downloads: what a page offers is there for its own session alone, comes in pieces, and fails with a sentence."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib.resources
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from gradviz_core.compute.askers import Asker
from gradviz_core.errors import BadTarget, Busy, GradVizError
from gradviz_core.serving import downloads
from gradviz_core.serving.downloads import Downloads, File
from gradviz_core.serving.offers import WEIGHT, Arrays, Offer, Offers, Page
from tests import own_loop
from tests.crowding import soon

ME = Asker("1.1.1.1", "a")


@dataclass
class Stored:
    """A file of the service."""

    pieces: list[bytes]
    closed: bool = False
    broken: bool = False

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def parts(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if self.broken:
                raise EOFError
            yield piece

    def close(self) -> None:
        self.closed = True


@dataclass
class Browser:
    """One request, and what came back."""

    stays: bool = True
    slow_s: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    largest: int = 0
    whole: bool = False

    async def get(self, endpoint: Downloads, token: str) -> Browser:
        async def receive() -> dict[str, Any]:
            if self.stays:
                await asyncio.sleep(3600)
            await asyncio.sleep(0.1)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                return
            await asyncio.sleep(self.slow_s)
            self.largest = max(self.largest, len(message["body"]))
            self.body += message["body"]
            self.whole = not message.get("more_body")

        await endpoint({"type": "http", "path_params": {"token": token}}, receive, send)
        return self


def fetching(result: File | GradVizError | None, asked: list[Any] | None = None) -> downloads.Fetch:
    def fetch(question: str, check: str | None, asker: Asker, left: threading.Event) -> File | None:
        if asked is not None:
            asked.append((question, check, asker))
        if isinstance(result, GradVizError):
            raise result
        return result

    return fetch


def got(result: File | GradVizError | None, what: Arrays | Page, browser: Browser | None = None) -> Browser:
    offers = Offers()
    token = offers.offer("s", Offer(ME, "gradviz-x.npz", what))
    return own_loop.run((browser or Browser()).get(Downloads(offers, fetching(result)), token))


ARRAYS = Arrays("question", None)


def test_a_file_comes_whole_in_small_pieces_under_its_name() -> None:
    file = Stored([b"a" * 1_000_000, b"b" * 3])
    browser = got(file, ARRAYS)
    assert (browser.status, browser.body, browser.whole) == (200, b"a" * 1_000_000 + b"bbb", True)
    assert browser.largest <= 65_536
    assert browser.headers["content-length"] == "1000003"
    assert browser.headers["content-disposition"] == 'attachment; filename="gradviz-x.npz"'
    assert file.closed


def test_the_service_is_asked_the_question_with_what_the_check_says_by_now() -> None:
    asked: list[Any] = []
    offers, said = Offers(), ["not yet"]
    token = offers.offer("s", Offer(ME, "x.npz", Arrays("question", lambda: said[0])))
    said[0] = "agrees"
    own_loop.run(Browser().get(Downloads(offers, fetching(Stored([b"x"]), asked)), token))
    assert asked == [("question", "agrees", ME)]


@pytest.mark.parametrize(
    ("error", "status"), [(BadTarget("There is no <b>class</b>\u202e 12."), 422), (Busy("Others <b> come first."), 503)]
)
def test_what_fails_is_one_sentence_and_no_file(error: GradVizError, status: int) -> None:
    browser = got(error, ARRAYS)
    assert browser.status == status
    assert "content-disposition" not in browser.headers
    text = browser.body.decode()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "\u202e" not in text


def test_a_file_that_breaks_off_is_shorter_than_was_said() -> None:
    with pytest.raises(EOFError):  # the server closes the connection, and the browser sees that bytes are missing
        got(Stored([b"x"], broken=True), ARRAYS)


def test_who_leaves_stops_what_was_begun() -> None:
    waited: list[bool] = []

    def fetch(question: str, check: str | None, asker: Asker, left: threading.Event) -> File | None:
        waited.append(left.wait(60))
        return None

    offers = Offers()
    token = offers.offer("s", Offer(ME, "x.npz", ARRAYS))
    started = time.monotonic()
    browser = own_loop.run(Browser(stays=False).get(Downloads(offers, fetch), token))
    assert waited == [True]
    assert time.monotonic() - started < soon(1)
    assert browser.status == 0


def test_who_leaves_in_the_middle_lets_go_of_the_file() -> None:
    file = Stored([b"x" * 65_536] * 100)
    browser = got(file, ARRAYS, Browser(stays=False, slow_s=0.02))
    assert file.closed
    assert not browser.whole
    assert len(browser.body) < file.size / 2


def test_who_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "SILENCE_S", 0.1)
    file = Stored([b"x"])
    with pytest.raises(TimeoutError):
        got(file, ARRAYS, Browser(slow_s=5))
    assert file.closed


def test_so_many_at_a_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST", 3)
    monkeypatch.setattr(downloads, "MOST_HERE", 2)
    offers, you = Offers(), Asker("2.2.2.2", "b")
    tokens = [offers.offer(str(n), Offer(who, "x.npz", ARRAYS)) for n, who in enumerate((ME, ME, ME, you, you))]

    async def all_at_once() -> list[int]:
        endpoint = Downloads(offers, fetching(Stored([b"x"])))
        browsers = await asyncio.gather(*(Browser(slow_s=0.2).get(endpoint, token) for token in tokens))
        again = await Browser().get(endpoint, tokens[0])
        return [browser.status for browser in (*browsers, again)]

    assert own_loop.run(all_at_once()) == [200, 200, 503, 200, 503, 200]


def test_a_page_is_its_title_and_plotly_and_then_the_picture_of_the_browser() -> None:
    browser = got(None, Page(lambda: ["GradViz: <script>", "b & c"]))
    text = browser.body.decode()
    assert browser.headers["content-length"] == str(len(browser.body))
    assert browser.largest <= 65_536
    assert get_plotlyjs() in text
    assert text.endswith("</script>\n")
    head = text[: text.index(get_plotlyjs())]
    assert "<title>GradViz: &lt;script&gt;</title>" in head
    assert "<p>GradViz: &lt;script&gt;<br>b &amp; c</p>" in head
    assert head.count("<script>") == 1
    assert (importlib.resources.files("plotly") / "package_data" / "plotly.min.js").is_file()


def test_a_light_page_fetches_the_very_script_that_plotly_itself_would_name() -> None:
    light = got(None, Page(lambda: ["GradViz: <script>", "b & c"], light=True)).body.decode()
    whole = got(None, Page(lambda: ["GradViz: <script>", "b & c"])).body.decode()
    head, _, script = light.partition("<script")
    assert whole.startswith(f"{head}<script>")
    assert "<title>GradViz: &lt;script&gt;</title>" in head
    theirs = go.Figure().to_html(include_plotlyjs="cdn")
    for attribute in ("src", "integrity", "crossorigin"):
        (said,) = re.findall(rf'{attribute}="[^"]+"', script)
        assert said in theirs
    digest = base64.b64encode(hashlib.sha256(get_plotlyjs().encode()).digest()).decode()
    assert f'integrity="sha256-{digest}"' in script


# ------------------------------------------------------------------------------------------------------------- offers


def offer(file: str, question: str = "") -> Offer:
    return Offer(ME, file, Arrays(question, None))


def test_a_link_is_for_one_file_of_one_session_and_names_what_its_page_shows_now() -> None:
    offers = Offers()
    first = offers.offer("s", offer("x.npz", "1"))
    assert offers.offer("s", offer("x.npz", "2")) == first
    assert offers.find(first) == offer("x.npz", "2")
    others = {offers.offer("t", offer("x.npz")), offers.offer("s", offer("y.npz"))}
    assert len(others | {first}) == 3
    assert all(len(token) >= 43 for token in others), "it could be guessed"


@pytest.mark.parametrize("token", ["", "x", "../../etc/passwd", "A" * 43])
def test_what_no_page_offers_is_not_there(token: str) -> None:
    offers = Offers()
    offers.offer("s", offer("x.npz"))
    browser = own_loop.run(Browser().get(Downloads(offers, fetching(None)), token))
    assert browser.status == 410
    assert b"Open the page again" in browser.body


def test_a_link_is_worth_nothing_once_its_page_is_closed_and_its_offer_goes() -> None:
    offers, there = Offers(), {"s", "t"}
    offers.knows = there.__contains__
    token = offers.offer("s", offer("x.npz"))
    there.remove("s")
    assert offers.find(token) is None
    other = offers.offer("t", offer("x.npz"))
    offers.forget("s")
    assert offers.find(other) is not None
    assert offers.size == WEIGHT


def test_offers_count_bytes_and_the_oldest_give_way() -> None:
    offers = Offers(most_bytes=3 * WEIGHT + 30)
    tokens = [offers.offer("s", offer(f"{n}.npz", "x" * 10)) for n in range(5)]
    known: Callable[[str], bool] = lambda token: offers.find(token) is not None  # noqa: E731
    assert [known(token) for token in tokens] == [False, False, True, True, True]
