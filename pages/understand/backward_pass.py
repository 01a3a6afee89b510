"""The backward pass, one step at a time: what arrives, the local derivative, and what goes on."""

import streamlit as st

from gradviz_core.drawing.captions import number_text
from pages.layout import code
from pages.layout import frame as shell
from pages.scores import choosing
from pages.shell import check, download_menu, facts
from pages.shell.asking import ask, one_sentence
from pages.understand import backward_breaks, backward_choice, backward_pictures, backward_strip, backward_terms

choice = shell.begin_with_score(
    "Backward, one step at a time",
    "The pass of the image through the model, and back: at each step the gradient that arrives is multiplied by the "
    "local derivative, which gives the gradient that goes on.",
)

st.html(f"<style>{backward_terms.STYLE}</style>")
with one_sentence():
    how, at = backward_choice.broken()
    whole = ask(backward_choice.question(choice, how, at), "Playing the passes …")
    sound = how in ("", "freeze")
    said, prediction = facts.predicted(choosing.predicted(choice.survey, choice.output), choice.labels, choice.reading)
    with choice.beside:
        facts.line(
            (said if sound else f"{said} without the break", prediction),
            facts.score(whole.target, choice.labels, number_text(whole.score, 4)),
        )
    facts.notes(whole.notes)
    now = backward_choice.frame(len(whole.steps))
    backward_strip.draw(whole, now, at if how else None)
    answer, step = backward_terms.shown(choice, whole, now)
    known = {info.site for info in choice.survey.sites}
    checked = None
    if sound and now.back and not step.elsewhere and step.into in known:
        checked = check.question(choice.model, choice.image, whole.target, choice.draw, step.into)
    with st.container(key="backward_step"):
        left, between, right = st.columns([11, 13, 11])
    with left:
        arrives = backward_pictures.draw(answer, whole, now, step, arrives=True)
    with between:
        backward_pictures.middle(step, now)
        if now.back:
            backward_terms.draw(whole, now, step, backward_pictures.plane(answer, now.number, step, "outgoing"))
    with right:
        leaves = backward_pictures.draw(answer, whole, now, step, checked, arrives=False)
        if now.is_last:
            st.page_link(
                "pages/explore/saliency.py",
                label="All channels: Input saliency",
                icon=":material/arrow_forward:",
            )
    left, right = st.columns([3, 4])
    with left:
        backward_breaks.switches(step, how, at)
    with right, st.container(key="doctor"):
        backward_breaks.doctor(choice, how, at)
    drawn = [key for key, there in (("arrives", arrives), ("leaves", leaves)) if there]
    called = {"leaves": "goes on"} if now.back else {"arrives": "input", "leaves": "output"}
    download_menu.menu(choice, drawn, answer, "backward", checked, called=called)
    programs = backward_pictures.programs(answer, now, step, known) if sound else {}
    if programs:
        code.panel(choice, programs)
