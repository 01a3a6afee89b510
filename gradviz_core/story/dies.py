"""Where the gradient dies: a ReLU that is off passes nothing back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions, fields
from gradviz_core.story import asked, figures, layers
from gradviz_core.story.regions import Region, centre, strongest_window
from gradviz_core.story.told import Ask, Computed, Explore, Shown, Subject, Told, claim
from gradviz_core.types import FloatArray, GradientQuestion
from gradviz_core.types.sites import site_name


class Facts(NamedTuple):
    """What is claimed of one ReLU."""

    off: float
    """Share of its units with an activation of exactly 0."""
    channel: int
    """The channel of which about half is off."""
    most: Region
    """The window of that channel in which most is off."""


def tell(ask: Ask, subject: Subject) -> Told:
    """What a ReLU lets through, and the gradient right before it."""
    survey = asked.survey(ask, subject)
    info = layers.rectified(survey)[0]
    before = layers.before(survey, info)
    answer = ask(GradientQuestion(model=subject.model, image=subject.image, wrt=(before.site, info.site)))
    now = facts(answer.activations[info.site][0], answer.gradients[before.site][0], answer.gradients[info.site][0])
    unit = captions.gradient_unit(answer.target, before.site)
    activation = fields.activation(answer.activations[info.site][0, now.channel], unit="activation")
    slope = fields.channel(answer.gradients[before.site], now.channel, unit=unit)
    name, share = site_name(info.site, info.calls), captions.share_text
    six = info.kind == "ReLU6"
    relu, above = ("min(max(0, x), 6)", ", or above 6") if six else ("max(0, x)", "")
    caption = captions.channel_gradient(answer.target, survey.card.labels, before, now.channel, slope)
    return Told(
        f"A ReLU that is off has the slope 0. {share(now.off)} of those in {name} are off, and right before each of "
        "them the gradient of the score is exactly 0.",
        "On its way from the score back to the pixels the gradient is multiplied by the slope of each layer (the chain "
        f"rule): by 1 where a ReLU is on, by 0 where it is off{above}. In the box all of channel {now.channel} is off: "
        "what happens there cannot reach the score through this channel.",
        (
            Computed(
                f"The layer computes {relu}. With a its output, and z the score:",
                r"\frac{\partial z}{\partial x} = \begin{cases} \partial z / \partial a & \text{on} \\ 0 & "
                r"\text{off} \end{cases}",
            ),
            Computed(f"Off: the outputs that are exactly 0, of all in this layer: {share(now.off)}."),
            Computed(
                "Both pictures are of one channel, the one of which about half is off. The box, a sixteenth of it, is "
                "where most is off."
            ),
        ),
        (
            Shown(
                f"What channel {now.channel} lets through",
                figures.heatmap(activation, box=now.most.box),
                captions.activation(info, now.channel, activation),
            ),
            Shown(
                "The gradient right before it",
                figures.heatmap(slope, box=now.most.box),
                caption,
            ),
        ),
        Explore(
            "feature-maps",
            (
                ("model", subject.model),
                ("image", subject.image),
                ("site", str(before.site)),
                ("maps", "gradient"),
                ("channel", str(now.channel)),
                *zip(("row", "col"), centre(now.most.box).split(","), strict=True),
            ),
        ),
    )


def facts(after: FloatArray, slope_before: FloatArray, slope_after: FloatArray) -> Facts:
    """Of the activations (C, H, W) of a ReLU, and the gradients before and after it.

    Raises:
        NotSo: the gradient before a unit that is off is not zero, or that before one that is on is not passed on.
    """
    off = after == 0
    claim(bool(off.any()) and not slope_before[off].any(), "the gradient before a ReLU that is off is exactly zero")
    on = ~off & (after < 6)  # ReLU6 is off above, too
    claim(np.array_equal(slope_before[on], slope_after[on]), "a ReLU that is on passes the gradient on unchanged")
    shares = off.mean(axis=(1, 2))
    channel = int(np.abs(shares - 0.5).argmin())
    rows, columns = (size // 4 for size in after.shape[1:])
    box, _ = strongest_window(off[channel].astype(np.float64), rows, columns)
    inside = off[channel, box[0] : box[1] + 1, box[2] : box[3] + 1].mean()
    claim(inside == 1, "a sixteenth of one channel of a ReLU is off altogether")
    return Facts(float(off.mean()), channel, Region(box, float(inside)))
