"""Layers: all channels of a layer output at once, or one map of it; and where along the network the gradient is
strong."""

from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import FlowQuestion, SiteInfo
from gradviz_core.types.methods import METHODS
from pages.explore import cam_view, cams, heads_view, maps, sheet_view
from pages.layout import frame
from pages.methods import of_pairs, token_grids
from pages.shell import address, architecture_map, panel, sites
from pages.shell.asking import ask, one_sentence

choice = frame.begin_with_score(
    "Layers", "One layer output: all its channels, or what a method makes of it; and the maps of all layers."
)

every: Sequence[SiteInfo] = choice.survey.sites
size = seen(choice.survey.arrays).size
reached: tuple[SiteInfo, ...] = ()
strips: list[panel.Picture] = []
map_drawn: cam_view.Drawn | None = None
with one_sentence():
    flow = ask(
        FlowQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw),
        "Computing the gradients …",
    )
    reached = sites.reached(flow)
    usual = of_pairs.own_call(choice.survey, maps.default(reached or every, size))
    strips.append(maps.strip(flow, choice.labels, address.read("site", usual)))

with one_sentence():
    with panel.controls(alignment="top"):
        site_choice, site_map = st.container(key="site_choice"), st.container(key="site_map")
        shown = maps.shown(choice.survey)
        kind = maps.kind(shown) if shown != maps.HEADS else None
        method = cams.method() if shown == maps.METHOD else ""
        order = maps.order() if kind else ""
    if shown == maps.HEADS:
        strips.clear()
        heads_view.draw(choice, site_choice)
    else:
        with site_choice:
            every = token_grids.known(choice.survey) if method else every
            usual = of_pairs.own_call(choice.survey, maps.default(reached or choice.survey.sites, size))
            info = sites.choose(every, usual)
        with site_map:
            architecture_map.draw(choice.survey.sites, info.site)
        sites.note_if_flat(info)
        if method and METHODS[method].one_map:
            map_drawn = cam_view.draw(choice, info, method, every, has_strip=bool(strips))
        else:
            sheet_view.draw(choice, info, kind, method, order, reached, has_strip=bool(strips))

for strip in strips:
    st.header("Layer outputs", anchor=False)
    panel.picture(strip, "strip")

if map_drawn is not None:
    if map_drawn.strip is not None:
        cam_view.regions(choice, map_drawn.every, map_drawn.strip)
    cam_view.trusted(map_drawn)
