"""Grad-CAM at three layers: fine maps that say little, a coarse one that lies on what the class is about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import cam_figures, cam_words, captions, fields
from gradviz_core.drawing.outlines import Box
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.story import asked, figures, layers
from gradviz_core.story.maps import same_place
from gradviz_core.story.regions import strongest_quarter
from gradviz_core.story.told import Ask, Computed, Explore, Shown, Slider, Subject, Told, claim
from gradviz_core.types import (
    INPUT,
    CamsAnswer,
    CamsQuestion,
    FloatArray,
    GradientQuestion,
    KeepingAnswer,
    KeepingQuestion,
    SiteInfo,
    SurveyAnswer,
)
from gradviz_core.types.colour_scales import DIVERGING
from gradviz_core.types.layouts import Grid
from gradviz_core.types.sites import site_name

METHOD, SIGNED = "grad_cam", (("negative", "kept"),)
"""What is below 0 is kept, so that a map always has a strongest quarter."""
PERCENT, FIRST = tuple(range(0, 101, 10)), 50


class Facts(NamedTuple):
    """By how much the score changes without the quarter of the pixels that a map marks."""

    first: float
    middle: float
    last: float


def tell(ask: Ask, subject: Subject, percent: int = FIRST) -> Told:
    """The maps of the first layer, of one so deep in the network, and of the last."""
    survey = asked.survey(ask, subject)
    chosen = at_depth(survey, percent)
    every = ask(CamsQuestion(model=subject.model, image=subject.image, method=METHOD, options=SIGNED))
    kept = ask(
        KeepingQuestion(
            model=subject.model,
            image=subject.image,
            method=METHOD,
            options=SIGNED,
            sites=tuple(info.site for info in chosen),
        )
    )
    now, corners = facts(kept), without_corners(ask, subject)
    first, _, last = chosen
    label = asked.gradient(ask, subject).prediction[0].label
    found, deep = layers.rectified(survey), cam_figures.rows_and_columns(every.maps[last.site], _grid(last))
    row, column = map(int, np.unravel_index(deep.argmax(), deep.shape))
    box = same_place((row, column), deep.shape, seen(survey.arrays).size)
    return Told(
        f"Cover the quarter of the picture where the first map is largest, and the score of {label} "
        f"{_moves(now.first)}. Cover the last map's quarter, and it {_moves(now.last)}.",
        f"Thin lines: each map's quarter, most {DIVERGING.high} or least {DIVERGING.low}. "
        f"{DIVERGING.high.capitalize()} speaks for {label}, {DIVERGING.low} against it; the last scale goes "
        f"{_times(every, first, last)} times as far as the first. Without the middle map's quarter the score "
        f"{_moves(now.middle)}, without each corner's quarter it changes by {_listed(corners)}. The "
        "box is the same place in all three.",
        (
            Computed(
                "A map: the channels a of a layer, each times the mean of its slope over all Z places. Grad-CAM as "
                "published then leaves out what is below 0; here it is kept.",
                r"\sum_k \Big(\frac{1}{Z} \sum_p \frac{\partial z}{\partial a_{k,p}}\Big)\, a_k",
            ),
            Computed(
                "Change: the score without the quarter of the pixels where the map is largest, less the score of the "
                "whole picture. In their place is the mean colour of the training data. First, middle, last:",
                rf"\Delta z = {', '.join(asked.number(change) for change in now)}; \quad z = "
                rf"{asked.number(kept.score, 4)}",
            ),
            Computed(f"Layers: the {len(found)} outputs of ReLUs, in order of execution. All maps come from one pass."),
        ),
        tuple(_shown(survey, every, info, box) for info in chosen),
        Explore(
            "feature-maps",
            (
                ("model", subject.model),
                ("image", subject.image),
                ("site", str(last.site)),
                ("maps", "method"),
                ("layer_method", METHOD),
                ("layer_options", "negative=kept"),
            ),
        ),
    )


def without_corners(ask: Ask, subject: Subject) -> FloatArray:
    """By how much the score changes with a quarter of the picture covered that no map has chosen: upper left, upper
    right, lower left, lower right. In its place is the mean colour of the training data."""
    options = (("rows", 2.0), ("size", 0.5))
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, method="occlusion", options=options))
    changes: FloatArray = -answer.attributions[INPUT][0].sum(axis=0)
    return changes[[0, 0, -1, -1], [0, -1, 0, -1]]


def _listed(changes: FloatArray) -> str:
    """``−0.52, +0.10, −1.31 or −0.84``."""
    *most, last = (f"{change:+.2f}".replace("-", "\N{MINUS SIGN}") for change in changes)
    return f"{', '.join(most)} or {last}"


def _moves(change: float) -> str:
    return f"{'falls' if change < 0 else 'rises'} by {abs(change):.2f}"


def _times(every: CamsAnswer, first: SiteInfo, last: SiteInfo) -> str:
    maps = (cam_figures.rows_and_columns(every.maps[info.site], _grid(info)) for info in (first, last))
    least, most = (float(fields.field(each, signed=True, unit="").limit) for each in maps)
    claim(least > 0, "the first map is not zero everywhere")
    return f"{most / least:,.0f}" if most > 10 * least else captions.number_text(most / least, 2)


def at_depth(survey: SurveyAnswer, percent: int) -> tuple[SiteInfo, SiteInfo, SiteInfo]:
    """The first ReLU, the one at this share of all, and the last.

    Raises:
        NotSo: there are fewer than three.
    """
    found = layers.rectified(survey)
    claim(len(found) > 2, "a network has at least three layers of ReLUs")
    return found[0], found[round(percent / 100 * (len(found) - 1))], found[-1]


def facts(kept: KeepingAnswer) -> Facts:
    """How the score changes without what the three maps mark.

    Raises:
        NotSo: what the last map marks raises no score, or what the first marks matters as much.
    """
    found = Facts(*map(float, kept.changes[1]))
    claim(found.last < 0, "the score falls without what the last map marks")
    claim(abs(found.first) < abs(found.last) / 2, "what the first map marks matters less than what the last one marks")
    return found


def _grid(info: SiteInfo) -> Grid:
    rows, columns = info.shape[2:]
    return Grid(0, rows, columns)


def _shown(survey: SurveyAnswer, every: CamsAnswer, info: SiteInfo, box: Box) -> Shown:
    found = layers.rectified(survey)
    unit = captions.gradient_unit(every.target, info.site, METHOD, SIGNED)
    over = cam_figures.rows_and_columns(every.maps[info.site], _grid(info))
    field = fields.field(over, signed=True, unit=unit)
    picture = seen(survey.arrays)
    drawn = figures.over_image(field, picture, box)
    figures.encircle(drawn, strongest_quarter(over, picture.size))
    return Shown(
        f"Layer {found.index(info) + 1} of {len(found)}, {site_name(info.site, info.calls)}: {layers.size_text(info)}",
        drawn,
        cam_words.over_image(METHOD, SIGNED, every.target, survey.card.labels, info, field, _grid(info)),
    )


SLIDER = Slider(
    "story_depth",
    "Depth of the middle map",
    "%",
    "How deep in the network its layer lies: 0 is the first ReLU, 100 the last.",
    PERCENT,
    FIRST,
    tell,
)
