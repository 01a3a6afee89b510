"""Plain requests as a browser sends them, from an address that may be another person's."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Mapping
from dataclasses import dataclass


class Gone(Exception):
    """The server closed the connection."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the app is, and from which address of this machine it is reached."""

    port: int
    source: str = "127.0.0.1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


class Refused(Exception):
    """The upload endpoint did not take a file."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status, self.said = status, said


def request(
    door: Door,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_s: float = 60.0,
) -> tuple[int, bytes, Mapping[str, str]]:
    """One plain HTTP request from the door's address: status, body, headers."""
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout_s, source_address=(door.source, 0))
    try:
        connection.request(method, path, body, dict(headers or {}))
        reply = connection.getresponse()
        return reply.status, reply.read(), dict(reply.getheaders())
    finally:
        connection.close()


def xsrf_cookie(door: Door) -> str:
    """The cookie that Streamlit gives a browser before it opens the WebSocket."""
    _, _, headers = request(door, "GET", "/_stcore/health")
    for name, value in headers.items():
        if name.lower() == "set-cookie" and value.startswith("_streamlit_xsrf="):
            return value.partition("=")[2].partition(";")[0]
    raise Gone("the app gave no cookie")


def put(door: Door, link: str, cookie: str, name: str, data: bytes) -> tuple[int, str]:
    """Upload a file to an address that the app gave, in the form in which a browser sends it."""
    boundary = uuid.uuid4().hex
    headers = upload_headers(cookie, boundary)
    status, said, _ = request(door, "PUT", link, multipart(boundary, name, data), headers, timeout_s=120)
    return status, said.decode(errors="replace")


def upload_headers(cookie: str, boundary: str) -> dict[str, str]:
    """What a browser says of an upload."""
    return {
        "Cookie": f"_streamlit_xsrf={cookie}",
        "X-Xsrftoken": cookie,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }


def multipart(boundary: str, name: str, data: bytes) -> bytes:
    """A form with one file in it."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
    return b"".join(
        [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", data, f"\r\n--{boundary}--\r\n".encode()]
    )
