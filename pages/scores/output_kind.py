"""Which output of a model a score is read from, and what its numbers mean: how that is known, and how to change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from gradviz_core.drawing import bars
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import shape_text
from gradviz_core.errors import BadTarget
from gradviz_core.types import OutputAnswer, SurveyAnswer
from gradviz_core.types.heads import Head, HeadForm, HeadInfo, KnownFrom, OutputKind
from pages.shell import address, widgets
from pages.shell.parameters import Parameter

PARAMETERS = (
    Parameter("head", within=("model",)),
    Parameter("reads", within=("head",)),
    Parameter("outrow", within=("head",)),
)
READINGS: dict[str, OutputKind] = {
    "softmax": "softmax_logits",
    "sigmoid": "sigmoid_logits",
    "probabilities": "probabilities",
    "log_probabilities": "log_probabilities",
    "numbers": "numbers",
}
"""By the value in the address."""
WORDS = {
    "softmax": "Softmax logits",
    "sigmoid": "Sigmoid logits",
    "probabilities": "Probabilities",
    "log_probabilities": "Log-probabilities",
    "numbers": "Plain numbers",
}
_MEANING: dict[OutputKind, str] = {
    "softmax_logits": "Exactly one class is correct.",
    "sigmoid_logits": "Each label is present or absent, independently of the others.",
    "probabilities": "Probabilities from 0 to 1, one for each class or label.",
    "log_probabilities": "Logarithms of probabilities.",
    "numbers": "A measurement, or an embedding.",
}
_KNOWN: dict[KnownFrom, str] = {
    "graph": "Taken from the last layer.",
    "recipe": "Stated when the model was uploaded.",
    "card": "From the model card.",
    "person": "Chosen here.",
    "guess": "Guessed from its shape and values: change it if this is wrong.",
}
_FORMS: tuple[HeadForm, ...] = ("row", "map", "boxes", "other")
_FORM_WORDS = {"map": "a map of classes", "boxes": "boxes"}


@dataclass(frozen=True, slots=True)
class Output:
    """The chosen output, and how a target refers to it."""

    info: HeadInfo
    """With the chosen kind."""
    head: Head
    boxes: OutputAnswer | None = None
    """Its strongest boxes, where it holds boxes."""

    @property
    def noun(self) -> str:
        """What one of its numbers belongs to: a class, a label, or the number itself."""
        return bars.noun(self.shown) if self.info.form == "row" or self.info.reading == "numbers" else "class"

    @property
    def shown(self) -> ShownAs:
        """What its numbers are shown as."""
        return bars.shown(self.info)


def choose(survey: SurveyAnswer) -> Output:
    """The output that scores are read from, if the model has several, and its row, if the output has several.

    Raises:
        BadTarget: the model returns nothing that can be differentiated.
        NoSuchChoice: the address names one that is not there, or a kind that does not exist.
    """
    heads = survey.heads
    if not heads:
        raise BadTarget(
            "This model returns no real numbers, so there is no score to differentiate. Open Neurons to choose a "
            "unit inside it."
        )
    info = _chosen(heads)
    item = None if info.item == default(heads).item else info.item
    row = _row(info)
    reading = _reading(info)
    chosen = replace(info, reading=reading, known_from=info.known_from if reading == info.reading else "person")
    return Output(chosen, Head(item, row, None if reading == info.reading else reading))


def default(heads: Sequence[HeadInfo]) -> HeadInfo:
    """A row of classes before maps, boxes and anything else; of several the one named ``logits``, else the first."""

    def rank(head: HeadInfo) -> tuple[int, bool, bool]:
        whole = len(head.shape) == 2 and head.shape[0] == 1
        return _FORMS.index(head.form), not whole, head.item.rpartition(".")[2] != "logits"

    return min(heads, key=rank)


def with_label_names(survey: SurveyAnswer, output: Output) -> SurveyAnswer:
    """The survey, with ``label 0``, ``label 1``, ... as names of labels that have none; otherwise they would be called
    classes."""
    if survey.card.labels or output.shown != "label_probabilities":
        return survey
    labels = tuple(f"label {i}" for i in range(output.info.classes))
    return replace(survey, card=replace(survey.card, labels=labels))


def control(output: Output) -> None:
    """The list of kinds, and one line on how the kind is known. Outputs of form ``other`` have neither."""
    if output.info.form == "other":
        return
    names = {reading: name for name, reading in READINGS.items()}
    widgets.select("Output kind", "reads", list(WORDS), names[output.info.reading], WORDS.__getitem__)
    st.caption(f"{_MEANING[output.info.reading]} {_KNOWN[output.info.known_from]}")


def field(reading: OutputKind | None, key: str) -> OutputKind | None:
    """A list of kinds for an uploaded model, ``reading`` at first; None detects the kind from the model."""
    named = {reading: name for name, reading in READINGS.items()}
    words = {"": "Detect from the model"} | {name: f"{WORDS[name]}. {_MEANING[READINGS[name]]}" for name in READINGS}
    first = list(words).index(named[reading] if reading else "")
    chosen = st.selectbox("Output kind", list(words), index=first, format_func=words.__getitem__, key=key)
    return READINGS.get(chosen)


def _reading(info: HeadInfo) -> OutputKind:
    text = address.read("reads")
    if not text:
        return info.reading
    if text in READINGS:
        return READINGS[text]
    listed = ", ".join(f"“{word}”" for word in WORDS.values())
    raise address.NoSuchChoice(
        f"Output kind cannot be {text[:60]!r}: it must be one of {listed}. Choose one of them.", "reads"
    )


def _chosen(heads: Sequence[HeadInfo]) -> HeadInfo:
    """The output chosen from a list, if there are several."""
    known = {head.item: head for head in heads}
    chosen = address.read("head", default(heads).item)
    if chosen not in known:
        listed = ", ".join(item or "the output" for item in known)
        rule = (
            f"it returns {listed[:300]}. Choose one of them" if len(known) > 1 else "it returns only one. Leave it out"
        )
        raise address.NoSuchChoice(f"This model returns no output {chosen[:60]!r}: {rule}.", "head")
    if len(heads) > 1:
        widgets.select("Output", "head", list(known), chosen, lambda item: _words(known[item]))
    return known[chosen]


def _words(info: HeadInfo) -> str:
    form = f", {_FORM_WORDS[info.form]}" if info.form in _FORM_WORDS else ""
    return plain_name(info) + f" · {shape_text(info.shape) or 'one number'}{form}"


def plain_name(info: HeadInfo) -> str:
    """The name of an output."""
    return info.item or "output"


def _row(info: HeadInfo) -> int | None:
    """Which of several rows; None if there is only one."""
    if info.form == "row" and len(info.shape) == 2 and info.shape[0] > 1:
        return widgets.counter("Row of the output", "outrow", info.shape[0], 0)
    if address.read("outrow"):
        raise address.NoSuchChoice("This output has only one row, so none can be chosen.", "outrow")
    return None
