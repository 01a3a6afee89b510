"""Choosing the score whose gradient is shown: the choices depend on the output and on the meaning of its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import streamlit as st

from gradviz_core.drawing import bars
from gradviz_core.drawing.captions import class_text
from gradviz_core.types import (
    BoxScore,
    ClassDifference,
    ClassProbability,
    ClassScore,
    CrossEntropy,
    RegionScore,
    ScoreScale,
    SurveyAnswer,
    Target,
)
from gradviz_core.types.heads import USUAL_HEAD, OutputKind
from gradviz_core.types.targets import KINDS
from pages.scores import boxes, elements, output_kind, regions
from pages.scores.output_kind import Output
from pages.shell import address, widgets
from pages.shell.asking import ask
from pages.shell.parameters import Parameter

PARAMETERS = (
    *output_kind.PARAMETERS,
    *elements.PARAMETERS,
    *regions.PARAMETERS,
    *boxes.PARAMETERS,
    Parameter("target", within=("head", *boxes.LAYOUT)),
    Parameter("scale", while_it_fits=("model", "head", "reads")),
    Parameter("minus", within=("head", "reads", "scale", *boxes.LAYOUT)),
    Parameter("direction", within=("head", "reads", "scale")),
)
"""All choices that make up a score."""
_DEFAULT = {"target": "predicted", "minus": "likeliest"}
_LOGIT, _LOG, _SHARE = "Logit", "Log-probability", "Probability"
_SCALES: dict[OutputKind, dict[str, str]] = {
    "softmax_logits": {"logit": _LOGIT, "log_probability": _LOG, "probability": _SHARE},
    "sigmoid_logits": {"logit": _LOGIT, "log_probability": _LOG, "probability": _SHARE},
    "probabilities": {"probability": _SHARE, "log_probability": _LOG},
    "log_probabilities": {"log_probability": _LOG, "probability": _SHARE},
    "numbers": {"logit": "The number itself"},
}
"""Scores of one class, the first by default. Scores that are the same for all inputs are left out."""
_PREDICTED = {"class": "the predicted class", "label": "the most likely label", "number": "the largest number"}
_NUMBERS, _LABELS = {"increase": "Increase", "decrease": "Decrease"}, {"increase": "For", "decrease": "Against"}


def choose(survey: SurveyAnswer, output: Output) -> tuple[Target, Output]:
    """The chosen score, and its output, completed with its boxes where they had to be found.

    Raises:
        NoSuchChoice: the address names a class or a score that is not there.
        GradVizError: as ``ask`` does, if boxes have to be found first.
    """
    match output.info.form:
        case "row":
            return _class(survey, output), output
        case "map":
            return _region(survey, output), output
        case "boxes":
            return _box(survey, output)
        case _:
            return elements.choose(output.info), output


def scales(output: Output) -> dict[str, str]:
    """The scores of one class."""
    if output.info.reading == "softmax_logits" and output.info.classes == 1:
        return {"logit": _LOGIT}  # its probability is 1 whatever the image is
    return _SCALES[output.info.reading]


def predicted(survey: SurveyAnswer, output: Output) -> tuple[ClassProbability, ...]:
    """What the chosen output predicts; empty if it is not a row of classes.

    Raises:
        GradVizError: as ``ask`` does.
    """
    if output.info.form != "row":
        return ()
    if output.head == USUAL_HEAD and survey.prediction:
        return survey.prediction
    head = replace(output.head, reading=output.info.reading)  # if it fails, the error says why
    return ask(replace(survey.question, head=head), "Running the model …").prediction


def _first(output: Output) -> ScoreScale:
    return cast(ScoreScale, next(iter(scales(output))))


def _class(survey: SurveyAnswer, output: Output) -> Target:
    chosen = _index(survey, output, _PREDICTED[output.noun])
    offered = {kind.choice[0]: kind for kind in KINDS if kind.choice}
    scale = _scale(
        output, _of_several_classes(output) | {kind.choice[0]: kind.choice[1] for kind in KINDS if kind.choice}
    )
    if scale in ("loss", "difference", *offered):
        widgets.only("Direction", "direction", {"increase": _NUMBERS["increase"]})
    if scale in offered:
        return offered[scale].of_class(chosen, output.head)
    match scale:
        case "loss":
            return CrossEntropy(predicted(survey, output)[0].index if chosen is None else chosen, output.head)
        case "difference":
            return ClassDifference(chosen, _other(survey, output, chosen), output.head)
        case _:
            return ClassScore(chosen, cast(ScoreScale, scale), output.head, _against(output))


def _of_several_classes(output: Output) -> dict[str, str]:
    """Scores that involve several classes."""
    if output.info.classes == 1:
        return {}
    noun = output.noun
    first = "Number" if output.info.reading == "numbers" else scales(output)[_first(output)]
    loss = {"loss": "Loss"} if output.info.reading != "numbers" else {}
    return {"difference": f"{first} minus another {noun}"} | loss


def _region(survey: SurveyAnswer, output: Output) -> RegionScore:
    *_, height, width = output.info.shape
    chosen = _index(survey, output, f"the {output.noun} predicted most often")
    region = regions.choose(height, width, masked=output.info.reading != "numbers")
    scale = cast(ScoreScale, _scale(output, {}))
    return RegionScore(chosen, region, regions.reduction_over(region), scale, output.head)


def _box(survey: SurveyAnswer, output: Output) -> tuple[Target, Output]:
    controls = st.container()
    asked = boxes.question(survey, output)
    if asked is None:
        with controls:
            return elements.choose(output.info), replace(output, info=replace(output.info, form="other"))
    found = boxes.strongest(asked)
    output = Output(found.head, output.head, found)
    with controls:
        box = boxes.choose(found, survey.card.labels)
        chosen = _index(survey, output, _PREDICTED[output.noun])
        scale = cast(ScoreScale, _scale(output, {}))
        reduction = regions.choose_reduction(several=box is None)
    return BoxScore(chosen, box, asked.skip, asked.boxes_last, reduction, scale, output.head), output


def _scale(output: Output, more: dict[str, str]) -> str:
    """The chosen score; no control is drawn if there is only one."""
    words = scales(output) | more
    return widgets.listed("Score", "scale", words) if len(words) > 1 else widgets.only("Score", "scale", words)


def _against(output: Output) -> bool:
    """Whether the evidence against the score is shown. For several classes of a softmax there is no such choice: the
    difference of two classes says more."""
    words = _NUMBERS if output.info.reading == "numbers" else _LABELS
    if output.info.classes > 1 and output.noun == "class":
        words = {"increase": words["increase"]}
        return widgets.only("Direction", "direction", words) == "decrease"
    return widgets.option("Direction", "direction", words) == "decrease"


def _index(survey: SurveyAnswer, output: Output, default: str) -> int | None:
    """The target class; no list is drawn if there is only one class."""
    if output.info.classes > 1:
        return _one_class(survey, output, "Target", "target", default)
    text = address.read("target", "0")
    if text not in ("0", _DEFAULT["target"]):
        raise address.NoSuchChoice(
            f"There is no {output.noun} {text[:60]!r}: this output has only {output.noun} 0.", "target"
        )
    return None


def _one_class(survey: SurveyAnswer, output: Output, label: str, name: str, default: str) -> int | None:
    """The class chosen from a list of all; None for the default."""
    chosen, count, noun = address.read(name, _DEFAULT[name]), output.info.classes, output.noun
    words = {_DEFAULT[name]: default} | {str(i): class_text(i, survey.card.labels, noun) for i in range(count)}
    widgets.select(label, name, list(words), chosen, words.__getitem__)
    if chosen not in words:
        rule = f"{survey.card.title[:80]} has {bars.plural(noun)} 0 to {count - 1}"
        raise address.NoSuchChoice(
            f"{noun.capitalize()} {chosen[:60]} does not exist: {rule}. Choose one of them in the sidebar.", name
        )
    return None if chosen == _DEFAULT[name] else int(chosen)


def _other(survey: SurveyAnswer, output: Output, chosen: int | None) -> int:
    """The class whose score is subtracted; by default the most likely one other than the chosen one."""
    ranks = [likely.index for likely in predicted(survey, output)]
    first = ranks[0] if chosen is None else chosen
    noun = output.noun
    default = "the largest other number" if noun == "number" else f"the most likely other {noun}"
    other = _one_class(survey, output, "Minus", "minus", default)
    if other == first:
        name = class_text(first, survey.card.labels, noun)
        raise address.NoSuchChoice(f"{name} minus itself is always 0. Choose another {noun} to subtract.", "minus")
    return other if other is not None else next(index for index in ranks if index != first)
