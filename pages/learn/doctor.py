"""The doctor: which line takes a gradient away, from which parameters, and the repair; and a proof by differences."""

import streamlit as st

from gradviz_core.types import DiagnosisQuestion
from pages.parts import address, doctor, facts, shell
from pages.parts.asking import ask, one_sentence

choice = shell.begin_with_score(
    "Doctor",
    "Does a gradient reach the image and every parameter? If one is missing, zero or not finite: why, at which line, "
    "and how to repair it.",
)

with one_sentence():
    answer = ask(
        DiagnosisQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw),
        "Following the gradient through every operation …",
    )
    facts.line(*doctor.facts(answer, choice.labels))
    facts.notes(answer.notes)
    doctor.verdict(answer.diagnosis)
    for number, finding in enumerate(answer.diagnosis.findings, start=1):
        doctor.show(number, finding)
    doctor.units(answer.diagnosis.layers)
    doctor.gradients(answer.diagnosis.leaves)

with one_sentence():
    st.header("Check the gradient", anchor=False)
    st.markdown(doctor.ABOUT_THE_CHECK)
    if address.read("check") == "1":
        doctor.show_proof(doctor.check(choice))
    else:
        st.button("Check the gradient", on_click=address.write, args=({"check": "1"},), type="primary")
