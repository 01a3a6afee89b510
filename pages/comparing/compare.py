"""Compare: two to six maps side by side, of any method, layer, score, model and image."""

import streamlit as st

from gradviz_core.drawing import compared
from gradviz_core.types.views import VIEWS
from pages.comparing import board, keeping, likeness, pictures, places, slots, taking
from pages.layout import frame
from pages.shell import facts, panel, widgets
from pages.shell.asking import one_sentence

_OPACITY = "How strongly a map covers the grey image below it; a map of a layer output covers at most 60 % of it"
choice = frame.begin_with_score(
    "Compare", "Two to six maps side by side, of any method, layer output, score, model and image."
)

with one_sentence():
    items = slots.chosen(choice.survey)
    says = taking.sidebar(choice)
    if (shorter := taking.left_to_the_sidebar(list(items.values()), says)) != list(items.values()):
        slots.take(shorter)
        st.rerun()
    with choice.beside:
        facts.line(facts.predicted(choice.survey.prediction, choice.labels, choice.reading))
    taking.remember({slot: taking.filled(each, says) for slot, each in items.items()})
    with panel.controls():
        views = {one.address: one for one in VIEWS if not one.each_channel}
        view = views[widgets.option("View", "map_view", {name: one.label for name, one in views.items()})]
        shared = board.shares_scales()
        opacity = widgets.percent("Opacity", "opacity", 100, _OPACITY) / 100
        pixel = panel.room("compare_pixel_room")
        if len(items) < slots.MOST:
            texts = list(items.values())
            st.button(
                "Add",
                icon=":material/add:",
                on_click=slots.take,
                args=([*texts, slots.added(texts, choice.survey)],),
            )
    at = places.chosen()
    scales = panel.room("compare_scales")
    every = board.stands(items)
    board.ask(every, choice, view, at)
    if first := next((stand.asked for stand in every if stand.asked is not None), None):
        with pixel:
            places.field(first, at)
    drawn = board.draw(every, choice, view, opacity, at, scales, shared)
    if at is not None and drawn:
        panel.header("At the chosen pixel")
        places.table(drawn, view, at)
    pairs: tuple[compared.Pair, ...] = ()
    percent, two = 0, ""
    if len(drawn) > 1:
        left, right = st.columns([2, 3])
        with right:
            panel.header("How alike they are")
            percent = likeness.strongest()
            pairs = compared.pairs([one for _, one in drawn], percent / 100)
            likeness.table(pairs, percent)
        with left, one_sentence():
            panel.header("Difference")
            two = likeness.difference(drawn, opacity, at)
    elif len(items) == 1:
        st.caption("One map so far. Choose “Add”, then change the second map, or take one from another page.")
    pictures.link(drawn, two[-1:])
    if drawn:
        keeping.downloads(choice, drawn, view, pairs, percent, two)
        keeping.programs(choice, drawn, view, two)
