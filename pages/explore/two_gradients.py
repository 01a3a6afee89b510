"""The gradients of a model of two images: that of each, side by side on one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import captions
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.errors import Unreachable
from gradviz_core.types import GradientAnswer, GradientQuestion, ModelCard, SurveyAnswer, SurveyQuestion, keys
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import PLAIN
from gradviz_core.types.views import View
from pages.explore import depth, predictions
from pages.layout.frame import ScoredChoice
from pages.methods import naming
from pages.shell import asking, download_menu, facts, panel, saliency, sizes
from pages.uploads import images, uploaded

MAP, IMAGE = "gradient2", "image2"
"""Keys of the pictures of the image that is held."""


@dataclass(frozen=True, slots=True)
class Other:
    """What is known of the other image: the one that is held elsewhere on the page."""

    survey: SurveyAnswer
    answer: GradientAnswer

    @property
    def card(self) -> ModelCard:
        """The model's card with this image looked at."""
        return self.survey.card

    @property
    def name(self) -> str:
        """What the author calls this input."""
        return self.card.inputs[self.card.looked_at]


def ask(choice: ScoredChoice, question: GradientQuestion, view: View) -> Other | None:
    """The gradient of the same score by the other image. None for a model of one image, for any other method, and where
    each channel is shown alone: the sidebar chooses the image there. None too where the score does not depend on the
    other image; a note says so.

    Raises:
        GradVizError: as ``asking.ask`` does.
    """
    if not choice.survey.card.inputs or question.method != PLAIN or view.each_channel:
        return None
    image = keys.turned(choice.image)
    survey = asking.ask(SurveyQuestion(model=choice.model, image=image, seed=choice.draw), "Loading the other image …")
    try:
        answer = asking.ask(replace(question, image=image), "Computing its gradient …", Look(reduction=view.name))
    except Unreachable:
        name = survey.card.inputs[survey.card.looked_at]
        facts.notes((f"This score does not depend on the image “{name}”, so there is no gradient by it to show.",))
        return None
    images.remember(image, survey.pixels)
    return Other(survey, answer)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Room for the map of an image, and below it for the image."""

    map: DeltaGenerator
    image: DeltaGenerator


def rooms(choice: ScoredChoice) -> tuple[Rooms, Rooms]:
    """Two columns in the order of the inputs: that of the image that is looked at comes first here."""
    columns = st.columns((sizes.WITH_BAR, sizes.WITH_BAR))
    both = [Rooms(column.container(), column.container()) for column in columns]
    place = choice.survey.card.looked_at
    return both[place], both[1 - place]


def draw(other: Other, choice: ScoredChoice, answer: GradientAnswer, view: View, opacity: float, at: Rooms) -> None:
    """The map by the other image, on the scale of the map by the one that is looked at, and that image."""
    shown = saliency.draw(other.answer, view, other.card, opacity, None, beside=(answer, choice.survey.card))
    with at.map:
        panel.picture(replace(shown, caption=naming.of_two(shown.caption, other.card), act=None), MAP)
    origin = uploaded.image_line(other.survey.question.image, other.survey.file, other.card.preprocessing)
    image = seen_in(other.answer.arrays)
    said = saliency.seen(other.survey, origin, image.blocks)
    with at.image:
        seen = predictions.image(other.answer.target, image, None, choice.labels, None, saliency.HEIGHT, said)
        panel.picture(replace(seen, act=None, enclose=None), IMAGE)
        depth.choose(other.survey.question.image, other.survey.file)


def offered(other: Other | None, also: download_menu.Offered) -> download_menu.Offered:
    """What is offered for download with the pictures and the array of the other image."""
    if other is None:
        return also
    pictures = {MAP: f"gradient of {other.name}", IMAGE: f"image {other.name}"}
    arrays = {f"Raw arrays of {other.name}": other.answer.question}
    return replace(also, pictures={**pictures, **also.pictures}, arrays={**arrays, **also.arrays})


def length(other: Other) -> tuple[str, str]:
    """The length of its gradient, as a fact below the pictures."""
    return f"of {other.name}", captions.number_text(saliency.drawn_array(other.answer).length)
