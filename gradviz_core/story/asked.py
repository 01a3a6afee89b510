"""What several views ask and say."""

from __future__ import annotations

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.captions import Caption
from gradviz_core.story.told import Ask, Explore, Subject
from gradviz_core.types import (
    INPUT,
    ClassProbability,
    Field,
    GradientAnswer,
    GradientQuestion,
    ModelCard,
    SurveyAnswer,
    SurveyQuestion,
)


def gradient(ask: Ask, subject: Subject) -> GradientAnswer:
    """How the predicted class's logit changes with each pixel."""
    return ask(GradientQuestion(model=subject.model, image=subject.image))


def card(ask: Ask, subject: Subject) -> ModelCard:
    """The card of the model."""
    return survey(ask, subject).card


def survey(ask: Ask, subject: Subject) -> SurveyAnswer:
    """The layer outputs of the model on the image."""
    return ask(SurveyQuestion(model=subject.model, image=subject.image))


def saliency_field(answer: GradientAnswer, view: str = "signed_sum") -> Field:
    """What the method makes of the input gradient, in one view, ready to draw."""
    unit = captions.gradient_unit(answer.target, INPUT, answer.question.method, answer.question.options)
    return fields.reduced(answer.attributions[INPUT], view, unit=unit)


def saliency_caption(answer: GradientAnswer, known: ModelCard, field: Field, view: str = "signed_sum") -> Caption:
    """What a picture of it shows."""
    return captions.saliency(
        answer.target,
        known.labels,
        method=answer.question.method,
        reduction=view,
        field=field,
        shape=answer.attributions[INPUT].shape,
        options=answer.question.options,
    )


def saliency_page(subject: Subject, *choices: tuple[str, str]) -> Explore:
    """Input saliency at the same question."""
    return Explore("saliency", (("model", subject.model), ("image", subject.image), *choices))


def method_page(question: GradientQuestion) -> Explore:
    """Input saliency with the method of this question, and its options."""
    said = ((name, f"{value:g}" if isinstance(value, float) else value) for name, value in question.options)
    options = ",".join(f"{name}={text}" for name, text in said)
    return saliency_page(Subject(question.model, question.image), ("method", question.method), ("options", options))


def number(value: float, digits: int = 3) -> str:
    """A number in a formula: ``12.8``."""
    return captions.number_text(value, digits).replace("\N{MINUS SIGN}", "-")


def sure(first: ClassProbability) -> str:
    """``espresso (93.6 %)``."""
    share = "" if first.probability is None else f" ({captions.share_text(first.probability)})"
    return f"{first.label}{share}"
