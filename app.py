"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import runtime

from gradviz_core.compute import client
from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.doors import Doors
from gradviz_core.serving.downloads import Downloads
from gradviz_core.serving.offers import PATH, offers
from gradviz_core.settings import settings

offers().knows = lambda session: runtime.exists() and runtime.get_instance().is_active_session(session)
base = str(st.get_option("server.baseUrlPath")).strip("/")

app = st.App(
    "navigation.py",
    middleware=[
        Middleware(ClientAddress, header=settings().client_header),  # first: those behind it read what it writes
        Middleware(Doors, names=settings().host_names),
    ],
    routes=[Route(f"{'/' if base else ''}{base}/{PATH}/{{token}}", Downloads(offers(), client.arrays))],
)
