"""The part of the layers page that shows all channels of a layer output."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing import method_words, snippets
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import INPUT, GradientQuestion, SiteInfo, Target
from gradviz_core.types.looks import Look
from gradviz_core.types.map_kinds import MapKind
from gradviz_core.types.methods import PLAIN
from pages.comparing import taking
from pages.comparing.slots import AT_LAYER
from pages.explore import cams, maps
from pages.layout import code, frame
from pages.methods import layer_maps, naming
from pages.shell import address, check, download_menu, facts, panel, rows, sites, slices

_METHODS = {"activation": "activation", "gradient": PLAIN, "product": "gradient_x_input"}
"""The method that gives each kind of map."""


def draw(
    choice: frame.ScoredChoice,
    info: SiteInfo,
    kind: MapKind | None,
    method: str,
    order: str,
    reached: Sequence[SiteInfo],
    *,
    has_strip: bool,
) -> None:
    """All channels as tiles of one ``kind``, or of what a ``method`` gives, and one of them enlarged.

    Raises:
        GradVizError: as asking does; NoSuchChoice: the address names a unit that does not exist.
    """
    left, right = st.columns([2, 1])
    with left:
        all_channels = panel.room("all_channels")
    with right:
        if method:
            with panel.controls("cam_options"):
                order = maps.order()
                options = cams.options(method, naming.names(choice))
        else:
            options = ()
        with panel.controls("unit"):
            number = st.container(width="content")
            place = sites.choose_place(info, seen(choice.survey.arrays).size, width=maps.NARROW)

    unreached = info.site not in [one.site for one in reached]
    look = Look(
        maps=kind.name if kind else "activation",
        layout=info.layout,
        axis=info.axis,
        channel=sites.channel_in_address(info),
        place=place.index,
        strongest_first=order == "strength",
    )
    question = GradientQuestion(
        model=choice.model,
        image=choice.image,
        target=choice.target,
        method=method or PLAIN,
        options=options,
        seed=choice.draw,
        wrt=(INPUT, info.site) if unreached and kind and not kind.needs_gradient else (info.site,),
    )
    size = seen(choice.survey.arrays).size
    answer = rows.ask(
        question, "Computing the gradient at this layer output …", look, size, values=math.prod(info.shape)
    )
    answer = slices.with_middle_picture(answer, choice.survey.card.preprocessing)
    checked = check.question(choice.model, choice.image, answer.target, choice.draw, info.site)
    view = maps.view(answer, info, look)
    with number:
        channel = sites.choose_channel(info, view.strongest, width=maps.NARROW)
    sheet = maps.sheet(view, answer, info, choice.labels, channel, place)
    enlarged, around = maps.enlarged(view, channel, info, place), maps.near(view, place)

    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, answer.prediction, choice.labels, choice.reading))
    with all_channels:
        panel.picture(
            sheet,
            "channels",
            checked=checked if kind and kind.needs_gradient else None,
            below=lambda: rows.below(question, answer, layer_maps.total(answer, info), "layer_options"),
        )
        st.caption(sites.how_to_click(info))
    with right:
        if isinstance(enlarged, panel.Picture):
            panel.picture(enlarged, "channel")
        else:
            panel.sentence(enlarged, "channel")
        if around is not None:
            panel.picture(around, "near")
        exact = maps.facts_of(view) if kind else maps.facts_of_method(view)
        facts.line(("unit", sites.unit_words(info, channel, place)), *exact)
        st.button(
            "This unit on the Neurons page",
            icon=":material/arrow_forward:",
            type="tertiary",
            on_click=address.leave,
            args=("pages/explore/neurons.py", {"site": info.site, **sites.unit_choices(channel, place)}),
        )
        with st.container(key="not_printed"):  # it would not fit on a sheet beside the channels
            panel.picture(maps.image(answer, view, choice.survey.card.preprocessing), "image")
        naming.show_other_image(question)
    facts.notes(answer.notes)
    drawn = [
        "channels",
        *(["strip"] if has_strip else []),
        *(["channel"] if isinstance(enlarged, panel.Picture) else []),
    ]
    called = {"channels": "all channels", "channel": "chosen channel", "strip": "layer outputs"}
    taken = f"{AT_LAYER}{method or _METHODS[look.maps]}"
    taking.button(choice, taken, "layer_options" if method else "", str(info.site))
    download_menu.menu(choice, drawn, answer, "feature-maps", checked, called=called)
    target: Target = answer.target if method and snippets.asks_along(method) else choice.target

    part, options = method_words.part(answer.question), answer.question.options

    def one(at: snippets.Setting) -> str:
        if kind:
            return snippets.feature_maps(at, target, info, kind.name, channel)
        return snippets.of_part(part, snippets.layer_map(at, target, info, method, options, channel))

    def every(at: snippets.Setting) -> str:
        by_strength = order == "strength"
        if kind:
            return snippets.sheet(at, target, info, kind.name, strongest_first=by_strength, block=view.block)
        code = snippets.layer_sheet(at, target, info, method, options, strongest_first=by_strength, block=view.block)
        return snippets.of_part(part, code)

    near_program = {}
    if around is not None and view.near is not None:
        corner, size = view.near.corner, view.near.numbers.shape
        near_program["Near"] = lambda at: snippets.part(one(at), corner, size)
    code.panel(
        choice,
        {
            "Channels": every,
            "One channel": lambda at: snippets.in_blocks(one(at), view.one.blocks),
            "Layer outputs": lambda at: snippets.strip(at, choice.target),
            "Image": lambda at: snippets.in_blocks(snippets.seen(at), seen(answer.arrays).blocks),
        }
        | near_program,
    )
