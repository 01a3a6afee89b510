"""Choosing the number whose gradient is shown: a score of a class, or the sum of the output where there are none."""

from __future__ import annotations

from typing import cast

import streamlit as st

from gradviz_core.captions import class_text, shape_text
from gradviz_core.sites import in_words
from gradviz_core.types import ClassDifference, ClassScore, CrossEntropy, ScoreScale, SiteSum, SurveyAnswer
from pages.parts import address, sites
from pages.parts.words import plain

_DEFAULT = {"target": "predicted", "minus": "likeliest"}
Score = ClassScore | ClassDifference | CrossEntropy | SiteSum
"""What the sidebar offers: the sum of the output where the model has no classes."""
_SCALES = {"logit": "Logit", "log_probability": "Log-probability", "probability": "Probability"}


def choose(survey: SurveyAnswer) -> Score:
    """The score that is chosen.

    Raises:
        NoSuchChoice: the address names a class or a score that is not there.
    """
    outputs = sites.returned(survey.sites)
    row = sites.class_row(survey.sites)
    if row is not None and survey.prediction:
        return _class(survey, row.shape[1])
    words = ", ".join(f"{in_words(info.site)} {shape_text(info.shape)}" for info in outputs)
    st.caption(plain(f"No class scores: this model returns {words or 'nothing that can be differentiated'}."))
    if address.read("target"):
        raise address.NoSuchChoice(
            "This model has no classes, so no class can be the target. Open Neurons to choose a number of it.", "target"
        )
    return SiteSum(outputs[0].site) if outputs else ClassScore()


def point_to_neurons(survey: SurveyAnswer) -> None:
    """Say what to do about a model without class scores on a page that needs one."""
    outputs = sites.returned(survey.sites)
    shapes = " and ".join(f"{in_words(info.site)}, {shape_text(info.shape)}" for info in outputs) or "no real numbers"
    st.info(
        plain(
            f"This model returns no class scores but {shapes}. Any one of these numbers, such as one class at one "
            "pixel, has a gradient too: choose it on the Neurons page."
        ),
        icon=":material/info:",
    )
    st.page_link("pages/explore/neurons.py", label="Choose one of its numbers", icon=":material/arrow_forward:")


def _class(survey: SurveyAnswer, classes: int) -> ClassScore | ClassDifference | CrossEntropy:
    chosen = _one_class(survey, classes, "Target", "target", "the predicted class")
    kinds = _SCALES | ({"difference": "Logit minus another class"} if classes > 1 else {}) | {"loss": "Loss"}
    kind = address.listed("Score", "scale", kinds)
    match kind:
        case "loss":
            return CrossEntropy(survey.prediction[0].index if chosen is None else chosen)
        case "difference":
            return ClassDifference(chosen, _other(survey, classes, chosen))
        case _:
            return ClassScore(chosen, cast(ScoreScale, kind))


def _one_class(survey: SurveyAnswer, classes: int, label: str, name: str, default: str) -> int | None:
    """The class that is chosen from a list of all; None for the default."""
    chosen = address.read(name, _DEFAULT[name])
    words = {_DEFAULT[name]: default} | {str(i): class_text(i, survey.card.labels) for i in range(classes)}
    address.select(label, name, list(words), chosen, words.__getitem__)
    if chosen not in words:
        rule = f"{survey.card.title[:80]} has classes 0 to {classes - 1}"
        raise address.NoSuchChoice(
            f"Class {chosen[:60]} does not exist: {rule}. Choose one of them in the sidebar.", name
        )
    return None if chosen == _DEFAULT[name] else int(chosen)


def _other(survey: SurveyAnswer, classes: int, chosen: int | None) -> int:
    """The class whose logit is taken off; by default the likeliest but for the chosen one."""
    ranks = [likely.index for likely in survey.prediction]
    first = ranks[0] if chosen is None else chosen
    other = _one_class(survey, classes, "Minus", "minus", "the likeliest other class")
    if other == first:
        name = class_text(first, survey.card.labels)
        raise address.NoSuchChoice(f"{name} minus itself is always 0. Choose another class to take off.", "minus")
    return other if other is not None else next(index for index in ranks if index != first)
