"""Which slice of a volume, or frame of a clip, a page shows: a slider, and where along the slices the map is large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from gradviz_core.drawing import captions, figures, slice_words
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.screen import OverInput, one_slice
from gradviz_core.types import GradientAnswer, SurveyAnswer
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.method_cards import MethodCard
from pages.shell import address, panel, widgets
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("input_slice", within=("model",)),)
_MEANING = "They are counted from 0. At first the one is shown in which the map has the largest L2 norm."


def seen(survey: SurveyAnswer) -> SurveyAnswer:
    """The survey with the middle slice as its picture; unchanged where the model takes one picture."""
    steps = survey.card.preprocessing
    return one_slice.sliced(survey, steps, steps.slices // 2)


def with_middle_picture(answer: GradientAnswer, steps: Preprocessing) -> GradientAnswer:
    """An answer about a layer output, with the middle slice as its picture."""
    return one_slice.with_picture(answer, steps, steps.slices // 2)


def beside(steps: Preprocessing) -> Caption:
    """Under the middle slice where it stands beside a layer output, or under the picture that the model takes."""
    if not steps.slices:
        return captions.beside(steps)
    caption = slice_words.seen(steps)
    middle = f"{slice_words.named(steps, steps.slices // 2)}, the middle one"
    return replace(caption, sentence=f"{middle}. {caption.sentence}")


def offered(known: Mapping[str, MethodCard], steps: Preprocessing, chosen: str, name: str) -> dict[str, MethodCard]:
    """Those of the methods that are defined for what the model takes.

    Raises:
        NoSuchChoice: the ``chosen`` one is not; ``name`` is that of the choice.
    """
    if steps.slices and chosen in known and known[chosen].one_picture:
        raise address.NoSuchChoice(
            f"{known[chosen].name} works on the rows and columns of one picture, and this model takes {steps.slices} "
            f"{slice_words.word(steps)}s. Choose another method, such as the gradient or integrated gradients.",
            name,
        )
    return {each: card for each, card in known.items() if not (steps.slices and card.one_picture)}


def choose(answer: GradientAnswer, steps: Preprocessing, of: str = "") -> GradientAnswer:
    """The answer with the chosen slice in place of all of them, by a slider that is drawn here: at first the one where
    the map is largest; ``of`` follows the name of the slider. Unchanged where the model takes one picture.

    Raises:
        NoSuchChoice: the address names a slice that there is not.
    """
    if not steps.slices:
        return answer
    number = one_slice.strongest(answer, steps)
    if steps.slices > 1:
        label = f"{slice_words.word(steps).capitalize()}{of}"
        number = widgets.slider(label, "input_slice", range(steps.slices), number, _MEANING, unit="", width=230)
    return one_slice.sliced(answer, steps, number)


def values(steps: Preprocessing) -> int | None:
    """How many numbers the input has; None where the model takes one picture, whose size says so."""
    return math.prod(steps.input_shape) if steps.slices else None


def number(answer: GradientAnswer) -> int | None:
    """Which slice an answer shows; None where it is about one picture."""
    return int(answer.arrays["slice"]) if "slice" in answer.arrays else None


def draw_norms(gradient: OverInput, shown: GradientAnswer, steps: Preprocessing, in_text: str, unit: str) -> None:
    """The norm of the map in each slice, where there are several. A click shows one."""
    at = number(shown)
    if at is None or steps.slices < 2:
        return
    word = slice_words.word(steps)
    names = [f"{word} {each}" for each in range(steps.slices)]
    along = f"{word}s 0 to {steps.slices - 1}"
    figure = figures.strip(names, gradient.norms, unit="L2 norm", chosen=at, height=170, along=along)
    panel.picture(Picture(figure, slice_words.along(steps, in_text, unit), _choose), "slices")


def _choose(click: Click) -> None:
    address.write({"input_slice": str(click.position)} if click.position >= 0 else {})


def named(caption: Caption, shown: GradientAnswer, steps: Preprocessing) -> Caption:
    """The caption of a picture of one slice, which says which it is and that all are on one scale; unchanged where the
    model takes one picture."""
    if number(shown) is None:
        return caption
    facts = tuple(filter(None, (*caption.facts, slice_words.scale(steps))))
    return replace(prefixed(caption, shown, steps), facts=facts)


def prefixed(caption: Caption, shown: GradientAnswer, steps: Preprocessing) -> Caption:
    """The caption, which says which slice it is, where there are several."""
    at = number(shown)
    assert at is not None, "it shows a slice"
    if steps.slices == 1:
        return caption
    return replace(caption, sentence=f"{slice_words.named(steps, at)}. {caption.sentence}")
