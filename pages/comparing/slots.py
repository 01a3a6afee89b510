"""The things that stand side by side on Compare, as the address has them.

``map1`` to ``map6`` are methods: ``smoothgrad`` at the input, ``layer.grad_cam`` at a layer output. What belongs to one
stands under its number: ``map2_options``, ``map2_layer``, ``map2_model``, ``map2_image``, ``map2_target`` and
``map2_scale``. Whatever is left out is that of the sidebar. Where nothing is said of the first three they are
``FIRST``, and ``none`` leaves one of them out; there are no others unless they are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from gradviz_core.drawing.compared_words import name_at_layer
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.errors import QuestionError, UnknownSite
from gradviz_core.text import target_text
from gradviz_core.types import SurveyAnswer, Target, layouts
from gradviz_core.types.methods import METHODS, PLAIN
from pages.methods import layer_maps
from pages.shell import address
from pages.shell.parameters import Parameter

MOST, LEAST = 6, 1
FIRST = ("gradient", "smoothgrad", "layer.grad_cam")
"""What is compared where nothing is chosen. It never changes: links may leave it out."""
OF_LAYERS_TOO = (PLAIN, "gradient_x_input")
"""Of the methods that are defined anywhere, those that Layers shows: gradient, and activation × gradient."""
ADDED = (*FIRST, "integrated_gradients", "gradient_x_input", "vargrad", "smoothgrad_squared")
"""What is added, the first that is not there yet. Without the one at a layer output they are six, as many as fit."""
NONE, AT_LAYER = "none", "layer."
SLOTS = range(1, MOST + 1)


@dataclass(frozen=True, slots=True)
class Texts:
    """One of them, as it stands in the address; empty is the usual, or what the sidebar says."""

    method: str = ""
    options: str = ""
    layer: str = ""
    model: str = ""
    image: str = ""
    target: str = ""
    scale: str = ""

    @property
    def name(self) -> str:
        """The name of the method."""
        return self.method.removeprefix(AT_LAYER)

    @property
    def is_of_layer(self) -> bool:
        """Whether it is of a layer output."""
        return self.method.startswith(AT_LAYER)


NOTHING = Texts()
PARTS = tuple(field.name for field in fields(Texts))


def name(slot: int, part: str = "method") -> str:
    """The name of one choice in the address."""
    return f"map{slot}" if part == "method" else f"map{slot}_{part}"


def _declared(slot: int) -> tuple[Parameter, ...]:
    of_model = ("model", name(slot, "model"))
    depends = {"layer": of_model, "target": of_model}
    return tuple(
        Parameter(
            name(slot, part),
            within=(name(slot),) if part == "options" else (),
            while_it_fits=depends.get(part, ()),
        )
        for part in PARTS
    )


PARAMETERS = tuple(parameter for slot in SLOTS for parameter in _declared(slot))


def usual(slot: int) -> str:
    """The method of a slot of which nothing is said."""
    return FIRST[slot - 1] if slot <= len(FIRST) else NONE


def is_said() -> bool:
    """Whether anything is said of any of them."""
    return any(address.kept([parameter.name for parameter in PARAMETERS]).values())


def chosen(survey: SurveyAnswer | None = None) -> dict[int, Texts]:
    """All that there are, by slot, in their order. Of a model without a layer output over the image, as its ``survey``
    says, none is at a layer unless it is said."""
    said = address.kept([name(slot, part) for slot in SLOTS for part in PARTS])
    found = {slot: Texts(*(said[name(slot, part)] for part in PARTS)) for slot in SLOTS}
    without_layers = survey is not None and not _has_a_layer(survey)
    left = [slot for slot, each in found.items() if without_layers and not each.method and AT_LAYER in usual(slot)]
    found = {slot: replace(each, method=each.method or usual(slot)) for slot, each in found.items()}
    return {slot: each for slot, each in found.items() if each.method != NONE and slot not in left}


def added(items: Sequence[Texts], survey: SurveyAnswer) -> Texts:
    """The one that comes next: a method that none of these has, of the model, image and score of the last."""
    without_layers = not _has_a_layer(survey)
    there = {each.method for each in items}
    free = (one for one in ADDED if one not in there and not (without_layers and one.startswith(AT_LAYER)))
    last = items[-1] if items else NOTHING
    return replace(last, method=next(free), options="", layer="")


def _has_a_layer(survey: SurveyAnswer) -> bool:
    """Whether the layer output that is taken where none is named lies over the image."""
    try:
        chosen = layer_maps.usual(survey.sites, size := seen(survey.arrays).size)
    except UnknownSite:
        return False
    info = next(info for info in survey.sites if str(info.site) == chosen)
    return layouts.over_image(layouts.places(info), layouts.channel_axis(info), size) is not None


def written(items: Sequence[Texts]) -> dict[str, str]:
    """The choices that make these the things compared, in this order."""
    every = [*items, *[Texts(NONE)] * (MOST - len(items))]
    found: dict[str, str] = {}
    for slot, each in zip(SLOTS, every, strict=True):
        method = "" if each.method == usual(slot) else each.method
        found |= {name(slot, part): getattr(replace(each, method=method), part) for part in PARTS}
    return found


def take(items: Sequence[Texts]) -> None:
    """Compare these. Only from a callback."""
    address.write(written(items))


# -------------------------------------------------------------------------------------------------- one of them, read


def method(texts: Texts, slot: int) -> str:
    """The name of its method.

    Raises:
        NoSuchChoice: there is no such method there.
    """
    place = "layer" if texts.is_of_layer else "input"
    if texts.name not in offered(place):
        where = "at a layer output" if texts.is_of_layer else "at the input"
        raise address.NoSuchChoice(
            f"There is no method {texts.method[:60]!r} {where}. Choose another under “Change”.", name(slot)
        )
    return texts.name


def offered(place: str) -> dict[str, str]:
    """The methods at the input, those over the attention of all layers included, or at a ``layer`` output, as Layers
    has them: the name of each."""
    if place == "layer":
        known = (name for name, card in METHODS.items() if card.where == "layer" or name in OF_LAYERS_TOO)
        return {name: name_at_layer(name) for name in known}
    return {name: card.name for name, card in METHODS.items() if card.where in ("anywhere", "input", "attention")}


def target(texts: Texts, slot: int, sidebar: Target) -> Target:
    """Its score: its own, or that of the sidebar.

    Raises:
        NoSuchChoice: there is no such score.
    """
    if not texts.target:
        return sidebar
    said = f"{texts.target}.{texts.scale}" if texts.scale and not texts.target.startswith("{") else texts.target
    try:
        return target_text.from_text(said)
    except QuestionError as error:
        raise address.NoSuchChoice(str(error), name(slot, "target")) from error


def target_texts(target: Target) -> Mapping[str, str]:
    """The same score as ``target`` and ``scale`` of an item."""
    text = target_text.to_text(target)
    if text.startswith("{"):
        return {"target": text, "scale": ""}
    index, _, scale = text.partition(".")
    return {"target": index, "scale": scale}
