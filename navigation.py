"""GradViz: page configuration and navigation, nothing else. ``app.py`` serves it."""

import streamlit as st

from gradviz_core.compute import client
from pages.layout import contents, frame, start
from pages.shell import asker, icon, turns, unfinished

cards = contents.pages()


def streamlit_page(card: contents.Page, path: str, opening: str, listed: str) -> st.Page:
    """A page at one of its addresses."""
    return st.Page(
        card.script,
        title=card.title,
        url_path=path,
        default=path == start.PATH,
        visibility="hidden" if (card is cards[opening] and path != listed) or not card.listed else "visible",
    )


def navigation(opening: str, listed: str) -> st.Page:
    """The open page. ``opening`` is the page that stands at "/" too, ``listed`` the address under which the list of
    pages names it."""
    sections: dict[str, list[st.Page]] = {}
    for path, card in cards.items():
        paths = (start.PATH, path) if path == opening else (path,)
        sections.setdefault(card.section, []).extend(streamlit_page(card, each, opening, listed) for each in paths)
    return st.navigation(sections, position="top")


client.ask_for(asker.here)
client.while_waiting(asker.leave_if_told)
client.before_large(turns.before_reading)
client.start()
st.set_option("client.showSidebarNavigation", True)  # hidden until now, as it would list file names
opening = start.opening()
listed = st.session_state.setdefault("listed", start.PATH)
listed = listed if listed == start.PATH else opening
page = navigation(opening, listed)
if page.visibility == "hidden" and cards.get(page.url_path, cards[opening]).listed:
    listed = opening if listed == start.PATH else start.PATH
    page = navigation(opening, listed)  # so that the list marks the open page
st.session_state["listed"] = listed
st.set_page_config(page_title=f"{page.title} · GradViz", page_icon=icon.ADDRESS, layout="wide")
st.logo(icon.LOGO, size="large")
with turns.one_page(), frame.around(cards.get(page.url_path, cards[opening])):
    page.run()
unfinished.go_on()
