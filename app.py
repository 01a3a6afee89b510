"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pandas  # type: ignore[import-untyped]  # noqa: F401 (here and not on the first page with a table: see below)
import plotly.graph_objects as go
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from gradviz_core.compute import client
from gradviz_core.serving import arrivals, long_sums, memory, threads
from gradviz_core.serving.abandoned_sessions import close_abandoned
from gradviz_core.serving.checks import PATH as CHECKS_AT
from gradviz_core.serving.checks import Lines, checks
from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.downloads import Downloads
from gradviz_core.serving.limits import Limits
from gradviz_core.serving.offers import PATH as OFFERS_AT
from gradviz_core.serving.offers import offers
from gradviz_core.serving.origin_check import OriginCheck
from gradviz_core.serving.page_style import PageStyle
from gradviz_core.serving.session_cleanup import session_cleanup
from gradviz_core.serving.session_limits import SessionLimits
from gradviz_core.serving.sessions import Sessions
from gradviz_core.serving.uploads import Uploads
from gradviz_core.settings import settings
from gradviz_core.types import Answer
from pages.layout.style import sheet
from pages.shell.answer_cache import answer_cache
from pages.streamlit_private import messages, sessions, tokens

# Plotly asks of each value whether it is a table of pandas', once there is a module of that name. While one thread is
# still loading it, pages in all others would end with an error, so it is loaded before there are any.


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """What runs beside the server: sessions whose tabs have left are closed, and the garbage of pages is collected. The
    compute service ends with it."""
    go.Figure(go.Heatmap(z=[[0.0]])).to_json()  # loads what figures are made of
    memory.settle()
    beside = [
        asyncio.create_task(
            close_abandoned(
                sessions.held, sessions.may_have_tab, sessions.close, session_cleanup().run, settings().sessions
            )
        ),
        asyncio.create_task(memory.collect_now_and_then()),
    ]
    yield
    for task in beside:
        task.cancel()
    await asyncio.to_thread(client.stop)


def kept(question: str) -> Answer | None:
    """The whole answer to the question with this text, where it was shown lately."""
    return answer_cache().whole(question)


memory.keep_little()
threads.let_others_in()
offers().knows = sessions.is_connected
arrivals.here().watch(sessions.is_connected)
base = str(st.get_option("server.baseUrlPath")).strip("/")
root = f"/{base}" if base else ""

app = st.App(
    "navigation.py",
    middleware=[
        Middleware(Limits),
        Middleware(ClientAddress, header=settings().client_header),  # those behind it read what it writes
        Middleware(OriginCheck, names=settings().host_names),
        Middleware(
            Sessions,
            limits=SessionLimits(settings().sessions),
            is_there=lambda name: name in (sessions.held() or []),
            pages_in=messages.pages_in,
            base=root,
        ),
        Middleware(PageStyle, style=sheet, root=root),
        Middleware(Uploads, known=sessions.is_connected, token_is_right=tokens.is_right, deliver=client.deliver),
    ],
    routes=[
        Route(f"{root}/{OFFERS_AT}/{{token}}", Downloads(offers(), partial(long_sums.arrays, kept))),
        Route(f"{root}/{CHECKS_AT}/{{token}}", Lines(checks())),
    ],
    lifespan=lifespan,
)
