"""Neurons: one unit inside the model, its activation, and how it changes with each pixel."""

from dataclasses import replace

import streamlit as st

from gradviz_core.drawing import captions, snippets
from gradviz_core.drawing.screen import is_coarse, one_slice
from gradviz_core.drawing.screen.arrays import blocks_of
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.drawing.screen.site_maps import site_maps
from gradviz_core.types import INPUT, GradientQuestion
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS
from pages.explore import unit_map
from pages.layout import code, frame
from pages.shell import architecture_map, check, download_menu, facts, panel, sites, slices, units, widgets
from pages.shell.asking import ask, one_sentence

choice = frame.begin(
    "Neurons", "One unit inside the model: its activation for this image, and how it changes with each pixel."
)

with one_sentence():
    with panel.controls(alignment="top"):
        with st.container(key="site_choice"):
            info = sites.choose(choice.survey.sites)
        with st.container(key="site_map"):
            architecture_map.draw(choice.survey.sites, info.site)
        number = st.container(width="content")
        size = seen(choice.survey.arrays).size
        place = sites.choose_place(info, size)
        asked = units.question(choice, info, place)
        strongest = ask(asked, "Finding the strongest channels here …")
        with number:
            channel = sites.choose_channel(info, int(strongest.arrays["channels"][0]))
        slice_room = st.container(width="content")
    sites.note_if_flat(info)

    unit = units.unit(info, channel, place)
    look = Look(layout=info.layout, axis=info.axis, channel=channel, place=place.index, strongest_first=False)
    answer = ask(
        GradientQuestion(model=choice.model, image=choice.image, target=unit, wrt=(INPUT, info.site), seed=choice.draw),
        "Computing the gradient of this unit …",
        look,
    )
    steps = choice.survey.card.preprocessing
    with slice_room:
        answer = slices.choose(answer, steps, " of the input")
    at_slice = slices.number(answer)
    maps = site_maps(answer.arrays, info.site, look, info.shape)
    planes, gradient = maps.planes, over_input(answer.arrays, f"gradient/{INPUT}")
    checked = check.question(choice.model, choice.image, unit, choice.draw)
    effective = gradient.effective_box
    activation = units.activation(maps, channel, place, info)

    with choice.beside:
        facts.line(
            ("activation", captions.number_text(answer.score, 4)),
            ("L2 norm of the gradient", captions.number_text(gradient.length)),
        )
    left, right = st.columns(2)
    with left:
        panel.picture(activation, "activation")
    with right:
        room = st.container()
        with panel.controls("unit_method_controls"):
            opacity = widgets.percent("Opacity", "opacity", 60, "How strongly the map covers the grey image below it")
            method, options = unit_map.choose(choice)
        with room:
            other = unit_map.ask(choice, unit, method, options, at_slice)
            if other is None:
                covered = units.input_gradient(
                    answer, info, planes, effective, opacity / 100, choice.survey.card.preprocessing
                )
                covered = replace(covered, caption=slices.named(covered.caption, answer, steps))
                panel.picture(covered, "gradient", checked=checked)
            else:
                other.draw(choice, planes, opacity / 100)
    unit_text = captions.gradient_unit(unit, INPUT, steps=steps)
    slices.draw_norms(gradient, answer, steps, METHODS["gradient"].in_text, unit_text)
    st.caption(sites.how_to_click(info))
    facts.line(
        ("receptive field", units.box_text(answer.receptive_field)),
        ("95 % of the gradient within", units.box_text(effective)),
    )
    said = other.answer.notes if other else units.why_zero(answer, gradient)
    facts.notes(tuple(dict.fromkeys((*strongest.notes, *answer.notes, *said))))

    panel.header(f"Strongest {captions.channel_word(info)}s{place.words}")
    if is_coarse(strongest.arrays):  # their receptive field is known only now
        strongest = ask(asked, "Computing the gradients of the strongest channels …", Look(part=answer.receptive_field))
    if at_slice is not None:
        strongest = one_slice.sliced(strongest, steps, at_slice)
    part = answer.receptive_field if at_slice is None else units.not_zero(strongest)
    gallery = units.gallery(strongest, info, place, channel, part, steps)
    if at_slice is not None:
        gallery = replace(gallery, caption=slices.prefixed(gallery.caption, answer, steps))
    panel.picture(gallery, "gallery")
    called = {"gallery": f"strongest {captions.channel_word(info)}s"}
    if other:
        called["gradient"] = METHODS[other.question.method].name
    also = other.offered if other else download_menu.NOTHING
    download_menu.menu(
        choice, ("activation", "gradient", "gallery"), answer, "neurons", checked, called=called, also=also
    )
    single = planes.maps.shape[1:] != (1, 1)
    code.panel(
        choice,
        {
            "Map" if other else "Gradient": lambda at: (
                other.program(at)
                if other
                else snippets.in_blocks(snippets.saliency(at, unit, "gradient", "signed_sum"), gradient.blocks)
            ),
            "Activation": lambda at: snippets.in_blocks(
                snippets.feature_maps(at, unit, info, "activation", channel if single else None), maps.one.blocks
            ),
            "Strongest": lambda at: snippets.in_blocks(
                snippets.strongest(at, strongest.question, part),
                blocks_of(strongest.arrays, "gradients"),
            ),
        },
        at=at_slice,
    )
