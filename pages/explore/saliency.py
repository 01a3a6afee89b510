"""Input saliency: how a score changes with each pixel."""

from dataclasses import replace
from typing import cast

import streamlit as st

from gradviz_core.drawing import bars, captions, figures, method_words, slice_words, snippets
from gradviz_core.drawing.screen.arrays import blocks_of
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types import GradientQuestion
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS
from gradviz_core.types.randomised import ViewName
from gradviz_core.types.views import VIEWS
from pages.comparing import taking
from pages.explore import bands_shown, depth, predictions, two_gradients
from pages.layout import code, frame
from pages.methods import naming, over_patches
from pages.shell import check, completeness, download_menu, facts, panel, pixel, rows, saliency, sizes, slices
from pages.shell.asking import one_sentence
from pages.trust import panel as trust
from pages.trust.tested import Tested
from pages.uploads import uploaded

choice = frame.begin_with_score("Input saliency", "How one score of the model changes with each pixel of the image.")

with one_sentence():
    with panel.controls():
        method = saliency.method(choice.survey)
        of_patches = METHODS[method].where == "attention"
        view = VIEWS[0] if of_patches else saliency.view()
        options = saliency.options(method, naming.names(choice))
        opacity = 100 if view.each_channel else saliency.opacity(60 if of_patches else 100)
        at_slice = st.container(width="content")

    question = GradientQuestion(
        model=choice.model,
        image=choice.image,
        target=choice.target,
        method=method,
        options=options,
        seed=choice.draw,
    )
    size = seen_in(choice.survey.arrays).size
    look = Look(reduction=view.name, pixel=pixel.wanted(size))
    steps = choice.survey.card.preprocessing
    answer = rows.ask(question, "Computing the map …", look, size, slices.values(steps))
    with at_slice:
        answer = slices.choose(answer, steps)
    other = two_gradients.ask(choice, question, view)
    options = answer.question.options
    gradient, image = saliency.drawn_array(answer), seen_in(answer.arrays)
    checked = (
        check.question(choice.model, choice.image, answer.target, choice.draw) if METHODS[method].differences else None
    )
    spot, names = pixel.chosen(size), captions.channel_names(choice.survey.card.preprocessing)
    mapped, found = predictions.of_map(choice), choice.output.boxes
    if of_patches:
        shown = over_patches.draw(answer, choice.survey.card, opacity / 100, spot)
    else:
        beside = (other.answer, other.card) if other is not None else None
        shown = saliency.draw(answer, view, choice.survey.card, opacity / 100, spot, beside)
    shown = replace(shown, caption=slices.named(shown.caption, answer, steps))
    caption = naming.of_two(naming.named(shown.caption, question, choice.survey.sites), choice.survey.card)
    shown = replace(shown, caption=caption)

    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, answer.prediction, choice.labels, choice.reading))
    channels_below = mapped is not None and view.each_channel
    origin = uploaded.image_line(choice.image, choice.survey.file, steps)
    said = slices.named(saliency.seen(choice.survey, origin, image.blocks), answer, steps)
    seen = predictions.image(answer.target, image, found, choice.labels, spot, saliency.HEIGHT, said)
    channels = saliency.pictures_wide(len(names)) if view.each_channel else 1
    if other is not None:
        here, there = two_gradients.rooms(choice)
        two_gradients.draw(other, choice, answer, view, opacity / 100, there)
        columns = [here.image, here.image, here.map]
    else:
        columns = st.columns(
            (1, 1) if channels_below else (1, 1, sizes.WITH_BAR) if mapped else (1, channels * sizes.WITH_BAR)
        )
    with columns[0]:
        panel.picture(seen, "image")
        naming.show_other_image(question)
        depth.choose(choice.image, choice.survey.file)
        bands_shown.choose(choice.model, choice.survey.card)
        if found:
            st.caption(predictions.about_boxes(answer.target, found, image))
    drawn = ["gradient", "image"]
    if mapped:
        drawn.append("predicted")
        with columns[1]:
            panel.picture(predictions.draw(mapped, answer.target, choice.survey.card, saliency.HEIGHT), "predicted")
            st.caption(predictions.how_to_choose(answer.target))
    with st.container() if channels_below else columns[-1]:
        panel.picture(shown, "gradient", checked=checked, below=lambda: rows.below(question, answer, gradient.total))
    slices.draw_norms(gradient, answer, steps, METHODS[method].in_text, saliency.unit_of(answer, steps))
    over = f" in all {steps.slices} {slice_words.word(steps)}s" if steps.slices else ""
    length = (f"L2 norm of {METHODS[method].in_text}{over}", captions.number_text(gradient.length))
    largest = f"largest in this {slice_words.word(steps)} at" if steps.slices else "largest at"
    facts.line(
        *(
            over_patches.facts_of(answer)
            if of_patches
            else (
                length,
                *((two_gradients.length(other),) if other is not None else ()),
                (largest, saliency.peak(gradient, view, names)),
            )
        )
    )
    facts.notes(answer.notes)

    pixel.choose(size)
    if spot is not None:
        if of_patches:
            numbers = over_patches.facts_at(answer, spot)
        else:
            numbers = pixel.gradient_facts(gradient.at(spot), METHODS[method].in_text, names)
        facts.line(*pixel.location_and_colour(spot, image), *numbers)
        saliency.near_the_pixel(gradient, view, answer, spot, choice.survey.card.preprocessing)

    trusted = st.container()
    blocks = over_patches.blocks_of(answer)
    tested = Tested(
        question,
        answer.target,
        "signed_sum" if view.each_channel else cast(ViewName, view.name),
        image,
        snippets.MapAt(tokens=answer.tokens, blocks=blocks),
        opacity / 100,
        checked=checked,
        sums=completeness.of(answer, gradient.total) if answer.question == question else None,
        whole=answer.question == question,
        steps=steps,
    )
    offered, later = (download_menu.NOTHING, ()) if steps.slices else trust.planned(tested)
    taking.button(choice, method, "options", view="" if view.each_channel else view.address)
    download_menu.menu(choice, drawn, answer, "saliency", checked, also=two_gradients.offered(other, offered))
    target = answer.target if snippets.asks_elsewhere(method) else choice.target
    classes = len(answer.prediction)
    programs = {
        "Gradient": lambda at: snippets.of_part(
            method_words.part(answer.question),
            snippets.in_blocks(
                snippets.saliency(at, target, method, view.name, options, tokens=answer.tokens, blocks=blocks),
                gradient.blocks,
            ),
        ),
        "Image": lambda at: snippets.in_blocks(snippets.seen(at), image.blocks),
    }
    if mapped:
        positions = blocks_of(mapped.arrays, "scores")
        programs["Predicted"] = lambda at: snippets.positions_in_blocks(
            snippets.predicted_map(at, choice.output.head), positions
        )
    if saliency.has_bars(answer.prediction, choice.reading):
        each = bars.of(answer.prediction, choice.reading)
        panel.header(bars.title(choice.reading))
        figure = figures.class_bars(
            answer.prediction,
            chosen=answer.target.explains,
            reading=choice.reading,
            against=saliency.is_against(answer.target),
        )
        which = bars.sentence(classes, choice.reading)
        words = captions.classes(f"{which}. Click one to see the map of its score.")
        panel.picture(panel.Picture(figure, words, saliency.choose_class(each), alt=which), "classes")
        programs["Classes"] = lambda at: snippets.classes(at, classes, choice.output.head)
    rooms = code.panel(choice, programs, later, at=slices.number(answer))
    with trusted:  # last, because it asks and waits
        if steps.slices:
            several = f"several {slice_words.word(steps)}s"
            st.caption(f"“Can I trust this?” tests maps of one picture, and this model takes {several}.")
        else:
            trust.draw(tested, rooms)
