"""The app's style sheet stands in the page itself, and in nothing else that the server sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from gradviz_core.serving.page_style import PageStyle

PAGE = "<html><head><style>h1 {}</style></head><body><p></body></p></body></html>"
STYLE = "h1 { color: red; }"
BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip", "if-none-match": '"old"'} | {
    "range": "bytes=9-",
    "if-range": '"old"',
}


def _html(request: Request) -> Response:
    assert "if-none-match" not in request.headers, "a page that the browser has kept would have an old style"
    assert not {"range", "if-range"}.intersection(request.headers), "a part of a page has no end to write to"
    assert "accept-encoding" not in request.headers, "what is compressed cannot be written into"
    return HTMLResponse(PAGE, headers={"etag": '"file"', "cache-control": "no-cache"})


def _text(_: Request) -> Response:
    return PlainTextResponse("</body>", headers={"etag": '"text"'})


def _download(_: Request) -> Response:
    return HTMLResponse(PAGE, headers={"content-disposition": 'attachment; filename="figure.html"', "etag": '"file"'})


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/", _html),
        Route("/text", _text),
        Route("/download", _download),
        Route("/file", lambda _: FileResponse(__file__)),
    ]
    return TestClient(
        Starlette(routes=routes, middleware=[Middleware(PageStyle, style=lambda path, query: f"{STYLE}{path}?{query}")])
    )


def test_the_style_is_the_last_thing_in_the_page(client: TestClient) -> None:
    reply = client.get("/?view=l2", headers=BROWSER)
    assert reply.text == PAGE.removesuffix("</body></html>") + f"<style>{STYLE}/?view=l2</style></body></html>"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert "etag" not in reply.headers, "it would be that of the file without the style"
    assert reply.headers["cache-control"] == "no-cache"


def test_anything_else_passes_unchanged(client: TestClient) -> None:
    reply = client.get("/text", headers={"accept": BROWSER["accept"]})
    assert (reply.text, reply.headers["etag"]) == ("</body>", '"text"')
    reply = client.get("/download", headers={"accept": BROWSER["accept"]})
    assert (reply.text, reply.headers["etag"]) == (PAGE, '"file"')
    reply = client.get("/file", headers={"accept": BROWSER["accept"]})
    assert reply.text == Path(__file__).read_text(encoding="utf-8")


def test_a_request_that_asks_for_no_page_is_not_touched(client: TestClient) -> None:
    assert client.get("/text", headers={"accept": "*/*", "if-none-match": '"x"'}).headers["etag"] == '"text"'
