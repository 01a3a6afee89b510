"""GradViz: page configuration and navigation, nothing else. ``app.py`` serves it."""

import streamlit as st

from gradviz_core.compute import client
from pages.layout import contents, frame
from pages.shell import asker, icon, turns

cards = contents.pages()
first = next(iter(cards))  # it has two addresses, "/" and its name; the sidebar lists one of them


def streamlit_page(card: contents.Page, path: str, listed: str) -> st.Page:
    """A page at one of its addresses."""
    return st.Page(
        card.script,
        title=card.title,
        url_path=path,
        default=path == "start",
        visibility="hidden" if card is cards[first] and path != listed else "visible",
    )


def navigation(listed: str) -> st.Page:
    """The open page. ``listed`` is the address under which the sidebar lists the first page."""
    sections: dict[str, list[st.Page]] = {}
    for path, card in cards.items():
        paths = ("start", path) if path == first else (path,)
        sections.setdefault(card.section, []).extend(streamlit_page(card, each, listed) for each in paths)
    return st.navigation(sections)


client.ask_for(asker.here)
client.while_waiting(asker.leave_if_told)
client.before_large(turns.before_reading)
client.start()
st.set_option("client.showSidebarNavigation", True)  # hidden until now, as it would list file names
listed = st.session_state.setdefault("listed", "start")
page = navigation(listed)
if page.visibility == "hidden":
    (listed,) = {"start", first} - {listed}
    st.session_state["listed"] = listed
    page = navigation(listed)  # so that the sidebar marks the open page
st.set_page_config(page_title=f"{page.title} · GradViz", page_icon=icon.ADDRESS, layout="wide")
st.logo(icon.LOGO, size="large")
with turns.one_page(), frame.around(cards.get(page.url_path, cards[first])):
    page.run()
