"""What takes uploads, around a compute service and a Streamlit that only note what they get."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Message

from gradviz_core.compute.askers import Asker
from gradviz_core.errors import GradVizError, ServiceStarting
from gradviz_core.serving.arrivals import Arrivals
from gradviz_core.serving.controls import Control
from gradviz_core.serving.notes import Note
from gradviz_core.serving.uploads import Uploads
from gradviz_core.settings import Settings
from gradviz_core.types.cards import ImageReport, ModelReport, UploadKind
from tests import own_loop
from tests.handing_in import Streamlit, chunks, form, request, sent

IMAGE = Control("image", ("png", "npy"), "a PNG file", 1.0)
MODEL = Control("model", ("pt2", "pth"), "a .pt2 or .pth file", 4.0)
ME, OTHER = "my session", "another session"


@dataclass
class Desk:
    """A compute service that keeps what it is sent, and the app around it."""

    files: Arrivals = field(default_factory=lambda: Arrivals(Settings(upload_mb=1.0, model_mb=4.0, session_mb=7.0)))
    streamlit: Streamlit = field(default_factory=Streamlit)
    deliveries: list[Delivery] = field(default_factory=list)
    sessions: set[str] = field(default_factory=lambda: {ME, OTHER})
    trouble: GradVizError | None = None
    token: bool = True

    def __post_init__(self) -> None:
        self.files.controls.draw(ME, "upload", IMAGE)
        self.files.controls.draw(OTHER, "upload", IMAGE)
        self.app = Uploads(
            self.streamlit,
            known=lambda session: session in self.sessions,
            token_is_right=lambda _: self.token,
            deliver=self.deliver,
            files=self.files,
        )

    def deliver(self, kind: UploadKind, size: int, asker: Asker) -> Delivery:
        if self.trouble is not None:
            raise self.trouble
        self.deliveries.append(Delivery(kind, size, asker))
        return self.deliveries[-1]

    async def put(self, messages: list[Message], headers: dict[str, str], path: str = f"{ME}/1") -> tuple[int, str]:
        address = "127.0.0.1" if path.startswith(ME) else "127.0.0.2"
        scope = request("PUT", f"/_stcore/upload_file/{path}", headers, address)
        return await sent(self.app, scope, messages)

    def send(self, name: str, data: bytes, path: str = f"{ME}/1") -> Note:
        """Send a file as a browser does: the note that Streamlit gets."""
        content_type, body = form(name, data)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        status, text = own_loop.run(self.put(chunks(body), headers, path))
        assert status == 204, text
        return Note.from_bytes(self.streamlit.held[f"/_stcore/upload_file/{path}"][1])

    def delete(self, path: str) -> int:
        return own_loop.run(sent(self.app, request("DELETE", f"/_stcore/upload_file/{path}", {}), []))[0]


@dataclass
class Delivery:
    """A file at the service."""

    kind: UploadKind
    size: int
    asker: Asker
    parts: list[bytes] = field(default_factory=list)
    closes: list[bool] = field(default_factory=list)
    broken: bool = False
    slow_s: float = 0.0

    def write(self, part: bytes) -> None:
        time.sleep(self.slow_s)
        if self.broken or self.gone():
            raise ServiceStarting("The compute service stopped.")
        self.parts.append(part)

    def image(self, value_range: tuple[float, float] | None = None) -> ImageReport:
        raise NotImplementedError

    def model(self) -> ModelReport:
        raise NotImplementedError

    def labels(self) -> tuple[str, ...]:
        raise NotImplementedError

    def gone(self) -> bool:
        return bool(self.closes)

    def close(self) -> None:
        self.closes.append(True)


@asynccontextmanager
async def hanging(desk: Desk, path: str, size: int, come: int = 1000, name: str = "a.png") -> AsyncIterator[Hanging]:
    """An upload of which the first bytes have come, and then no more."""
    content_type, body = form(name, bytes(size))
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    address = "127.0.0.1" if path.startswith(ME) else "127.0.0.2"
    messages: asyncio.Queue[Message] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": body[: come + 200], "more_body": True})
    said: list[Message] = []

    async def send(message: Message) -> None:
        said.append(message)

    before = len(desk.deliveries)
    scope = request("PUT", f"/_stcore/upload_file/{path}", headers, address)
    task = asyncio.create_task(desk.app(scope, messages.get, send))
    end = time.monotonic() + 0.5  # what is refused never gets so far
    while len(desk.deliveries) == before and not task.done() and time.monotonic() < end:
        await asyncio.sleep(0.005)
    try:
        yield Hanging(messages, said, task)
    finally:
        task.cancel()


@dataclass
class Hanging:
    """The sender's side of an upload that hangs."""

    messages: asyncio.Queue[Message]
    said: list[Message]
    task: asyncio.Task[None]

    @property
    def status(self) -> int:
        return int(self.said[0]["status"]) if self.said else 0
