"""GradViz as it is served: ``streamlit run app.py``. The pages stand in ``navigation.py``."""

import streamlit as st

app = st.App("navigation.py")
