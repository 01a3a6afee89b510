"""Choosing a model from the list, and what is known of it."""

from __future__ import annotations

from functools import cache

import streamlit as st

from gradviz_core.drawing.captions import share_text
from gradviz_core.drawing.model_line import model_line
from gradviz_core.errors import QuestionError
from gradviz_core.models import catalogue
from gradviz_core.types import ModelCard, keys
from pages.shell import address, weights_here, widgets
from pages.shell.parameters import Parameter, Unsaid
from pages.shell.words import plain
from pages.uploads import preprocessing, uploaded

PARAMETERS = (Parameter("model"),)


PHOTOS, SHAPES = keys.preset("efficientnet-lite0"), keys.preset("shapes-cnn")


def first() -> str:
    """Key of the model that is shown first: the one for photos, if its weights are there."""
    return SHAPES if _missing() else PHOTOS


def unsaid() -> Unsaid:
    """What an address without a model means. Those with any other choice always meant the shapes."""
    return Unsaid("model", nothing=first(), something=SHAPES)


@cache
def _missing() -> str:
    return catalogue.why_missing(catalogue.preset(keys.name(PHOTOS)))


def pick(model: str) -> None:
    """The list: this session's uploads, the presets, torchvision's; and the model in the address."""
    known = offered(model)
    widgets.select("Model", "model", list(known), model, known.__getitem__)
    if model == SHAPES and _missing():
        st.caption(plain(_missing()))


def offered(model: str) -> dict[str, str]:
    """The keys of the list, and what each is called; ``model`` among them where there may be such a model."""
    uploaded.look_up(model)
    known = [*uploaded.models(), *_titles(), *catalogue.torchvision_keys(), *catalogue.timm_keys()]
    if model not in known and (
        _is_torchvision(model) or _is_timm(model) or _is_untrained(model) or uploaded.is_key(model)
    ):
        known.insert(0, model)
    absent = weights_here.absent()
    return {key: words(key) + (" (not on this machine)" if key in absent else "") for key in known}


def _titles() -> dict[str, str]:
    return {card.key: card.title for card in catalogue.presets()}


def words(key: str) -> str:
    """What a model is called in the list; its key where there can be no such model."""
    if uploaded.is_key(key):
        return uploaded.words(key)
    if _is_untrained(key):
        return catalogue.untrained(*_untrained(key)).title
    if _is_timm(key):
        name, tag = catalogue.split_timm(keys.name(key))
        return _seeded_words(f"{name} (timm)", tag)
    return _titles().get(key) or (_torchvision_words(key) if _is_torchvision(key) else key)


def _is_untrained(model: str) -> bool:
    """Whether a key names a preset's architecture with random weights."""
    preset, weights = keys.split_weights(model)
    return preset in _titles() and keys.seed(weights) is not None


def _untrained(key: str) -> tuple[ModelCard, int]:
    preset, weights = keys.split_weights(key)
    seed = keys.seed(weights)
    assert seed is not None
    return catalogue.preset(keys.name(preset)), seed


def _is_torchvision(model: str) -> bool:
    kind, name = keys.split(model)
    try:
        catalogue.split_torchvision(name)
    except QuestionError:
        return False
    return kind == keys.TORCHVISION


def _is_timm(model: str) -> bool:
    kind, name = keys.split(model)
    try:
        return kind == keys.TIMM and bool(catalogue.split_timm(name))
    except QuestionError:
        return False


def _torchvision_words(key: str) -> str:
    return _seeded_words(*catalogue.split_torchvision(keys.name(key)))


def _seeded_words(name: str, tag: str) -> str:
    seed = keys.seed(tag)
    return f"{name}, {tag}" if seed is None else f"{name}, untrained, seed {seed}"


def link_to_saliency() -> None:
    """A way to the uploaded model that is chosen, from a page that shows no model."""
    model = address.read("model")
    if uploaded.is_key(model):
        st.page_link(
            "pages/explore/saliency.py", label=plain(f"See {uploaded.words(model)}"), icon=":material/arrow_forward:"
        )


def unasked(model: str) -> None:
    """What is known of a model on a page whose image it cannot be asked about."""
    if steps := uploaded.preprocessing(model):
        size, *_ = preprocessing.facts(steps)
        st.caption(plain(f"input {size}"))
    elif found := next((card for card in catalogue.presets() if card.key == model), None):
        card(found)


def _preparing(card: ModelCard) -> dict[str, str]:
    """How an image becomes each input."""
    steps = {"Preprocessing": card.preprocessing}
    if card.other is not None:
        both = (card.other, card.preprocessing) if card.looked_at else (card.preprocessing, card.other)
        steps = {f"Preprocessing of {plain(name)}": one for name, one in zip(card.inputs, both, strict=True)}
    return {words: " · ".join(preprocessing.facts(one)) for words, one in steps.items()}


def card(card: ModelCard) -> None:
    """One line, and the rest behind a button."""
    st.caption(plain(model_line(card)))
    with st.popover("About this model", type="tertiary"):
        st.markdown(f"**{plain(card.title)}**  \n{plain(card.summary)}")
        for accuracy in card.accuracy:
            share = share_text(accuracy.value)
            st.markdown(f"Accuracy {plain(share)} on {accuracy.samples:,} images: {plain(accuracy.data)}")
        more = f" and {len(card.names) - 20} more" if len(card.names) > 20 else ""
        classes = ", ".join(card.names[:20]) + more
        rows = {
            "Classes": classes,
            "Origin": card.provenance,
            "Licence": card.licence,
            **_preparing(card),
            "SHA-256 of the file" if uploaded.is_key(card.key) else "SHA-256 of the weights": card.digest,
        }
        for name, text in rows.items():
            if text:
                st.caption(f"**{name}**  \n{plain(text)}")
        report = uploaded.reports().get(card.digest)
        for note in report.notes if report is not None else ():
            st.caption(plain(note))
