"""What is said of maps that stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import cam_words, captions, method_words
from gradviz_core.drawing.captions import Caption, number_text
from gradviz_core.drawing.compared import Compared, together
from gradviz_core.types import INPUT, GradientAnswer, ModelCard, SiteInfo
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import card_of
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import View


def title(method: str, info: SiteInfo | None) -> str:
    """``Grad-CAM of layer4``: what one of them is."""
    name = card_of(method).name
    return name if info is None else f"{name} of {site_name(info.site, info.calls)}"


def caption(
    answer: GradientAnswer,
    info: SiteInfo | None,
    grid: Grid | None,
    view: View,
    card: ModelCard,
    one: Compared,
    others: Sequence[Compared],
) -> Caption:
    """Under one map. ``info`` is the layer output that it is of, ``grid`` how that lies over the picture; ``others``
    are those on the same scale."""
    question, channels = answer.question, len(card.preprocessing.mean)
    if info is None or grid is None:
        shape = answer.arrays.get(f"gradient/{INPUT}", one.field.values[None, None]).shape
        said = captions.saliency(
            answer.target,
            card.labels,
            method=question.method,
            options=question.options,
            reduction=view.name,
            field=one.field,
            shape=(1, channels, *shape[2:]),
        )
    else:
        said = cam_words.over_image(
            question.method, question.options, answer.target, card.labels, info, one.field, grid
        )
        if not card_of(question.method).one_map:
            said = _of_channels(said, view, info)
    part = method_words.part(question)
    sentence = f"So far: {part}. {said.sentence}" if part else said.sentence
    return replace(said, sentence=sentence, facts=(*said.facts, _scale(others)))


def _of_channels(said: Caption, view: View, info: SiteInfo) -> Caption:
    """The caption of a method that has a number for each channel of a layer output: how they become one."""
    words = view.words.format(over=f"over the {info.shape[info.axis or 1]} {captions.channel_word(info)}s", channel="")
    first, stop, rest = said.sentence.partition(". ")
    return replace(said, sentence=f"{first}: {words}{stop}{rest}", formula=view.formula.format(g=said.formula))


def _scale(others: Sequence[Compared]) -> str:
    if not others:
        return "a scale of its own"
    return f"one scale with {_listed([one.letter for one in others])}"


def _listed(names: Sequence[str]) -> str:
    """``A, B and C``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def scales(maps: Sequence[Compared]) -> str:
    """Which of them share a scale, and which have one of their own."""
    said = []
    for alike in together(maps):
        first, letters = maps[alike[0]].field, [maps[n].letter for n in alike]
        ends = f"{'±' if first.signed else '0 to '}{number_text(first.limit)} {first.unit}"
        verb = "share one scale" if len(letters) > 1 else "has a scale of its own"
        said.append(f"{_listed(letters)} {verb}: {ends}.")
    return " ".join(said)
