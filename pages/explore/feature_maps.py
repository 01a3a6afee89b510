"""Feature maps: all channels of a layer output at once, and where along the network the gradient is strong."""

import streamlit as st

from gradviz_core.drawing import snippets
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import INPUT, FlowQuestion, GradientQuestion, SiteInfo
from gradviz_core.types.looks import Look
from pages.explore import maps
from pages.layout import code, frame
from pages.shell import address, architecture_map, check, download_menu, facts, panel, sites
from pages.shell.asking import ask, one_sentence

choice = frame.begin_with_score(
    "Feature maps", "All channels of one layer output: their activations, and how the score depends on each value."
)

reached: tuple[SiteInfo, ...] = ()
strips: list[panel.Picture] = []
with one_sentence():
    flow = ask(
        FlowQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw),
        "Computing the gradients …",
    )
    reached = sites.reached(flow)
    strips.append(maps.strip(flow, choice.labels, address.read("site", sites.default(reached or choice.survey.sites))))

with one_sentence():
    with panel.controls(alignment="top"):
        with st.container(key="site_choice"):
            info = sites.choose(choice.survey.sites, reached)
        with st.container(key="site_map"):
            architecture_map.draw(choice.survey.sites, info.site)
        kind = maps.kind()
        order = maps.order()
    sites.note_if_flat(info)
    left, right = st.columns([2, 1])
    with left:
        all_channels = panel.room("all_channels")
    with right, panel.controls("unit"):
        number = st.container(width="content")
        place = sites.choose_place(info, seen(choice.survey.arrays).size, width=maps.NARROW)

    unreached = info.site not in [one.site for one in reached]
    look = Look(
        maps=kind.name,
        layout=info.layout,
        axis=info.axis,
        channel=sites.channel_in_address(info),
        place=place.index,
        strongest_first=order == "strength",
    )
    answer = ask(
        GradientQuestion(
            model=choice.model,
            image=choice.image,
            target=choice.target,
            seed=choice.draw,
            wrt=(INPUT, info.site) if unreached and not kind.needs_gradient else (info.site,),
        ),
        "Computing the gradient at this layer output …",
        look,
    )
    checked = check.question(choice.model, choice.image, answer.target, choice.draw, info.site)
    view = maps.view(answer, info, look)
    with number:
        channel = sites.choose_channel(info, view.strongest, width=maps.NARROW)
    sheet = maps.sheet(view, answer, info, choice.labels, channel, place)
    enlarged, around = maps.enlarged(view, channel, info, place), maps.near(view, place)

    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, answer.prediction, choice.labels, choice.reading))
    with all_channels:
        panel.picture(sheet, "channels", checked=checked if kind.needs_gradient else None)
        st.caption(sites.how_to_click(info))
    with right:
        if isinstance(enlarged, panel.Picture):
            panel.picture(enlarged, "channel")
        else:
            panel.sentence(enlarged, "channel")
        if around is not None:
            panel.picture(around, "near")
        facts.line(("unit", sites.unit_words(info, channel, place)), *maps.facts_of(view))
        st.button(
            "This unit on the Neurons page",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=address.leave,
            args=("pages/explore/neurons.py", {"site": info.site, **sites.unit_choices(channel, place)}),
        )
        with st.container(key="not_printed"):  # it would not fit on a sheet beside the channels
            panel.picture(maps.image(answer, view), "image")
    facts.notes(answer.notes)
    drawn = [
        "channels",
        *["strip" for _ in strips],
        *(["channel"] if isinstance(enlarged, panel.Picture) else []),
    ]
    called = {"channels": "all channels", "channel": "chosen channel", "strip": "layer outputs"}
    download_menu.menu(choice, drawn, answer, "feature-maps", checked, called=called)
    near_program = {}
    if around is not None and view.near is not None:
        corner, size = view.near.corner, view.near.numbers.shape
        near_program["Near"] = lambda at: snippets.part(
            snippets.feature_maps(at, choice.target, info, kind.name, channel), corner, size
        )
    code.panel(
        choice,
        {
            "Channels": lambda at: snippets.sheet(
                at, choice.target, info, kind.name, strongest_first=order == "strength", block=view.block
            ),
            "One channel": lambda at: snippets.in_blocks(
                snippets.feature_maps(at, choice.target, info, kind.name, channel), view.one.blocks
            ),
            "Layer outputs": lambda at: snippets.strip(at, choice.target),
            "Image": lambda at: snippets.in_blocks(snippets.seen(at), seen(answer.arrays).blocks),
        }
        | near_program,
    )

for strip in strips:
    st.header("Layer outputs", anchor=False)
    panel.picture(strip, "strip")
