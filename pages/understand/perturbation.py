"""Perturbation: a small change of the image along a gradient, with its predicted and its actual effect."""

import streamlit as st

from gradviz_core.drawing import bars, captions, snippets
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types.looks import Look
from pages.layout import code, frame
from pages.shell import check, download_menu, facts, panel, pixel, saliency, sizes
from pages.shell.asking import ask, one_sentence
from pages.understand import changes

choice = frame.begin_with_score(
    "Perturbation",
    "How a score or a unit changes after a small step of the image along its gradient: the change that the gradient "
    "predicts, and the actual change.",
)

with one_sentence():
    question = changes.question(choice)
    size = seen(choice.survey.arrays).size
    answer = ask(question, "Computing the gradient …", Look(pixel=pixel.wanted(size)))
    was, became = seen(answer.arrays), seen(answer.arrays, "after")
    checked = check.question(choice.model, choice.image, answer.target, choice.draw)
    names = captions.channel_names(choice.survey.card.preprocessing)
    spot = pixel.chosen(size)
    changed = changes.change(answer, len(names))
    shown = {
        "before": changes.before(answer, spot),
        "after": changes.after(answer, choice.labels, spot),
        "difference": changes.difference(answer, changed, spot),
    }
    curve = changes.predicted_and_actual(answer, choice.labels)

    reading = changes.reading(choice, answer.target)
    said, then = (facts.predicted(p, choice.labels, reading) for p in (answer.prediction, answer.prediction_after))
    with choice.beside:
        facts.line(
            *(() if facts.is_score(answer, said, reading) else (said, ("after", then[1]))),
            *changes.numbers(answer, choice.labels),
        )
    with st.container(key="before_and_after"):
        columns = st.columns((1, 1, sizes.WITH_BAR_OF_THREE))
    for column, (key, picture) in zip(columns, shown.items(), strict=True):
        with column:
            panel.picture(picture, key, checked=checked if key == "difference" else None)
    facts.notes(answer.notes)

    pixel.choose(size)
    if spot is not None:
        facts.line(
            *pixel.location_and_colour(spot, was, "before"),
            ("after", pixel.colour(became, spot)),
            *pixel.gradient_facts(over_input(answer.arrays, "gradient").at(spot), "gradient per level", names),
        )

    left, right = st.columns([3, 2])
    with left:
        panel.header("Predicted and actual change")
        panel.picture(curve, "change")
    with right:
        if saliency.has_bars(answer.prediction, reading):
            panel.header(f"{bars.title(reading)} before and after")
            panel.picture(changes.classes(answer, reading), "classes")

    download_menu.menu(
        choice,
        (*shown, "change"),
        answer,
        "perturbation",
        checked,
        called={"change": "predicted and actual change"},
    )
    code.panel(
        choice,
        {
            "After": lambda at: snippets.in_blocks(snippets.after(at, answer), was.blocks),
            "Difference": lambda at: snippets.in_blocks(snippets.after(at, answer, difference=True), changed.blocks),
            "Predicted and actual change": lambda at: snippets.predicted_and_actual(at, answer),
            "Step by step": lambda at: snippets.path(at, answer),
            "Before": lambda at: snippets.in_blocks(snippets.seen(at), was.blocks),
        }
        | ({"Classes": lambda at: snippets.classes_after(at, answer)} if answer.prediction else {}),
    )
