"""One neuron and what it can see: outside of its receptive field its gradient is exactly zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.outlines import Box
from gradviz_core.story import asked, figures, layers
from gradviz_core.story.regions import grown, share_inside
from gradviz_core.story.told import Ask, Computed, Explore, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, GradientAnswer, GradientQuestion, SiteInfo, SurveyAnswer, Unit
from gradviz_core.types.sites import site_name


def tell(ask: Ask, subject: Subject) -> Told:
    """The most active unit of an early layer, its receptive field on the photo, and its gradient."""
    survey = asked.survey(ask, subject)
    info, unit = most_active(ask, subject, survey)
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, target=unit))
    seen, most = sees(answer)
    field = asked.saliency_field(answer)
    rows, columns = answer.pixels.shape[:2]
    name, relus = site_name(info.site, info.calls), layers.rectified(survey)
    window = grown(seen, answer.pixels.shape)
    caption = captions.unit_gradient(
        unit, info, field, input_shape=answer.gradients[INPUT].shape, solid=seen, dashed=most
    )
    return Told(
        f"One neuron sees {_size(seen)} of {rows}×{columns} pixels, its receptive field. At every other pixel its "
        "gradient is exactly 0: it notices nothing there.",
        f"It is one number in the output of {name}, ReLU layer {relus.index(info) + 1} of {len(relus)}: "
        f"{captions.number_text(answer.score, 4)}, {_rank(info)}. The solid box is the receptive field; the dashed "
        f"one, {_size(most)}, holds 95\u00a0% of its gradient's size.",
        (
            Computed(
                "The receptive field: the pixels from which a path leads to this neuron, by the kernel size, stride "
                "and padding of each layer on the way. It is not read from the gradient, which is exactly 0 outside.",
            ),
            Computed(
                "Right: how the activation a of the neuron changes with each pixel, its colours added up.",
                r"\sum_c \frac{\partial a}{\partial x_{c,i,j}}",
            ),
            Computed(
                "Dashed: the shortest run of rows, and of columns, that each hold 97.5 % of the sum of all sizes; "
                "where both meet lie at least 95 %."
            ),
        ),
        (
            Shown("What the neuron can see", figures.photo(answer.pixels, seen), _photo(survey, seen)),
            Shown("How it changes with each pixel, enlarged", figures.enlarged(field, window, seen, most), caption),
        ),
        Explore(
            "neurons",
            (
                ("model", subject.model),
                ("image", subject.image),
                ("site", str(info.site)),
                *zip(("channel", "row", "col"), map(str, unit.index), strict=True),
            ),
        ),
    )


def most_active(ask: Ask, subject: Subject, survey: SurveyAnswer) -> tuple[SiteInfo, Unit]:
    """The unit with the largest activation in the middle size of maps: (channel, row, column). One that a ReLU6
    cuts off at 6 has no gradient and is passed over.

    Raises:
        NotSo: the maps of the network are all of one size.
    """
    sizes = layers.first_of_each_size(layers.rectified(survey))
    claim(len(sizes) > 1, "a network makes its maps smaller, layer by layer")
    info = sizes[len(sizes) // 2]
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, wrt=(info.site,)))
    maps = answer.activations[info.site][0]
    if info.kind == "ReLU6":
        maps = np.where(maps < 6, maps, 0)
    channel, row, column = map(int, np.unravel_index(maps.argmax(), maps.shape))
    return info, Unit(info.site, (channel, row, column))


def sees(answer: GradientAnswer) -> tuple[Box, Box]:
    """The receptive field of a unit, and the box within it that holds 95 % of its gradient.

    Raises:
        NotSo: it sees the whole picture, its gradient is zero, or not zero outside.
    """
    seen, most = answer.receptive_field, fields.effective_box(answer.gradients[INPUT])
    claim(seen is not None and most is not None, "a unit has a gradient and a receptive field")
    assert seen is not None
    assert most is not None
    magnitudes = np.abs(answer.gradients[INPUT][0]).sum(axis=0)
    outside = magnitudes.copy()
    outside[seen[0] : seen[1] + 1, seen[2] : seen[3] + 1] = 0
    claim(not outside.any(), "a unit's gradient is exactly zero outside of its receptive field")
    claim(share_inside(np.ones_like(magnitudes), seen) < 0.5, "an early unit sees less than half of the picture")
    return seen, most


def _rank(info: SiteInfo) -> str:
    """What the activation of ``most_active`` is among those of its layer."""
    return "one of the largest below 6, where a ReLU6 stops" if info.kind == "ReLU6" else "the largest in its layer"


def _size(box: Box) -> str:
    return f"{box[1] - box[0] + 1}×{box[3] - box[2] + 1}"


def _photo(survey: SurveyAnswer, seen: Box) -> Caption:
    caption = captions.seen(survey.card.preprocessing)
    return replace(caption, sentence=f"{caption.sentence} Box: the receptive field, {_size(seen)} pixels.")
