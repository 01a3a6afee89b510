"""GradViz: page config and navigation, nothing else. Run it with ``streamlit run app.py``."""

import streamlit as st

from gradviz_core.compute import client
from pages.parts import icon, shell

st.set_page_config(page_title="GradViz", page_icon=icon.ADDRESS, layout="wide")
st.logo(icon.LOGO, size="large")
client.start()
st.set_option("client.showSidebarNavigation", True)  # hidden until here: the list would be one of file names

lessons = st.Page("pages/learn/lessons.py", title="Lessons", url_path="lessons")
page = st.navigation(
    {
        "Explore": [
            st.Page("pages/explore/saliency.py", title="Input saliency", url_path="start", default=True),
            st.Page("pages/explore/neurons.py", title="Neurons", url_path="neurons"),
            st.Page("pages/explore/feature_maps.py", title="Feature maps", url_path="feature-maps"),
        ],
        "Understand": [
            st.Page("pages/understand/gradient_flow.py", title="Gradient flow", url_path="gradient-flow"),
            st.Page("pages/understand/jacobian.py", title="Jacobian", url_path="jacobian"),
            st.Page("pages/understand/perturbation.py", title="Perturbation", url_path="perturbation"),
        ],
        "Learn": [lessons, st.Page("pages/learn/doctor.py", title="Doctor", url_path="doctor")],
        "Your model": [st.Page("pages/help/export.py", title="Export a model", url_path="export")],
        "": [st.Page("pages/explore/saliency.py", title="Input saliency", url_path="saliency", visibility="hidden")],
    }
)
with shell.around(pickers=page != lessons):
    page.run()
