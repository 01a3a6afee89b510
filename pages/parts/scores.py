"""Choosing the number whose gradient is shown: a class score, or the sum of the output where there are no classes."""

from __future__ import annotations

from typing import cast

import streamlit as st

from gradviz_core.captions import class_text, shape_text
from gradviz_core.sites import in_words
from gradviz_core.types import ClassScore, ScoreScale, SiteSum, SurveyAnswer
from pages.parts import address, complaints, sites
from pages.parts.words import plain

PREDICTED = "predicted"
_SCALES = {"logit": "Logit", "log_probability": "Log-probability", "probability": "Probability"}


def choose(survey: SurveyAnswer) -> ClassScore | SiteSum:
    """The score that is chosen. The default where the address names one that is not there, which is said."""
    outputs = sites.returned(survey.sites)
    row = sites.class_row(survey.sites)
    if row is not None and survey.prediction:
        return _class(survey, row.shape[1])
    words = ", ".join(f"{in_words(info.site)} {shape_text(info.shape)}" for info in outputs)
    st.caption(plain(f"No class scores: this model returns {words or 'nothing that can be differentiated'}."))
    if address.read("target"):
        complaints.add(
            "This model has no classes, so no class can be the target. Open Neurons to choose a number of it."
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


def _class(survey: SurveyAnswer, classes: int) -> ClassScore:
    labels, chosen = survey.card.labels, address.read("target", PREDICTED)
    words = {PREDICTED: "the predicted class"} | {str(i): class_text(i, labels) for i in range(classes)}
    address.select("Target", "target", list(words), chosen, words.__getitem__)
    scale = address.listed("Score", "scale", _SCALES)
    if chosen not in words:
        complaints.add(
            f"Class {chosen[:60]} does not exist: {survey.card.title[:80]} has classes 0 to {classes - 1}. "
            "Choose one of them in the sidebar."
        )
        chosen = PREDICTED
    return ClassScore(None if chosen == PREDICTED else int(chosen), cast(ScoreScale, scale))
