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
    """The input gradient in one view, ready to draw."""
    unit = captions.gradient_unit(answer.target, INPUT)
    return fields.reduced(answer.gradients[INPUT], view, unit=unit)


def saliency_caption(answer: GradientAnswer, known: ModelCard, field: Field, view: str = "signed_sum") -> Caption:
    """What a picture of the input gradient shows."""
    shape = answer.gradients[INPUT].shape
    return captions.saliency(answer.target, known.labels, method="gradient", reduction=view, field=field, shape=shape)


def saliency_page(subject: Subject, *choices: tuple[str, str]) -> Explore:
    """Input saliency at the same question."""
    return Explore("saliency", (("model", subject.model), ("image", subject.image), *choices))


def number(value: float, digits: int = 3) -> str:
    """A number in a formula: ``12.8``."""
    return captions.number_text(value, digits).replace("\N{MINUS SIGN}", "-")


def sure(first: ClassProbability) -> str:
    """``espresso (93.6 %)``."""
    share = "" if first.probability is None else f" ({captions.share_text(first.probability)})"
    return f"{first.label}{share}"
