"""The story: one view at a time, each a picture and what is true of it."""

import streamlit as st

from gradviz_core.story.told import Subject
from pages.front import telling, walk
from pages.shell import present, skeleton
from pages.shell.asking import one_sentence
from pages.uploads import images, models

st.html(f"<style>{walk.STYLE}{telling.STYLE}{telling.PRESENTED if present.on() else ''}</style>")
view = None
with one_sentence():
    view = walk.chosen()
    tools = telling.heading(view.title, walk.NAMES.index(view.name) + 1, len(walk.NAMES))
    skeleton.begin("Story")
    claim, at = telling.begin(view)
    told = telling.told(view, Subject(models.first(), images.suited(models.first())), at)
    telling.lead_on(told, tools, last=view.name == walk.NAMES[-1])
    telling.draw(told, claim)
walk.links(view)
