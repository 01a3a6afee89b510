"""GradViz: page config and navigation, nothing else. ``app.py`` serves it."""

import streamlit as st

from gradviz_core.compute import client
from pages.layout import frame
from pages.shell import asker, icon, turns

SALIENCY = ("start", "saliency")  # two addresses of one page, "/" and "/saliency"; the sidebar lists one of them
lessons = st.Page("pages/learn/lessons.py", title="Lessons", url_path="lessons")


def saliency(path: str, listed: str) -> st.Page:
    """Input saliency at one of its addresses."""
    return st.Page(
        "pages/explore/saliency.py",
        title="Input saliency",
        url_path=path,
        default=path == "start",
        visibility="visible" if path == listed else "hidden",
    )


def navigation(listed: str) -> st.Page:
    """The page that is open. ``listed`` is the address of Input saliency in the sidebar."""
    return st.navigation(
        {
            "Explore": [
                *(saliency(path, listed) for path in SALIENCY),
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
        }
    )


client.ask_for(asker.here)
client.while_waiting(asker.leave_if_told)
client.before_large(turns.before_reading)
client.start()
st.set_option("client.showSidebarNavigation", True)  # hidden until here: the list would be one of file names
listed = st.session_state.setdefault("listed", "start")
page = navigation(listed)
if page.visibility == "hidden":
    (listed,) = set(SALIENCY) - {listed}
    st.session_state["listed"] = listed
    page = navigation(listed)  # the page that is open is the one that the sidebar marks
st.set_page_config(page_title=f"{page.title} · GradViz", page_icon=icon.ADDRESS, layout="wide")
st.logo(icon.LOGO, size="large")
with turns.one_page(), frame.around(pickers=page != lessons):
    page.run()
