"""Files for pages that are drawn without a browser.

AppTest sends no requests, so here a file goes through what takes uploads in the app, and the page is handed the note
that Streamlit would be handed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gradviz_core.compute import client
from gradviz_core.serving import arrivals
from gradviz_core.serving.uploads import Uploads
from tests import own_loop

SESSION = "test session id"
"""What AppTest calls its session."""


@dataclass
class Streamlit:
    """Takes what it is handed, as Streamlit does, and notes it."""

    held: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """Name and contents of each file, by the address it was sent to."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "PUT":
            async with Request(scope, receive).form() as form:
                (file,) = [value for value in form.values() if isinstance(value, UploadFile)]
                self.held[scope["path"]] = (file.filename or "", await file.read())
        else:
            self.held.pop(scope["path"], None)
        await Response(status_code=204)(scope, receive, send)


def form(name: str, data: bytes, boundary: str = "----WebKitFormBoundary7MA4YWxkTrZu0gW") -> tuple[str, bytes]:
    """The type and the body of a request, as a browser makes it of a file."""
    escaped = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{escaped}"; filename="{escaped}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return f"multipart/form-data; boundary={boundary}", head.encode() + data + f"\r\n--{boundary}--\r\n".encode()


def request(method: str, path: str, headers: dict[str, str], address: str = "127.0.0.1") -> Scope:
    """A request as a server hands it on."""
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(key.lower().encode(), value.encode("latin-1")) for key, value in headers.items()],
        "client": (address, 1),
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 8501),
    }


async def sent(app: Any, scope: Scope, messages: Iterable[Message]) -> tuple[int, str]:
    """Send a request whose body comes in these messages: the status of the response, and its text."""
    coming, came = iter(messages), list[Message]()

    async def receive() -> Message:
        return next(coming)

    async def send(message: Message) -> None:
        came.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in came)
    return (came[0]["status"] if came else 0), body.decode()


def chunks(body: bytes, size: int = 65_536) -> list[Message]:
    """A body as a server hands it on."""
    starts = range(0, max(1, len(body)), size)
    return [{"type": "http.request", "body": body[i : i + size], "more_body": i + size < len(body)} for i in starts]


def hand_in(name: str, data: bytes) -> tuple[str, bytes]:
    """Send a file for the controls that wait in AppTest's session: the name and the contents that Streamlit gets."""
    streamlit = Streamlit()
    uploads = Uploads(streamlit, known=lambda _: True, token_is_right=lambda _: True, deliver=client.deliver)
    content_type, body = form(name, data)
    path = f"/_stcore/upload_file/{SESSION}/{uuid.uuid4()}"
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    status, text = own_loop.run(sent(uploads, request("PUT", path, headers), chunks(body)))
    assert status == 204, text
    return streamlit.held[path]


def choose(uploader: Any, name: str, data: bytes) -> None:
    """Choose a file in a control of a page under AppTest."""
    uploader.upload(*hand_in(name, data)).run()


def forget() -> None:
    """Whatever has come before is no longer there."""
    arrivals.here.cache_clear()
