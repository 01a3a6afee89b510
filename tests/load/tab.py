"""A tab of a browser, without the browser: it speaks Streamlit's own protocol through a WebSocket, opens pages by their
address, presses buttons, uploads files, and knows what the page shows. Fifty of them fit into one process.

A tab can come from an address of its own (127.0.0.2, 127.0.0.3, ...), as another person's computer would.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLs, FileURLsResponse
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.load.requests import Door, Gone, Refused, put, request, xsrf_cookie
from tests.load.screen import Screen

PATIENCE_S = 130.0
"""Longer than a question may wait for a worker and run (60 seconds each): who waits longer than this is forgotten."""
SMALL = {"model": "preset/shapes-cnn"}
LINE = "gradviz_check"
"""The component that looks for the verdict on the picture beside it."""


class Hang(Exception):
    """The page did not come to its end."""


class Tab:
    """One session. Make one with ``await Tab.opened(door)``; ``await tab.close()`` is closing the tab."""

    def __init__(self, door: Door, socket: ClientConnection, cookie: str, *, checks: bool) -> None:
        self.door, self.screen, self.session = door, Screen(), ""
        self.pages: dict[str, str] = {}
        """The script of each page, by the page's address."""
        self.cookie = cookie
        self._socket, self._checks = socket, checks
        self._page = ""
        self._run: tuple[str, frozenset[str]] = ("", frozenset())
        self._states: dict[str, WidgetState] = {}
        self._finished: asyncio.Future[None] | None = None
        self._fragment = ""
        """The part of the page that was asked for alone; empty for the whole."""
        self.address: dict[str, str] = {}
        """The choices in the address bar."""
        self._links: dict[str, asyncio.Future[list[FileURLs]]] = {}
        self._looking: set[asyncio.Task[None]] = set()
        self.verdicts: dict[str, str] = {}
        """What the lines beside pictures said, by the component that shows them."""
        self.trouble: list[str] = []
        """Why a verdict could not be looked for."""
        self._listening = asyncio.create_task(self._listen())
        self.received = 0
        """Bytes of the messages that came, before compression."""

    @classmethod
    async def opened(
        cls,
        door: Door,
        page: str = "saliency",
        choices: Mapping[str, str] = SMALL,
        *,
        checks: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> Tab:
        """A new tab at the address ``/page?choices``, once it is drawn; Input saliency of a small model by default.

        ``checks`` is whether it looks for the line beside each picture, as the page in a browser does.

        Raises:
            Hang: the page does not come to its end.
            Gone: the server does not let the session in.
        """
        tab = await cls.connected(door, checks=checks)
        try:
            await tab.open(page, choices, patience_s=patience_s)
        except BaseException:
            await tab.close()
            raise
        return tab

    @classmethod
    async def connected(cls, door: Door, *, checks: bool = True) -> Tab:
        """A new tab whose page is not asked for yet."""
        cookie = await asyncio.to_thread(xsrf_cookie, door)
        socket = await connect(
            f"ws://{door.host}/_stcore/stream",
            origin=f"http://{door.host}",  # type: ignore[arg-type]  # an origin is a text
            subprotocols=["streamlit", cookie],  # type: ignore[list-item]  # so are these
            additional_headers={"Cookie": f"_streamlit_xsrf={cookie}"},
            local_addr=(door.source, 0),
            max_size=None,
            proxy=None,
            ping_interval=None,
            open_timeout=30,
        )
        return cls(door, socket, cookie, checks=checks)

    async def close(self) -> None:
        """Close the tab."""
        for task in [*self._looking, self._listening]:
            task.cancel()
        await self._socket.close()

    # ----------------------------------------------------------------------------------------------- what a person does

    async def open(
        self, page: str = "", choices: Mapping[str, str] | None = None, *, patience_s: float = PATIENCE_S
    ) -> Screen:
        """Show ``/page?choices``: in a new tab as its first page, later as one goes back or forth in the history.

        Raises:
            Hang: the page does not come to its end.
            Gone: the connection ends.
        """
        state = ClientState(query_string=urlencode(choices or {}), page_name=page)
        if self.pages:
            state.page_name, state.page_script_hash = "", self.pages[page]
            state.is_history_navigation = True
        self.address = dict(choices or {})
        return await self._rerun(state, patience_s)

    async def go(self, page: str, *, patience_s: float = PATIENCE_S) -> Screen:
        """Open another page from the sidebar: the choices stay, although the browser leaves them out of the address.
        Raises as ``open``."""
        state = ClientState(query_string="", page_script_hash=self.pages[page])
        return await self._rerun(state, patience_s)

    async def press(self, label: str, *, patience_s: float = PATIENCE_S) -> Screen:
        """Press the button with this label. Raises LookupError where there is none; else as ``open``."""
        widget = self.screen.button(label).id
        trigger = WidgetState(id=widget, trigger_value=True)
        return await self._rerun(ClientState(fragment_id=self.screen.fragment(widget)), patience_s, trigger)

    async def choose(self, key: str, option: str, *, patience_s: float = PATIENCE_S) -> Screen:
        """Choose an option of a list by its words. Raises as ``press``."""
        widget = self.screen.widget("selectbox", key)
        return await self._set(WidgetState(id=widget.id, string_value=option), patience_s)

    async def event(self, key: str, name: str, value: object, *, patience_s: float = PATIENCE_S) -> Screen:
        """What happens in a component in the browser, a click on a picture for instance. Raises as ``press``."""
        component = self.screen.widget("bidi_component", key)
        return await self._rerun(ClientState(), patience_s, _event(component.id, name, value))

    async def click(self, chart: str, row: int, column: int, *, patience_s: float = PATIENCE_S) -> Screen:
        """Click on a picture; in a chart with bars, ``row`` is the place of the bar. Raises as ``press``."""
        place = {"x": column, "y": row, "position": row, "curve": 0}
        return await self.event(f"chart_{chart}_clicks", "clicked", place, patience_s=patience_s)

    async def upload(self, key: str, name: str, data: bytes, *, patience_s: float = PATIENCE_S) -> Screen:
        """Give the uploader whose key is ``key`` a file. Raises as ``press``.

        Raises:
            Refused: the endpoint does not take it.
        """
        widget = self.screen.widget("file_uploader", key)
        (link,) = await self.links(name)
        status, said = await asyncio.to_thread(put, self.door, link.upload_url, self.cookie, name, data)
        if status >= 300:
            raise Refused(status, said)
        return await self.use_upload(widget.id, link, name, len(data), patience_s=patience_s)

    async def use_upload(
        self, widget: str, link: FileURLs, name: str, size: int, *, patience_s: float = PATIENCE_S
    ) -> Screen:
        """Tell the page that the file that was sent to ``link`` is there."""
        state = WidgetState(id=widget)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=size, file_id=link.file_id, file_urls=link
        )
        return await self._set(state, patience_s)

    async def links(self, *names: str) -> list[FileURLs]:
        """Addresses to which files of these names may be uploaded. Raises Hang where none are named."""
        request, back = uuid.uuid4().hex, BackMsg()
        back.file_urls_request.request_id = request
        back.file_urls_request.session_id = self.session
        back.file_urls_request.file_names.extend(names)
        answer = self._links[request] = asyncio.get_running_loop().create_future()
        await self._send(back)
        try:
            return await asyncio.wait_for(answer, PATIENCE_S)
        except TimeoutError:
            raise Hang(f"no place for {', '.join(names)} was named within {PATIENCE_S:g} s") from None

    async def write(self, kind: str, key: str, text: str, *, patience_s: float = PATIENCE_S) -> Screen:
        """Write into a field of text. Raises as ``press``."""
        widget = self.screen.widget(kind, key)
        return await self._set(WidgetState(id=widget.id, string_value=text), patience_s)

    # ----------------------------------------------------------------------------------------------------- the protocol

    async def _set(self, state: WidgetState, patience_s: float) -> Screen:
        self._states[state.id] = state
        return await self._rerun(ClientState(fragment_id=self.screen.fragment(state.id)), patience_s)

    async def _rerun(self, state: ClientState, patience_s: float, trigger: WidgetState | None = None) -> Screen:
        finished = self._finished = asyncio.get_running_loop().create_future()
        self._fragment = state.fragment_id
        await self._ask_for_run(state, trigger)
        try:
            await asyncio.wait_for(finished, patience_s)
        except TimeoutError:
            raise Hang(f"{self.screen.title!r} was not drawn to its end within {patience_s:g} s") from None
        return self.screen

    async def _ask_for_run(self, state: ClientState, trigger: WidgetState | None = None) -> None:
        shown = {getattr(element, element.WhichOneof("type") or "").id for element in self._with_identity()}
        active = [widget for widget in self._states.values() if widget.id in shown]
        state.widget_states.CopyFrom(WidgetStates(widgets=[*active, *([trigger] if trigger else [])]))
        state.context_info.timezone, state.context_info.locale = "Europe/Berlin", "en-GB"
        state.context_info.url = f"http://{self.door.host}/"
        if not state.page_script_hash and not state.page_name:
            state.page_script_hash = self._page
        await self._send(BackMsg(rerun_script=state))

    def _with_identity(self) -> list[Any]:
        elements = (drawn.element for drawn in self.screen.drawn())
        return [
            element for element in elements if hasattr(getattr(element, element.WhichOneof("type") or "", None), "id")
        ]

    async def _send(self, back: BackMsg) -> None:
        try:
            await self._socket.send(back.SerializeToString())
        except ConnectionClosed as error:
            raise Gone(str(error)) from None

    async def _listen(self) -> None:
        try:
            async for data in self._socket:
                assert isinstance(data, bytes)
                self.received += len(data)
                self._take(ForwardMsg.FromString(data))
        except ConnectionClosed:
            pass
        finally:
            self._say(Gone(f"the server ended the session of {self.screen.title!r}"))

    def _say(self, error: Exception | None) -> None:
        waiting = [self._finished, *(self._links.values() if error else ())]
        for future in waiting:
            if future is not None and not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
                    future.exception()  # nobody may be waiting

    def _take(self, message: ForwardMsg) -> None:
        match message.WhichOneof("type"):
            case "new_session":
                self.session = message.new_session.initialize.session_id
                self._page = message.new_session.page_script_hash
                self._run = (message.metadata.run.script_run_id, frozenset(message.metadata.run.fragment_ids))
            case "navigation":
                self.pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
                self.pages[""] = next(page.page_script_hash for page in message.navigation.app_pages if page.is_default)
                self._page = message.navigation.page_script_hash
            case "page_info_changed":
                self.address = dict(parse_qsl(message.page_info_changed.query_string))
            case "delta":
                self.screen.draw(message, self._run[0])
                self._look_for_verdict(message.delta.new_element)
            case "script_finished":
                self._finish(message.script_finished)
            case "file_urls_response":
                self._found_links(message.file_urls_response)

    def _finish(self, how: ForwardMsg.ScriptFinishedStatus.ValueType) -> None:
        if how in {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}:
            self.screen.finish(*self._run)
        part = how == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY and self._fragment in self._run[1]
        if part or how in {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR}:
            self._say(None)

    def _found_links(self, response: FileURLsResponse) -> None:
        future = self._links.pop(response.response_id, None)
        if future is not None and not future.done():
            future.set_result(list(response.file_urls))

    def _look_for_verdict(self, element: Element) -> None:
        component = element.bidi_component
        if self._checks and element.WhichOneof("type") == "bidi_component" and component.component_name == LINE:
            task = asyncio.create_task(self._verdict(component.id, json.loads(component.json)))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _verdict(self, component: str, data: dict[str, Any]) -> None:
        """Look for it as the browser does, for as long as its line is on the page."""
        pause, said = data["first"], data["said"]
        while said is None:
            await asyncio.sleep(pause / 1000)
            if not any(component == each.id for each in self.screen.of("bidi_component")):
                return
            try:
                status, body, _ = await asyncio.to_thread(request, self.door, "GET", data["address"])
                found = json.loads(body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.trouble.append(f"no verdict at {data['address']}: {error!r}")
                return
            if status != 200 or not found["line"]:
                return
            said, pause = found["said"], min(pause * data["slower"], data["last"])
        self.verdicts[component] = said["words"]


def _event(component: str, name: str, value: object) -> WidgetState:
    text = json.dumps([{"event": name, "value": value}])
    return WidgetState(id=f"$$STREAMLIT_INTERNAL_KEY_{component}__events", json_trigger_value=text)
