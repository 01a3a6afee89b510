"""What is left of a map where the model's weights are shuffled, layer by layer from the top: the published verdicts.

Median over the images of the rank correlation of the maps with sign, and of their magnitudes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.models import catalogue

METHODS = ("gradient", "grad_cam", "guided_backprop", "guided_grad_cam")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of all layers, from the top; at least the last one."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, the kind of its images, and the layer of which Grad-CAM is taken: the last with rows and columns."""

    model: str
    group: str
    layer: str


SUBJECTS = (
    Subject("preset/efficientnet-lite0", "photos", "head.relu6"),
    Subject("preset/shapes-resnet", "shapes", "layer3.0.relu:1"),
    Subject("preset/shapes-cnn", "shapes", "features.17"),
)


def rows(rounds: int) -> Iterator[str]:
    """A line for each model, method and share of layers; ``rounds`` changes nothing."""
    for subject in SUBJECTS:
        answerer = Answerer("cpu")
        images = [card.key for card in catalogue.sample_images() if card.group == subject.group]
        for method in METHODS:
            kept = [[_kept(answerer, subject, method, image, share) for image in images] for share in SHARES]
            found = np.nanmedian(np.array(kept), axis=1)
            signed, magnitude = ("  ".join(f"{value:5.2f}" for value in column) for column in found.T)
            yield f"{subject.model:26} {method:16} signed {signed}   magnitudes {magnitude}   {len(images)} images"


def _kept(answerer: Answerer, subject: Subject, method: str, image: str, share: float) -> tuple[float, float]:
    def ask(layer: int) -> gv.RandomisedAnswer:
        return answerer.answer(
            gv.RandomisedQuestion(
                model=subject.model,
                image=image,
                method=method,
                options=(("layer", subject.layer),) if method == "guided_grad_cam" else (),
                wrt=gv.Site.parse(subject.layer) if method == "grad_cam" else gv.INPUT,
                layer=layer,
            )
        )

    answer = ask(max(1, round(share * len(ask(0).layers))))
    return answer.spearman, answer.spearman_absolute
