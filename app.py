"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import streamlit as st
from starlette.middleware import Middleware

from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.doors import Doors
from gradviz_core.settings import settings

app = st.App(
    "navigation.py",
    middleware=[
        Middleware(ClientAddress, header=settings().client_header),  # first: those behind it read what it writes
        Middleware(Doors, names=settings().host_names),
    ],
)
