"""Documentation: what the files in docs say, where the app itself names one."""

import streamlit as st

from pages.help import documents
from pages.layout import frame
from pages.shell import widgets
from pages.shell.asking import one_sentence

frame.heading("Documentation", "The documents that come with GradViz.")

with one_sentence():
    text = documents.text(widgets.listed("Document", "document", documents.titles()))
    for words, alt, picture in documents.pieces(f"#{text}"):  # its title stands below that of the page
        st.markdown(documents.linked(words))
        if picture is not None:
            st.image(picture, alt=alt)
