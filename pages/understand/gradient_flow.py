"""Gradient flow: how large activations and gradients are along the network, and where units are dead."""

import streamlit as st

from gradviz_core.drawing import snippets
from gradviz_core.types import FlowAnswer
from pages.layout import code, frame
from pages.scores import choosing
from pages.shell import architecture_map, download_menu, facts, panel, sites
from pages.shell.asking import ask, one_sentence
from pages.shell.words import plain
from pages.understand import flow

choice = frame.begin_with_score(
    "Gradient flow",
    "How large activations and gradients are at every layer output and parameter, in order of execution, and where "
    "units are dead. Gradients that shrink or grow by orders of magnitude between layers make a network hard to train.",
)

with one_sentence():
    against = None
    with panel.controls(), one_sentence():
        against = flow.compared(choice)
    answer = ask(flow.question(choice.model, choice.image, choice), "Computing the gradient of every parameter …")
    other: FlowAnswer | None = None
    if against is not None:
        with one_sentence():
            there = code.elsewhere(against.model, against.image, choice.draw)
            other = ask(against, "Computing the gradients of the comparison …")

    prediction = choosing.predicted(choice.survey, choice.output)
    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, prediction, choice.labels, choice.reading))
    room = panel.room("flow_room")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=420):
            info = sites.choose(choice.survey.sites, sites.default(sites.reached(answer) or choice.survey.sites))
        st.page_link(
            "pages/explore/feature_maps.py",
            label=plain(f"{sites.name_of(info)} on the Layers page"),
            icon=":material/arrow_forward:",
        )
    architecture_map.draw(choice.survey.sites, info.site)
    facts.line(*flow.facts_of(answer, info))

    with room:
        theirs = there.card.labels if other is not None else ()
        at_sites = flow.over_sites(answer, other, choice.labels, theirs, str(info.site))
        panel.picture(at_sites, "flow")
        st.caption("Click a layer output to open its feature maps; the browser's back button returns here.")
        facts.line(*flow.range_of(answer), flow.most_dead(answer))
        facts.notes(answer.notes)

    panel.header("Parameters")
    panel.picture(flow.over_parameters(answer, other, choice.labels), "parameters")
    st.caption("Click a parameter to open the feature maps of the layer that holds it.")
    download_menu.menu(choice, ("flow", "parameters"), answer, "gradient-flow", called={"flow": "layer outputs"})
    programs = {
        "Layer outputs": lambda at: snippets.sites(at, choice.target),
        "Parameters": lambda at: snippets.parameters(at, answer),
    }
    if other is not None:
        second: FlowAnswer = other
        programs["Layer outputs of the comparison"] = lambda _: snippets.sites(there, choice.target)
        programs["Parameters of the comparison"] = lambda _: snippets.parameters(there, second)
    code.panel(choice, programs)
