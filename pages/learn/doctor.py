"""The doctor: which line stops a gradient, for which parameters, how to fix it, and a check by finite differences."""

import streamlit as st

from gradviz_core.types import DiagnosisQuestion
from pages.layout import frame
from pages.learn import findings
from pages.shell import address, facts
from pages.shell.asking import ask, one_sentence

choice = frame.begin_with_score(
    "Doctor",
    "Does a gradient reach the image and every parameter? If one is missing, zero or not finite, the doctor says "
    "why, at which line, and how to fix it.",
)

answer = None
with one_sentence():
    answer = ask(
        DiagnosisQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw),
        "Tracing the gradient through every operation …",
    )
    with choice.beside:
        facts.line(*findings.numbers(answer, choice.labels))
    facts.notes(answer.notes)
    with st.container(key="doctor_findings"):
        findings.verdict(answer.diagnosis)
        for number, finding in enumerate(answer.diagnosis.findings, start=1):
            findings.show(number, finding)

with st.container(key="doctor_check"), one_sentence():
    st.header("Check the gradient", anchor=False)
    st.markdown(findings.ABOUT_THE_CHECK)
    if address.read("check") == "1":
        findings.show_proof(findings.check(choice))
    else:
        st.button("Check the gradient", on_click=address.write, args=({"check": "1"},), type="primary")

if answer is not None:
    findings.units(answer.diagnosis.layers)
    findings.gradients(answer.diagnosis.leaves)
