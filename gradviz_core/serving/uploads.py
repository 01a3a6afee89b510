"""What takes files in Streamlit's place: ASGI middleware around the address that its upload control sends them to.

The body goes to the compute service as it comes, in parts, and no more of it than one part lies in this process.
Streamlit is handed a note (``notes.py``), and so never holds a file.

Whoever may not send at all gets a sentence, and the connection is closed: whose token is wrong, whose session is not
known, for whom no control waits. Whatever else is wrong with a file, its sentence travels in the note, since
Streamlit's control shows the number of an error and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradviz_core.compute.askers import Asker, session_at
from gradviz_core.errors import GradVizError, UploadRefused
from gradviz_core.serving import arrivals
from gradviz_core.serving.arrivals import Arrivals, Delivery, Incoming
from gradviz_core.serving.controls import Control, meant
from gradviz_core.serving.form import HEAD_BYTES, Form, Malformed
from gradviz_core.serving.notes import Note, form
from gradviz_core.serving.pace import Gone, Pace, TooSlow
from gradviz_core.serving.refusals import refuse
from gradviz_core.types.cards import UploadKind

_PLACE = re.compile(r".*/_stcore/upload_file/([^/]*)/([^/]*)", re.DOTALL)
PART = 256_000
"""Bytes of a file that are sent to the service at a time."""
LONGEST_ID = 64
"""Characters of the names that Streamlit gives to sessions and files."""
TOLERANCE = 1.5
"""A file up to so many times larger than it may be is refused with a sentence, as any other: browsers count megabytes
in their own ways, and let some of them pass."""

_SLOW = "The upload was too slow or stopped. Choose the file again."
Deliver = Callable[[UploadKind, int, Asker], Delivery]
"""Announces a file of this kind and size to the compute service, which may refuse it."""


class _Closed(Exception):
    """The request is answered with this status and sentence, and the connection is closed."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@dataclass(frozen=True, slots=True)
class _Request:
    """One upload, before any of it was read."""

    session: str
    file_id: str
    address: str
    controls: tuple[Control, ...]
    length: int
    content_type: bytes


class Uploads:
    """ASGI middleware. ``scope["client"]`` must hold the address that a request counts for (``clients.py``)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        known: Callable[[str], bool],
        token_is_right: Callable[[Headers], bool],
        deliver: Deliver,
        files: Arrivals | None = None,
    ) -> None:
        """``known`` says whether a session is there, ``token_is_right`` whether a request comes from one of our own
        pages. ``files`` are those of this process, if none are named."""
        self._app, self._known, self._token_is_right, self._deliver = app, known, token_is_right, deliver
        self._files = files or arrivals.here()
        self._threads = anyio.CapacityLimiter(arrivals.FILES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a file, or pass on what is none."""
        place = _PLACE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if place is None or scope["method"] not in ("PUT", "DELETE"):
            await self._app(scope, receive, send)
        elif scope["method"] == "DELETE":
            if await self._passed_on(scope, receive, send):
                self._files.removed(place[1], place[2])
        else:
            try:
                await self._take(scope, receive, send, place[1], place[2])
            except _Closed as closed:
                await refuse(scope, send, closed.status, closed.sentence)
            except Malformed as error:
                await refuse(scope, send, 400, str(error))
            except Gone:
                return

    async def _take(self, scope: Scope, receive: Receive, send: Send, session: str, file_id: str) -> None:
        request = self._checked(scope, session, file_id)
        body, pace = Form(request.content_type, request.length), Pace(receive)
        token = ""
        try:
            incoming = self._files.begin(session, file_id, request.address, request.length)
        except UploadRefused as error:
            await self._say(scope, send, request, "file", Note(refused=str(error)), pace)
            return
        try:
            note = await self._received(request, incoming, body, pace)
            if await self._say(scope, send, request, body.name or "file", note, pace):
                token = note.token
        finally:
            if not token:
                self._files.let_go(incoming)

    def _checked(self, scope: Scope, session: str, file_id: str) -> _Request:
        """Who sends, and what, before any of it is read. Raises ``_Closed``."""
        headers = Headers(scope=scope)
        if not self._token_is_right(headers):
            raise _Closed(403, "The request does not come from a page of this app. Reload the page.")
        if not self._known(session) or not 0 < len(file_id) <= LONGEST_ID:
            raise _Closed(400, "This session does not exist. Reload the page.")
        controls = self._files.controls.of(session)
        if not controls:
            raise _Closed(409, "No control of this session is waiting for a file. Reload the page.")
        text = headers.get("content-length", "")
        if not (text.isascii() and text.isdecimal() and len(text) < 16):
            raise _Closed(411, "The length of the file must be stated before it is sent.")
        length, most = int(text), max(control.most_bytes for control in controls)
        if length > TOLERANCE * most + 2 * HEAD_BYTES:
            raise _Closed(413, f"The file has {length / 1e6:.1f} MB; the limit is {most / 1e6:g} MB.")
        address = (scope.get("client") or ("", 0))[0]
        return _Request(session, file_id, address, controls, length, headers.get("content-type", "").encode("latin-1"))

    async def _received(self, request: _Request, incoming: Incoming, body: Form, pace: Pace) -> Note:
        """The note for a file that is to come. Raises ``_Closed``, ``Malformed`` and ``Gone``."""
        try:
            await self._receive(request, incoming, body, pace)
        except TooSlow:
            if incoming.gone:
                raise _Closed(408, "The session has ended.") from None
            raise _Closed(408, _SLOW) from None
        except GradVizError as error:
            if incoming.gone:
                raise _Closed(400, "The session has ended. Reload the page.") from None
            return Note(refused=str(error))
        return Note(token=incoming.token)

    async def _receive(self, request: _Request, incoming: Incoming, body: Form, pace: Pace) -> None:
        found: list[bytes] = []
        while not body.name and pace.more:
            found = body.feed(await pace.part())
        if not body.name:
            raise Malformed("The form contains no file.")
        control = meant(request.controls, body.name)
        control.check(body.name, body.size)
        incoming.name, incoming.size = body.name, body.size
        asker = session_at(request.address, request.session)
        delivery = await run_sync(self._deliver, control.kind, body.size, asker, limiter=self._threads)
        incoming.delivery = delivery
        async for part in _parts(found, body, pace):
            if incoming.gone:
                raise UploadRefused("The session has ended.")
            await run_sync(delivery.write, part, limiter=self._threads)
        body.finish()
        if not self._files.came(incoming):
            raise UploadRefused("The session has ended.")

    async def _say(self, scope: Scope, send: Send, request: _Request, name: str, note: Note, pace: Pace) -> bool:
        """Hand Streamlit a note in the file's place; whether it has taken it. What is still to come of a file that was
        refused is read and thrown away first: a browser hears nothing before it has sent all. Raises ``_Closed`` where
        Streamlit holds too many notes, and where the rest does not come."""
        if not self._files.note(request.session, request.file_id):
            raise _Closed(429, "Too many files were sent that no page uses. Reload the page.")
        try:
            while pace.more:
                await pace.part()
        except TooSlow:
            raise _Closed(408, _SLOW) from None
        content_type, body = form(note, name)
        told = {b"content-length": str(len(body)).encode(), b"content-type": content_type}
        kept = [(key, value) for key, value in scope["headers"] if key.lower() not in (*told, b"transfer-encoding")]
        message: Message = {"type": "http.request", "body": body, "more_body": False}

        async def receive() -> Message:
            return message

        return await self._passed_on({**scope, "headers": [*kept, *told.items()]}, receive, send)

    async def _passed_on(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Let Streamlit answer; whether it says yes."""
        status = 0

        async def heard(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, heard)
        return 200 <= status < 300


async def _parts(found: list[bytes], body: Form, pace: Pace) -> AsyncIterator[bytes]:
    """The file in parts of ``PART`` bytes or a little more, but for the last."""
    waiting = bytearray().join(found)
    while pace.more:
        for piece in body.feed(await pace.part()):
            waiting += piece
        if len(waiting) >= PART:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
