"""Neurons: what another method than the gradient makes of one unit, as a map of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from gradviz_core.drawing import method_words, snippets
from gradviz_core.drawing.fields import Planes
from gradviz_core.drawing.screen import one_slice
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import GradientAnswer, GradientQuestion, Unit
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS, PLAIN, OptionValues, offered_at
from gradviz_core.types.views import VIEWS
from pages.methods import naming
from pages.shell import address, controls, download_menu, panel, rows, saliency, sites, slices, widgets
from pages.shell.choice import Choice
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("unit_method"), Parameter("unit_options", within=("unit_method",)))


@dataclass(frozen=True, slots=True)
class UnitMap:
    """A map that stands where the unit's gradient would."""

    question: GradientQuestion
    answer: GradientAnswer
    """What is there of it."""

    def draw(self, choice: Choice, planes: Planes, opacity: float) -> None:
        """Over the image. A click chooses the unit at that pixel."""
        drawn = saliency.draw(self.answer, VIEWS[0], choice.survey.card, opacity, None)
        made = saliency.drawn_array(self.answer)
        drawn = replace(drawn, act=sites.choose_under(planes, *made.size))
        panel.picture(
            drawn, "gradient", below=lambda: rows.below(self.question, self.answer, made.total, "unit_options")
        )

    @property
    def offered(self) -> download_menu.Offered:
        """Its arrays."""
        return download_menu.Offered(arrays={METHODS[self.question.method].name: self.question})

    def program(self, at: snippets.Setting) -> str:
        """The code of the picture."""
        method, options = self.question.method, self.answer.question.options
        code = snippets.saliency(at, self.answer.target, method, VIEWS[0].name, options)
        blocks = saliency.drawn_array(self.answer).blocks
        return snippets.of_part(method_words.part(self.answer.question), snippets.in_blocks(code, blocks))


def choose(choice: Choice) -> tuple[str, OptionValues]:
    """The method, and the value of each of its options, with their controls drawn.

    Raises:
        NoSuchChoice: the address names a method or an option that does not exist.
    """
    chosen = address.read("unit_method", PLAIN)
    known = slices.offered(offered_at("input"), choice.survey.card.preprocessing, chosen, "unit_method")
    meaning = "\n\n".join(f"**{card.name}**: {card.shows}" for card in known.values())
    with st.container(width=190):
        method = widgets.listed("Method", "unit_method", {name: card.name for name, card in known.items()}, meaning)
    card = METHODS[method]
    controls.refuse_others("unit_options", card.options, card.name, "option")
    return method, controls.draw_applying("unit_options", card.options, naming.names(choice))


def ask(choice: Choice, unit: Unit, method: str, options: OptionValues, at_slice: int | None = None) -> UnitMap | None:
    """The map by a method, of a volume or a clip in one slice; None where that is the gradient.

    Raises:
        GradVizError: as asking does.
    """
    if method == PLAIN:
        return None
    question = GradientQuestion(
        model=choice.model, image=choice.image, target=unit, method=method, options=options, seed=choice.draw
    )
    size = seen(choice.survey.arrays).size
    steps, look = choice.survey.card.preprocessing, Look(reduction=VIEWS[0].name)
    answer = rows.ask(question, "Computing the map …", look, size, slices.values(steps))
    return UnitMap(question, answer if at_slice is None else one_slice.sliced(answer, steps, at_slice))
