"""Compare: two to six maps side by side, of any method, layer, score, model and image."""

import streamlit as st

from gradviz_core.drawing import compared
from gradviz_core.types.views import VIEWS
from pages.explore import (
    compare_board,
    compare_items,
    compare_keep,
    compare_likeness,
    compare_place,
    compare_take,
    compare_view,
)
from pages.layout import frame
from pages.shell import facts, panel, widgets
from pages.shell.asking import one_sentence

_OPACITY = "How strongly a map covers the grey image below it; a map of a layer output covers at most 60 % of it"
choice = frame.begin_with_score(
    "Compare", "Two to six maps side by side: of any method, layer output, score, model and image."
)

with one_sentence():
    items = compare_items.chosen(choice.survey)
    says = compare_take.sidebar(choice)
    if (shorter := compare_take.left_to_the_sidebar(list(items.values()), says)) != list(items.values()):
        compare_items.take(shorter)
        st.rerun()
    with choice.beside:
        facts.line(facts.predicted(choice.survey.prediction, choice.labels, choice.reading))
    compare_take.remember({slot: compare_take.filled(each, says) for slot, each in items.items()})
    with panel.controls():
        views = {one.address: one for one in VIEWS if not one.each_channel}
        view = views[widgets.option("View", "map_view", {name: one.label for name, one in views.items()})]
        shared = compare_board.shares_scales()
        opacity = widgets.percent("Opacity", "opacity", 100, _OPACITY) / 100
        compare_place.field()
        if len(items) < compare_items.MOST:
            texts = list(items.values())
            st.button("Add", icon=":material/add:", on_click=compare_items.take, args=([*texts, *texts[-1:]],))
    at = compare_place.chosen()
    scales = panel.room("compare_scales")
    every = compare_board.stands(items)
    compare_board.ask(every, choice, view, at)
    drawn = compare_board.draw(every, choice, view, opacity, at, scales, shared)
    if at is not None and drawn:
        panel.header("At the chosen place")
        compare_place.table(drawn, view, at)
    pairs: tuple[compared.Pair, ...] = ()
    percent, two = 0, ""
    if len(drawn) > 1:
        left, right = st.columns([2, 3])
        with right:
            panel.header("How alike they are")
            percent = compare_likeness.strongest()
            pairs = compared.pairs([one for _, one in drawn], percent / 100)
            compare_likeness.table(pairs, percent)
        with left, one_sentence():
            panel.header("Difference")
            two = compare_likeness.difference(drawn, opacity, at)
    elif len(items) == 1:
        st.caption("Choose “Add” and change the second map: then their difference and how alike they are stand here.")
    compare_view.link(drawn, two[-1:])
    if drawn:
        compare_keep.downloads(choice, drawn, view, pairs, percent, two)
        compare_keep.programs(choice, drawn, view, two)
