"""Input saliency: how a score changes with each pixel."""

import streamlit as st

from gradviz_core import bars, captions, fields, figures, snippets
from gradviz_core.types import INPUT, GradientQuestion
from pages.parts import (
    address,
    check,
    code,
    depth,
    facts,
    keeping,
    panel,
    pixel,
    predictions,
    saliency,
    shell,
    tour,
    uploaded,
)
from pages.parts.asking import ask, one_sentence

choice = shell.begin_with_score("Input saliency", "How one score of the model changes with each pixel of the image.")
tour.here("saliency")

with one_sentence():
    with panel.controls():
        view = saliency.view()
        method = saliency.method()
        opacity = (
            100
            if view == "channel"
            else address.percent(
                "Opacity", "opacity", 100, "How strongly the gradient covers the image, in grey under it"
            )
        )

    question = GradientQuestion(
        model=choice.model, image=choice.image, target=choice.target, method=method, seed=choice.draw
    )
    answer = ask(question, "Computing the gradient …")
    gradient = answer.attributions[INPUT]
    checked = check.question(choice.model, choice.image, answer.target, choice.draw)
    room = st.container()
    spot = pixel.choose(answer.pixels)
    if spot is not None:
        names = captions.channel_names(choice.survey.card.preprocessing)
        what = saliency.METHODS[method].lower()
        facts.line(*pixel.place(spot, answer.pixels), *pixel.slopes(gradient, spot, what, names))
    mapped, found = predictions.of_map(choice), choice.output.boxes
    height = saliency.LOW if mapped else saliency.HIGH
    shown = saliency.draw(answer, view, method, choice.survey.card, opacity / 100, spot, height)

    with room:
        facts.line(
            *facts.predicted_and_score(answer, answer.prediction, choice.labels, choice.reading),
            (f"L2 norm of {saliency.METHODS[method].lower()}", captions.number_text(fields.length(gradient))),
            ("largest at", shown.peak),
        )
        facts.notes(answer.notes)

        channels_below = mapped is not None and view == "channel"
        seen = predictions.image(answer, found, choice.labels, spot, height if channels_below else shown.height)
        columns = st.columns((1, 1) if channels_below else (1, 1, 1) if mapped else shown.widths)
        with columns[0]:
            panel.picture(
                seen.figure, "image", alt="The image as the network sees it",
                act=seen.act,
                caption=saliency.seen(choice.survey.card, uploaded.image_line(choice.image, choice.survey.file)),
            )  # fmt: skip
            depth.choose(choice.image, choice.survey.file)
            if found:
                st.caption(seen.caption.sentence)
        drawn = {"gradient": shown.figure, "image": seen.figure}
        if mapped:
            picture = predictions.draw(mapped, answer.target, choice.survey.card, height)
            drawn["predicted"] = picture.figure
            with columns[1]:
                panel.picture(
                    picture.figure, "predicted", alt=picture.caption.alt, caption=picture.caption, act=picture.act,
                    enclose=picture.enclose,
                )  # fmt: skip
                st.caption(predictions.how_to_choose(answer.target))
        with st.container() if channels_below else columns[-1]:
            panel.picture(
                shown.figure, "gradient", alt=shown.caption.alt, caption=shown.caption,
                act=pixel.click_tile(shown.tiles), checked=checked,
            )  # fmt: skip

    keeping.menu(choice.tools, drawn, answer, "saliency", checked)
    target, classes = choice.target, len(answer.prediction)
    programs = {"Gradient": lambda at: snippets.saliency(at, target, method, view), "Image": snippets.seen}
    if mapped:
        programs["Predicted"] = lambda at: snippets.predicted_map(at, choice.output.head)
    if saliency.has_bars(answer.prediction, choice.reading):
        each = bars.of(answer.prediction, choice.reading)
        st.header(bars.title(choice.reading), anchor=False)
        figure = figures.class_bars(
            answer.prediction, chosen=saliency.explained(answer.target), reading=choice.reading,
            against=saliency.is_against(answer.target),
        )  # fmt: skip
        which = bars.sentence(classes, choice.reading)
        panel.picture(figure, "classes", alt=which, act=saliency.choose_class(each))
        st.caption(f"{which}. Click one to see the gradient of its score.")
        programs["Classes"] = lambda at: snippets.classes(at, classes, choice.output.head)
    code.panel(choice, programs)

tour.show()
