"""Input saliency: how the score of a class changes with each pixel."""

import streamlit as st

from gradviz_core import captions, fields, figures, snippets
from gradviz_core.types import INPUT, GradientQuestion, SiteSum
from pages.parts import address, check, code, depth, facts, panel, pixel, saliency, scores, shell, tour, uploaded
from pages.parts.asking import ask, one_sentence

choice = shell.begin_with_score("Input saliency", "How the score of one class changes with each pixel of the image.")
if isinstance(choice.target, SiteSum):
    scores.point_to_neurons(choice.survey)
    shell.end()
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
    shown = saliency.draw(answer, view, method, choice.survey.card, opacity / 100, spot)

    with room:
        facts.line(
            facts.predicted(answer.prediction, choice.labels),
            facts.score(answer, choice.labels),
            (f"L2 norm of {saliency.METHODS[method].lower()}", captions.number_text(fields.length(gradient))),
            ("largest at", shown.peak),
        )
        facts.notes(answer.notes)

        left, right = st.columns(shown.widths)
        with left:
            seen = figures.image(answer.pixels, height=shown.height, cross=spot)
            panel.picture(
                seen, "image", alt="The image as the network sees it", act=pixel.click,
                caption=saliency.seen(choice.survey.card, uploaded.image_line(choice.image, choice.survey.file)),
            )  # fmt: skip
            depth.choose(choice.image, choice.survey.file)
        with right:
            panel.picture(
                shown.figure, "gradient", alt=shown.caption.alt, caption=shown.caption,
                act=pixel.click_tile(shown.tiles), checked=checked,
            )  # fmt: skip

    panel.downloads(choice.tools, {"gradient": shown.figure, "image": seen}, answer, "saliency", checked)

    st.header("Classes", anchor=False)
    bars = figures.class_bars(answer.prediction, chosen=saliency.explained(answer.target))
    all_of_them = saliency.likeliest(len(answer.prediction))
    panel.picture(bars, "classes", alt=all_of_them, act=saliency.choose_class(answer.prediction))
    st.caption(f"{all_of_them}. Click one to see the gradient of its score.")

    target, classes = choice.target, len(answer.prediction)
    code.panel(
        choice,
        {
            "Gradient": lambda at: snippets.saliency(at, target, method, view),
            "Image": snippets.seen,
            "Classes": lambda at: snippets.classes(at, classes),
        },
    )

tour.show()
