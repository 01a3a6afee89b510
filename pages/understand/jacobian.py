"""Jacobian: the derivatives of one layer output with respect to another, or the matrix's singular values if it is too
large."""

import streamlit as st

from gradviz_core.drawing import snippets, spectra
from pages.layout import code, frame
from pages.shell import check, download_menu, facts, panel
from pages.shell.asking import one_sentence
from pages.understand import jacobian_answers, jacobian_choice, jacobian_pictures

choice = frame.begin(
    "Jacobian",
    "All derivatives of one layer output with respect to another: one row for each output value, one column for each "
    "input value.",
)

with one_sentence():
    view = jacobian_choice.choose(choice)
    found = jacobian_answers.entries(view) if view.small else jacobian_answers.largest(view)
    number = jacobian_choice.chosen_row(view, found)
    with choice.beside:
        facts.line(*jacobian_pictures.facts(view, found))
    shown = jacobian_pictures.pictures(view, found, number)
    output = jacobian_answers.output(view, number)
    checked = check.question(choice.model, choice.image, output, choice.draw, view.wrt.site)
    for number_of_row, row in enumerate(jacobian_pictures.rows(shown)):
        with st.container(key="first_row" if number_of_row == 0 else None):
            columns = [
                each.container(key=f"column_{key}")
                for each, key in zip(st.columns(jacobian_pictures.widths(row)), row, strict=True)
            ]
        for column, key in zip(columns, row, strict=True):
            with column:
                panel.picture(shown[key], key, checked=checked if key == "output" else None)
    if "matrix" in shown and "output" in shown:
        st.caption("Click a row of the matrix or a point of the sensitivities to see one output.")
    facts.notes((*found.notes, *jacobian_pictures.advice(view)))
    download_menu.menu(
        choice,
        shown,
        found,
        "jacobian",
        checked if "output" in shown else None,
    )
    of, wrt = view.of.site, view.wrt.site
    programs = {}
    if "output" in shown:
        programs["One output"] = lambda at: snippets.one_output(at, of, view.wrt, number)
    if view.small:
        block = spectra.block(view.shape)
        programs["Matrix"] = lambda at: snippets.jacobian(at, of, wrt, view.rows, block)
        programs["Singular values"] = lambda at: snippets.singular_values(
            at, of, wrt, view.rows, jacobian_pictures.MOST_POINTS
        )
        points = spectra.points(view.shape[0])
        programs["Sensitivities"] = lambda at: snippets.sensitivities(at, of, wrt, view.rows, points)
    else:
        count = len(found.arrays["singular_values"])
        programs["Singular values"] = lambda at: snippets.singular_values_by_products(at, of, wrt, view.rows, count)
        if "direction" in shown:
            programs["Direction"] = lambda at: snippets.first_direction(at, of, view.wrt, view.rows, count)
    if programs:
        code.panel(choice, programs)
