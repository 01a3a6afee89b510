"""Asking for the things that stand side by side on Compare: one question each, which fails alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradviz_core.drawing import compared
from gradviz_core.drawing.compared import Compared
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.errors import QuestionError
from gradviz_core.types import (
    INPUT,
    GradientAnswer,
    GradientQuestion,
    SiteInfo,
    SurveyAnswer,
    SurveyQuestion,
    layouts,
    photo_window,
)
from gradviz_core.types.controls import applies
from gradviz_core.types.layouts import Grid
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import OptionValues, card_of
from gradviz_core.types.photo_window import Place, Window
from gradviz_core.types.sites import no_such_site
from gradviz_core.types.subjects import Site
from gradviz_core.types.views import View
from pages.comparing import slots
from pages.comparing.slots import Texts
from pages.layout.frame import ScoredChoice
from pages.methods import layer_maps, of_pairs, token_grids
from pages.shell import address, ahead, asking, controls, rows
from pages.uploads import images


@dataclass(frozen=True, slots=True)
class Asked:
    """One of them before its answer: what is asked, and of what."""

    slot: int
    letter: str
    texts: Texts
    survey: SurveyAnswer
    """Of its model on its image."""
    info: SiteInfo | None
    """The layer output that it is of; None for the input."""
    question: GradientQuestion

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of its picture."""
        return seen_in(self.survey.arrays).size

    @property
    def values(self) -> int | None:
        """How many a layer output has."""
        return None if self.info is None else math.prod(self.info.shape)

    @property
    def window(self) -> Window:
        """The part of the photo that its picture shows."""
        return photo_window.seen(self.survey.card.preprocessing, self.survey.upright)


@dataclass(frozen=True, slots=True)
class Found:
    """One of them with its answer."""

    asked: Asked
    answer: GradientAnswer
    map: Compared
    grid: Grid | None
    """How the positions of a layer output lie over the picture."""


def survey(texts: Texts, choice: ScoredChoice) -> SurveyAnswer:
    """What is known of its model on its image.

    Raises:
        GradVizError: as ``asking.ask`` does.
    """
    model = texts.model or choice.model
    image = images.of_model(texts.image or choice.image, model)
    if (model, image) == (choice.model, choice.image):
        return choice.survey
    found = asking.ask(SurveyQuestion(model=model, image=image, seed=choice.draw), "Loading the model and the image …")
    if slices := found.card.preprocessing.slices:
        raise QuestionError(f"Compare shows models that take one picture, and this one takes {slices} slices.")
    return found


def question(slot: int, letter: str, texts: Texts, choice: ScoredChoice, there: SurveyAnswer) -> Asked:
    """What is asked.

    Raises:
        NoSuchChoice: the address names a method, an option, a layer output or a score that does not exist.
    """
    method = slots.method(texts, slot)
    if not texts.is_of_layer and card_of(method).where == "attention" and not there.attends:
        raise address.NoSuchChoice(
            f"{card_of(method).name} is made from attention weights, and this model has no attention. Choose another "
            "method under “Change”, or a vision transformer.",
            slots.name(slot),
        )
    info = layer(slot, texts, there) if texts.is_of_layer else None
    asked = GradientQuestion(
        model=there.question.model,
        image=there.question.image,
        target=slots.target(texts, slot, choice.target),
        method=method,
        options=options(slot, method),
        seed=choice.draw,
        wrt=(INPUT if info is None else info.site,),
    )
    return Asked(slot, letter, texts, there, info, asked)


def layer(slot: int, texts: Texts, there: SurveyAnswer) -> SiteInfo:
    """The layer output, with how its tokens lie over the image: where none is named, the usual one,
    of two images one that depends on the image that is looked at.

    Raises:
        GradVizError: as asking does; NoSuchChoice: it never ran.
    """
    known = {str(info.site): info for info in token_grids.known(there) if info.site != INPUT}
    chosen = texts.layer or of_pairs.own_call(there, layer_maps.usual(there.sites, seen_in(there.arrays).size))
    if chosen not in known:
        name = slots.name(slot, "layer")
        address.drop_if_carried(name)
        said = no_such_site(Site.parse(chosen), [info.site for info in there.sites])
        raise address.NoSuchChoice(str(said), name)
    return known[chosen]


def options(slot: int, method: str) -> OptionValues:
    """The value of each option that applies, as the address has it.

    Raises:
        NoSuchChoice: the method has no such option.
    """
    name, card = slots.name(slot, "options"), card_of(method)
    controls.refuse_others(name, card.options, card.name, "option")
    found: OptionValues = ()
    for control in card.options:
        if applies(control, dict(found)):
            found += controls.undrawn(name, (control,))
    return found


def send(asked: Asked, view: View, place: Place | None) -> None:
    """Have it computed while others are asked."""
    if not rows.may_be_long(asked.question, asked.size, asked.values):
        ahead.send(asked.question, _look(asked, view, place))


def answer(asked: Asked, view: View, place: Place | None) -> Found:
    """Its answer; of a long sum what is there.

    Raises:
        GradVizError: as asking does; QuestionError: its map does not lie over the picture.
    """
    there = rows.ask(asked.question, "Computing the map …", _look(asked, view, place), asked.size, asked.values)
    if (error := rows.failed(asked.question)) is not None:
        raise error
    if asked.info is None:
        field, grid = compared.at_input(there, view, asked.survey.card.preprocessing), None
        window = asked.window.part(compared.extent(there, asked.size))
    else:
        field, grid = compared.at_layer(there, asked.info, view, asked.size)
        window = asked.window
    quantity = compared.quantity(there, field, asked.survey.card.preprocessing.std)
    one = Compared(asked.letter, field, quantity, window, asked.question.image, compared.means(there, asked.info))
    return Found(asked, there, one, grid)


def _look(asked: Asked, view: View, place: Place | None) -> Look:
    info = asked.info
    if info is None:
        return Look(
            reduction=view.name, means=True, pixel=None if place is None else asked.window.cell(place, *asked.size)
        )
    grid = layouts.places(info)
    cell = asked.window.cell(place, *grid) if place is not None and len(grid) == 2 else None
    return Look(reduction=view.name, means=True, layout=info.layout, axis=info.axis, place=cell or ())
