"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pandas  # type: ignore[import-untyped]  # noqa: F401 (here and not on the first page with a table: see below)
import plotly.graph_objects as go
import streamlit as st
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.routing import Route
from streamlit import runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from gradviz_core.compute import client
from gradviz_core.serving import arrivals, memory, threads
from gradviz_core.serving.checks import PATH as CHECKS_AT
from gradviz_core.serving.checks import Lines, checks
from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.doors import Doors
from gradviz_core.serving.downloads import Downloads
from gradviz_core.serving.farewells import farewells
from gradviz_core.serving.leaving import let_go
from gradviz_core.serving.limits import Limits
from gradviz_core.serving.offers import PATH as OFFERS_AT
from gradviz_core.serving.offers import offers
from gradviz_core.serving.places import Places
from gradviz_core.serving.sessions import Sessions
from gradviz_core.serving.uploads import Uploads
from gradviz_core.settings import settings

# Plotly asks of each value whether it is a table of pandas', once there is a module of that name. While one thread is
# still loading it, pages in all others would end with an error, so it is loaded before there are any.

log = logging.getLogger("gradviz.app")
USED = frozenset({"rerun_script", "stop_script", "file_urls_request", "app_heartbeat"})
"""The kinds of messages that the pages make use of. Others have the caches of everybody cleared, or start programs."""
MOST_FILES = 20
"""Files that one message may ask to upload."""
PART_OF_A_PAGE = 0.05
"""What drawing a part of a page by itself counts for."""


def known(session: str) -> bool:
    """Whether a tab is connected under this name."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def held() -> list[str]:
    """Every session that there is, with and without a tab. Streamlit has no public way to this list."""
    return [info.session.id for info in runtime.get_instance()._session_mgr.list_sessions()]


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """What runs beside the server: sessions whose tabs have left are let go, and so is what pages leave behind. The
    compute service ends with it."""
    go.Figure(go.Heatmap(z=[[0.0]])).to_json()  # loads what figures are made of
    memory.settle()
    close = runtime.get_instance().close_session
    beside = [
        asyncio.create_task(let_go(held, known, close, farewells().look, settings().sessions)),
        asyncio.create_task(memory.collect_now_and_then()),
    ]
    yield
    for task in beside:
        task.cancel()
    await asyncio.to_thread(client.stop)


def pages_in(data: bytes) -> float | None:
    """How many pages a tab's message has drawn; None for one that no page sends. What is no message at all is left to
    Streamlit, which ends the connection."""
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return 0.0
    kind = message.WhichOneof("type")
    if kind not in USED or len(message.file_urls_request.file_names) > MOST_FILES:
        log.warning("A message of a tab was dropped: no page of this app sends %s", kind)
        return None
    if kind != "rerun_script":
        return 0.0
    return PART_OF_A_PAGE if message.rerun_script.fragment_id else 1.0


def token_is_right(headers: Headers) -> bool:
    """As Streamlit looks at uploads: the token in the header must be the one in the cookie."""
    cookie = cookie_parser(headers.get("cookie", "")).get(XSRF_COOKIE_NAME)
    return not is_xsrf_enabled() or validate_xsrf_token(headers.get("x-xsrftoken"), cookie)


memory.keep_little()
threads.let_others_in()
offers().knows = known
arrivals.here().watch(known)
base = str(st.get_option("server.baseUrlPath")).strip("/")
root = f"/{base}" if base else ""

app = st.App(
    "navigation.py",
    middleware=[
        Middleware(Limits),
        Middleware(ClientAddress, header=settings().client_header),  # those behind it read what it writes
        Middleware(Doors, names=settings().host_names),
        Middleware(
            Sessions,
            places=Places(settings().sessions),
            is_there=lambda name: name in held(),
            pages_in=pages_in,
            base=root,
        ),
        Middleware(Uploads, known=known, token_is_right=token_is_right, deliver=client.deliver),
    ],
    routes=[
        Route(f"{root}/{OFFERS_AT}/{{token}}", Downloads(offers(), client.arrays)),
        Route(f"{root}/{CHECKS_AT}/{{token}}", Lines(checks())),
    ],
    lifespan=lifespan,
)
