"""Compare: two to six maps side by side, of any method, layer, score, model and image."""

import streamlit as st

from gradviz_core.types.views import VIEWS
from pages.explore import compare_board, compare_items
from pages.layout import frame
from pages.shell import panel, widgets
from pages.shell.asking import one_sentence

choice = frame.begin_with_score(
    "Compare", "Two to six maps side by side: of any method, layer output, score, model and image."
)

with one_sentence():
    items = compare_items.chosen()
    with panel.controls():
        views = {one.address: one for one in VIEWS if not one.each_channel}
        view = views[widgets.option("View", "map_view", {name: one.label for name, one in views.items()})]
        opacity = widgets.percent("Opacity", "opacity", 100, "How strongly a map covers the grey image below it") / 100
        if len(items) < compare_items.MOST:
            texts = list(items.values())
            st.button("Add", icon=":material/add:", on_click=compare_items.take, args=([*texts, *texts[-1:]],))
    every = compare_board.stands(items)
    compare_board.ask(every, choice, view, None)
    compare_board.draw(every, choice, view, opacity, None)
