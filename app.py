"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.routing import Route
from streamlit import runtime
from streamlit.web.server.server_util import is_xsrf_enabled
from streamlit.web.server.starlette.starlette_app_utils import validate_xsrf_token
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from gradviz_core.compute import client
from gradviz_core.serving import arrivals
from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.doors import Doors
from gradviz_core.serving.downloads import Downloads
from gradviz_core.serving.offers import PATH, offers
from gradviz_core.serving.uploads import Uploads
from gradviz_core.settings import settings


def known(session: str) -> bool:
    """Whether a tab is connected under this name."""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def token_is_right(headers: Headers) -> bool:
    """As Streamlit looks at uploads: the token in the header must be the one in the cookie."""
    cookie = cookie_parser(headers.get("cookie", "")).get(XSRF_COOKIE_NAME)
    return not is_xsrf_enabled() or validate_xsrf_token(headers.get("x-xsrftoken"), cookie)


offers().knows = known
arrivals.here().watch(known)
base = str(st.get_option("server.baseUrlPath")).strip("/")

app = st.App(
    "navigation.py",
    middleware=[
        Middleware(ClientAddress, header=settings().client_header),  # first: those behind it read what it writes
        Middleware(Doors, names=settings().host_names),
        Middleware(Uploads, known=known, token_is_right=token_is_right, deliver=client.deliver),
    ],
    routes=[Route(f"{'/' if base else ''}{base}/{PATH}/{{token}}", Downloads(offers(), client.arrays))],
)
