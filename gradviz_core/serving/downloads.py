"""Files for a page's session, streamed: no process holds more than a part of one.

Arrays come from the compute service, which has the whole file on its disk before it says how long it is. So whatever
goes wrong goes wrong before the first byte, and is said in a sentence; and a file that breaks off later is shorter than
its length says, which browsers tell.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import importlib.resources
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import cache
from importlib.resources.abc import Traversable
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread

from gradviz_core.errors import Busy, GradVizError
from gradviz_core.serving import files_in_one
from gradviz_core.serving.files_in_one import Fetch as Fetch
from gradviz_core.serving.files_in_one import File as File
from gradviz_core.serving.offers import Arrays, Offer, Offers, Page, Several
from gradviz_core.text.shown_text import visible

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST = 16
"""Files that may be on their way at one time."""
MOST_HERE = 8
"""Of these, files on their way to one address."""
SILENCE_S = 30.0
"""Seconds without a byte taken after which a file is given up."""
PIECE = 65_536
"""Bytes that are handed to the server at a time: what it keeps for a reader who does not read."""
GONE = "This link belongs to a page that was closed or has changed. Open the page again and download there."
OTHERS = "{} downloads are already running, which is the limit here. Try again in a moment."


class Downloads:
    """The ASGI endpoint at ``/download/{token}``."""

    def __init__(self, offers: Offers, fetch: Fetch) -> None:
        """``fetch`` may take as long as it likes, and raises a ``GradVizError`` where there is no file."""
        self._offers, self._fetch = offers, fetch
        self._under_way: Counter[str] = Counter()
        self._threads: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        offer = self._offers.find(scope["path_params"]["token"])
        if offer is None:
            await _say(send, 410, GONE)
            return
        address = offer.asker.address
        limit = MOST_HERE if self._under_way[address] >= MOST_HERE else MOST
        if limit == MOST_HERE or self._under_way.total() >= MOST:
            await _say(send, 503, OTHERS.format(limit))
            return
        self._under_way[address] += 1
        left = threading.Event()
        listening = asyncio.create_task(_listen(receive, left))
        try:
            await self._send(offer, send, left)
        except GradVizError as error:
            await _say(send, 503 if isinstance(error, Busy) else 422, str(error))
        finally:
            left.set()
            listening.cancel()
            self._under_way[address] -= 1
            self._under_way += Counter()  # addresses with nothing under way are forgotten

    async def _send(self, offer: Offer, send: Send, left: threading.Event) -> None:
        match offer.what:
            case Arrays(question=question, check=check):
                said = check() if check is not None else None
                file = await self._in_thread(self._fetch, question, said, offer.asker, left)
                await self._pass_on_file(file, offer, send, left)
            case Several() as several:
                file = await self._in_thread(files_in_one.fetched, self._fetch, several, offer.asker, left)
                await self._pass_on_file(file, offer, send, left)
            case Page(title=title, light=True):
                page = beginning(title()) + await self._in_thread(delivered_plotly)
                await _start(send, 200, "text/html; charset=utf-8", len(page), offer.file)
                await self._pass_on(iter([page]), send, left)
            case Page(title=title):
                head = beginning(title()) + b"<script>"
                with importlib.resources.as_file(_plotly()) as path, path.open("rb") as plotly:
                    size = len(head) + path.stat().st_size + len(BETWEEN)
                    await _start(send, 200, "text/html; charset=utf-8", size, offer.file)
                    parts = iter([head, *iter(lambda: plotly.read(PIECE), b""), BETWEEN])
                    await self._pass_on(parts, send, left)

    async def _pass_on_file(self, file: File | None, offer: Offer, send: Send, left: threading.Event) -> None:
        if file is None:
            return
        try:
            await _start(send, 200, "application/octet-stream", file.size, offer.file)
            await self._pass_on(file.parts(), send, left)
        finally:
            file.close()

    async def _pass_on(self, parts: Iterator[bytes], send: Send, left: threading.Event) -> None:
        while not left.is_set() and (part := await self._in_thread(next, parts, b"")):
            for start in range(0, len(part), PIECE):
                with fail_after(SILENCE_S):
                    piece = part[start : start + PIECE]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not left.is_set():
            await send({"type": "http.response.body", "body": b""})

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns. The threads are these downloads' own, so that nobody else waits for one."""
        if self._threads is None:
            self._threads = CapacityLimiter(MOST)
        return await to_thread.run_sync(function, *arguments, limiter=self._threads)


async def _listen(receive: Receive, left: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    left.set()


async def _start(send: Send, status: int, kind: str, size: int, file: str = "") -> None:
    headers = {
        "content-type": kind,
        "content-length": str(size),
        "content-encoding": "identity",  # what stands before this must not gather it to compress it
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'",
    } | ({"content-disposition": f'attachment; filename="{file}"'} if file else {})
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})


async def _say(send: Send, status: int, sentence: str) -> None:
    """A page with one sentence."""
    body = f"<!doctype html><html lang=en><title>GradViz</title><p>{html.escape(visible(sentence))}</p></html>".encode()
    await _start(send, status, "text/html; charset=utf-8", len(body))
    await send({"type": "http.response.body", "body": body})


def beginning(title: list[str]) -> bytes:
    """A page up to where Plotly's own script stands in it, after which comes the figure."""
    lines = [html.escape(visible(line)) for line in title]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{lines[0]}</title>'
        '<meta name="viewport" content="width=device-width"><style>body { font: 15px sans-serif }</style></head><body>'
        f'<p>{"<br>".join(lines)}</p><div id="figure"></div>\n'
    ).encode()


def _plotly() -> Traversable:
    """Plotly's script, as its package brings it."""
    return importlib.resources.files("plotly") / "package_data" / "plotly.min.js"


@cache
def delivered_plotly() -> bytes:
    """The element that fetches the same script from Plotly's own delivery network. A browser runs it only if it is the
    file of the installed package, byte for byte: it compares the SHA-256."""
    script = _plotly().read_bytes()
    found = re.search(rb"plotly\.js v([0-9.]+)", script[:200])
    assert found is not None, "Plotly's script does not say its version"
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    address = f"https://cdn.plot.ly/plotly-{found[1].decode()}.min.js"
    return (
        f'<script charset="utf-8" src="{address}" integrity="sha256-{digest}" crossorigin="anonymous"></script>\n'
    ).encode()


BETWEEN = b"</script>\n"
