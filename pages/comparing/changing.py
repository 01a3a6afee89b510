"""What one thing on Compare is, and the controls that change it. They are drawn once somebody opens them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing.captions import class_text, site_text
from gradviz_core.text.target_text import PREDICTED
from gradviz_core.types import INPUT, SurveyAnswer
from gradviz_core.types.methods import METHODS, card_of
from pages.comparing import slots
from pages.comparing.questions import Asked, layer
from pages.comparing.slots import AT_LAYER, Texts
from pages.methods import naming
from pages.scores import output_kind
from pages.shell import address, controls, widgets
from pages.uploads import images, models

SIDEBAR = "As in the sidebar"
_SCALES = {"logit": "Logit", "log_probability": "Log-probability", "probability": "Probability"}


def button(slot: int, letter: str, there: SurveyAnswer | None, asked: Asked | None) -> None:
    """The button that opens the controls. ``there`` is what is known of its model, ``asked`` its question, as far as
    they are good."""
    popover = st.popover(
        "Change", key=f"change_{slot}", on_change="rerun", type="tertiary", help=f"Change map {letter}"
    )
    if not popover.open:
        return
    texts = slots.chosen()[slot]
    with popover:
        _method(slot, texts, there)
        if there is not None and texts.is_of_layer:
            _layer(slot, texts, there)
        if asked is not None:
            options = card_of(asked.question.method).options
            controls.draw_applying(slots.name(slot, "options"), options, naming.names_of(asked.survey))
        if there is not None:
            _score(slot, texts, there, asked)
        _model(slot, texts)
        _image(slot, texts, texts.model or address.read("model"))


def _method(slot: int, texts: Texts, there: SurveyAnswer | None) -> None:
    words = slots.offered("input")
    if there is not None and not there.attends:
        words = {name: words[name] for name in words if METHODS[name].where != "attention" or name == texts.method}
    words |= {f"{AT_LAYER}{name}": f"{card}, at a layer" for name, card in slots.offered("layer").items()}
    widgets.select("Method", slots.name(slot), list(words), texts.method, words.__getitem__)


def _layer(slot: int, texts: Texts, there: SurveyAnswer) -> None:
    known = {str(info.site): info for info in there.sites if info.site != INPUT}
    chosen = str(layer(slot, texts, there).site)
    listed = [name for name, info in known.items() if info.same_as is None or name == chosen]
    name = slots.name(slot, "layer")
    widgets.select("Layer output", name, listed, chosen, lambda one: site_text(known[one]))


def _score(slot: int, texts: Texts, there: SurveyAnswer, asked: Asked | None) -> None:
    labels, own = there.card.labels, texts.target
    words = {"": SIDEBAR, PREDICTED: "the predicted class", **_classes(there, labels)}
    if own and own not in words and asked is not None:
        words[own] = asked.question.target.words(labels)
    widgets.select("Target", slots.name(slot, "target"), list(words), own, words.__getitem__)
    if own == PREDICTED or own.isdigit():
        widgets.option("Score", slots.name(slot, "scale"), _SCALES)


def _classes(there: SurveyAnswer, labels: Sequence[str]) -> dict[str, str]:
    """The classes of a model whose usual output is a row of them."""
    head = output_kind.default(there.heads) if there.heads else None
    count = head.classes if head is not None and head.form == "row" else 0
    return {str(index): class_text(index, labels) for index in range(count)}


def _model(slot: int, texts: Texts) -> None:
    words = {"": SIDEBAR, **models.offered(texts.model)}
    _from_list(slot, "model", words, texts.model)


def _image(slot: int, texts: Texts, model: str) -> None:
    _from_list(slot, "image", {"": SIDEBAR, **images.every(model)}, texts.image)


def _from_list(slot: int, part: str, words: dict[str, str], chosen: str) -> None:
    name = slots.name(slot, part)
    widgets.select(part.capitalize(), name, list(words), chosen, words.__getitem__)
    if chosen not in words:
        raise address.NoSuchChoice(f"There is no {part} {chosen[:60]!r}. Choose one from the list.", name)
