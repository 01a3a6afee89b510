"""What is said of maps that stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import cam_words, captions, method_words, token_words
from gradviz_core.drawing.captions import Caption, number_text, scale_text, share_text
from gradviz_core.drawing.compared import Compared
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import INPUT, Field, GradientAnswer, ModelCard, SiteInfo, colour_scales, layouts
from gradviz_core.types.layouts import Grid
from gradviz_core.types.map_kinds import map_kind
from gradviz_core.types.methods import PLAIN, card_of
from gradviz_core.types.sites import site_name
from gradviz_core.types.views import View


def title(method: str, info: SiteInfo | None) -> str:
    """``Grad-CAM of layer4``: what one of them is."""
    if info is None:
        return card_of(method).name
    return f"{name_at_layer(method)} of {site_name(info.site, info.calls)}"


def name_at_layer(method: str) -> str:
    """What a method is called at a layer output: there the input is the activation."""
    return "Activation × gradient" if method == "gradient_x_input" else card_of(method).name


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
    question, channels, tokens = answer.question, len(card.preprocessing.mean), answer.tokens
    if tokens is not None:
        said = token_words.over_patches(
            question.method, question.options, answer.target, card.labels, one.field, tokens
        )
    elif info is None or grid is None:
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
            said = _of_channels(said, _values(answer, card, info), view, info)
    part = method_words.part(question)
    sentence = f"So far: {part}. {said.sentence}" if part else said.sentence
    return replace(said, sentence=sentence, facts=(*said.facts, _scale(others)))


def _values(answer: GradientAnswer, card: ModelCard, info: SiteInfo) -> str:
    """What a method gives for each value of a layer output, without a full stop."""
    method, site = answer.question.method, site_name(info.site, info.calls)
    kind = {PLAIN: "gradient", "gradient_x_input": "product"}.get(method)
    if kind is None:
        return method_words.sentence(method, answer.question.options, answer.target, card.labels, site)
    return map_kind(kind).words.format(score=answer.target.words(card.labels), of=site, each="").removesuffix(".")


def _of_channels(said: Caption, values: str, view: View, info: SiteInfo) -> Caption:
    """The caption of a method that has a number for each channel of a layer output: how they become one."""
    count = info.shape[layouts.channel_axis(info)]
    words = view.words.format(over=f"over the {count} {captions.channel_word(info)}s", channel="")
    _, stop, rest = said.sentence.partition(". ")
    return replace(said, sentence=f"{values}: {words}{stop}{rest}", formula=view.formula.format(g=said.formula))


def _scale(others: Sequence[Compared]) -> str:
    if not others:
        return "a scale of its own"
    return f"one scale with {_listed([one.letter for one in others])}"


def _listed(names: Sequence[str]) -> str:
    """``A, B and C``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def scales(maps: Sequence[Compared], groups: Sequence[Sequence[int]]) -> str:
    """Which of them share a scale, and which have one of their own. ``groups`` are the positions of those on one."""
    said = []
    for alike in groups:
        first, letters = maps[alike[0]].field, [maps[n].letter for n in alike]
        ends = f"{captions.ends_text(first)} {first.unit}"
        verb = "share one scale" if len(letters) > 1 else "has a scale of its own"
        said.append(f"{_listed(letters)} {verb}: {ends}.")
    return " ".join(said)


FAINT = 0.15
"""A map whose own scale ends below this share of the one that it is drawn on is all but blank."""


def faint(own: Field, drawn: Field) -> str:
    """That a map is all but blank on the scale on which it is ``drawn``, and what shows it; ``own`` is the same on its
    own scale. Empty where it is not, or where it is zero."""
    if not 0 < own.limit < FAINT * drawn.limit:
        return ""
    most = f"{share_text(1 - own.clipped)} of its values are" if own.clipped else "It is"
    ends = f"{'±' if own.signed else ''}{number_text(own.limit)}"
    return f"{most} at most {ends} here, so it is faint on the shared scale; “Per map” shows it."


NO_DIFFERENCE = (
    "There is no difference to show: no two of these maps have one unit, and one shape over the same part of an image."
)


def difference(first: Compared, second: Compared, field: Field, first_title: str, second_title: str) -> Caption:
    """Under the difference of two maps, whose titles say what they are."""
    a, b = first.letter, second.letter
    high, low = colour_scales.DIVERGING.high, colour_scales.DIVERGING.low
    return Caption(
        f"{b} minus {a}: {second_title} minus {first_title}, place by place. {high.capitalize()}: {b} is larger there; "
        f"{low}: {a} is larger.",
        rf"{b}_{{i,j}} - {a}_{{i,j}}",
        (field.unit, scale_text(field), "a scale of its own", *(() if first.is_whole else (f"of {_means(field)}",))),
        HowToRead(
            f"Each cell is the value of {b} less the value of {a} at the same place.",
            "Look for regions of one colour: there the two maps disagree in the same direction.",
            "It does not show which of the two is right.",
        ),
    )


def _means(field: Field) -> str:
    return "means over {}×{} areas of equal size".format(*field.values.shape)


def likeness(percent: int) -> Caption:
    """Under the table of how alike each two maps are."""
    by_chance = percent / (200 - percent)
    return Caption(
        "Spearman's rank correlation of the values and of their magnitudes: 1 is the same order, 0 is no relation, −1 "
        f"is the opposite order. Overlap: the places among the strongest {percent}\u00a0% of both maps, as a share of "
        f"those among the strongest of either; two random maps overlap by about {share_text(by_chance)}.",
        r"\rho = \text{corr}\big(\text{rank}(A), \text{rank}(B)\big), \qquad \frac{|S_A \cap S_B|}{|S_A \cup S_B|}",
        (
            "equal values share the mean of their ranks",
            "a place that equals the weakest of the strongest belongs to them too, and a place that is zero does not",
            "maps of different sizes are compared on the coarser grid: means over the area of a cell, of the values "
            "and of the magnitudes",
            "only the part of an image that both pictures show is compared; the last column says on how many cells",
            "maps of two images are not compared: a place of one is no place of the other",
            "a map with more cells than a screen can show is compared as means over areas of equal size",
        ),
        HowToRead(
            "Each row is two maps: 1 for the same order of their places, 0 for no relation.",
            "Look for pairs whose magnitudes agree while their values do not: the same places, but other signs.",
            "It does not show whether either map is right: two wrong maps can agree.",
        ),
    )
