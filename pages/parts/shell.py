"""What every page has: model, image and target in the sidebar, and under them where and how fast it was computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.captions import class_text, model_line, share_text, time_text
from gradviz_core.compute import client
from gradviz_core.errors import BadTarget, GradVizError, QuestionError
from gradviz_core.models import catalogue
from gradviz_core.types import ClassScore, ModelCard, ScoreScale, SurveyAnswer, SurveyQuestion
from pages.parts import address, asking, images, unseen
from pages.parts.words import plain

PREDICTED = "predicted"
_SCALES = {"logit": "Logit", "log_probability": "Log-probability", "probability": "Probability"}
_STYLE = f"""<style>
{unseen.STYLE}
[class*="st-key-progress"] {{ position: fixed; top: 0.55rem; right: 4.5rem; width: auto; z-index: 999990; }}
</style>"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the sidebar says: the model, the image, the class score, and the survey of that model on that image."""

    model: str
    image: str
    target: ClassScore
    survey: SurveyAnswer
    tools: DeltaGenerator
    """Room beside the page's title."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.survey.card.labels


@dataclass(frozen=True, slots=True)
class _Sidebar:
    """What the sidebar says before anything is computed, and room for what comes after."""

    model: str
    image: str
    card: DeltaGenerator
    target: DeltaGenerator
    foot: DeltaGenerator


@contextmanager
def around() -> Iterator[None]:
    """Draw the shell, then the page inside it, then the foot, which says what the page's last answer took."""
    st.html(_STYLE)
    body = st.container()
    unseen.make()
    address.fields()
    with st.sidebar:
        model = address.read("model", _first_model())
        _model_list(model)
        card = st.container(gap=None)
        image = address.read("image") or images.suited(model)
        images.pick(image, model)
        target, foot = st.container(), st.empty()
        st.session_state["sidebar"] = _Sidebar(model, image, card, target, foot)
    foot.caption(st.session_state.get("foot", "Starting …"))
    try:
        with body:
            yield
        address.settle()
    finally:
        foot.caption(_foot())


def begin(title: str, sentence: str) -> Choice:
    """The page's title, and what was chosen; where that cannot be answered, one sentence, and the page ends there."""
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title(title, anchor=False)
        tools = st.container(width="content")
    st.markdown(sentence)
    try:
        return _choice(cast(_Sidebar, st.session_state["sidebar"]), tools)
    except GradVizError as error:
        asking.say(error)
        address.settle()
        cast(_Sidebar, st.session_state["sidebar"]).foot.caption(_foot())
        st.stop()


def _choice(sidebar: _Sidebar, tools: DeltaGenerator) -> Choice:
    question = SurveyQuestion(model=sidebar.model, image=sidebar.image)
    survey = asking.ask(question, "Looking at the model and the image …")
    images.remember(sidebar.image, survey.pixels)
    with sidebar.card:
        _card(survey.card)
    with sidebar.target:
        return Choice(sidebar.model, sidebar.image, _target(survey), survey, tools)


# ---------------------------------------------------------------------------------------------------------------- model


def _first_model() -> str:
    return next(iter(card.key for card in catalogue.presets()), catalogue.torchvision_keys()[-1])


def _model_list(model: str) -> None:
    titles = {card.key: card.title for card in catalogue.presets()}
    keys = [*titles, *catalogue.torchvision_keys()]
    if model not in keys and _is_torchvision(model):
        keys.append(model)
    address.select("Model", "model", keys, model, lambda key: titles.get(key) or _torchvision_words(key))


def _is_torchvision(model: str) -> bool:
    kind, _, rest = model.partition("/")
    try:
        catalogue.split_torchvision(rest)
    except QuestionError:
        return False
    return kind == "torchvision"


def _torchvision_words(key: str) -> str:
    name, tag = catalogue.split_torchvision(key.partition("/")[2])
    return f"{name}, untrained, seed {tag.removeprefix('random-')}" if tag.startswith("random-") else f"{name}, {tag}"


def _card(card: ModelCard) -> None:
    st.caption(plain(model_line(card)))
    with st.popover("About this model", type="tertiary"):
        st.markdown(f"**{plain(card.title)}**  \n{plain(card.summary)}")
        for accuracy in card.accuracy:
            share = share_text(accuracy.value)
            st.markdown(f"{plain(share)} right on {accuracy.samples:,} images: {plain(accuracy.data)}")
        classes = ", ".join(card.labels[:20]) + (f" and {len(card.labels) - 20} more" if len(card.labels) > 20 else "")
        rows = {
            "Classes": classes,
            "Origin": card.provenance,
            "Licence": card.licence,
            "SHA-256 of the weights": card.digest,
        }
        for name, text in rows.items():
            if text:
                st.caption(f"**{name}**  \n{plain(text)}")


# --------------------------------------------------------------------------------------------------------------- target


def _target(survey: SurveyAnswer) -> ClassScore:
    labels, chosen = survey.card.labels, address.read("target", PREDICTED)
    words = {PREDICTED: "the predicted class"} | {str(i): class_text(i, labels) for i in range(len(labels))}
    address.select("Target", "target", list(words), chosen, words.__getitem__)
    scale = address.listed("Score", "scale", _SCALES)
    if chosen not in words:
        raise BadTarget(
            f"Class {chosen[:60]} does not exist: {survey.card.title} has classes 0 to {len(labels) - 1}. "
            "Choose one of them in the sidebar."
        )
    return ClassScore(None if chosen == PREDICTED else int(chosen), cast(ScoreScale, scale))


# ----------------------------------------------------------------------------------------------------------------- foot


def _foot() -> str:
    try:
        now = client.status()
    except GradVizError:
        return "The part that computes is starting."
    receipt = st.session_state.get("last_receipt")
    device = receipt.device if receipt else now.device
    last = [time_text(receipt.milliseconds)] if receipt else []
    words = [device.upper() or "starting", f"{now.workers} worker{'s' if now.workers != 1 else ''}", *last]
    text = st.session_state["foot"] = plain(" · ".join(words))
    return text
