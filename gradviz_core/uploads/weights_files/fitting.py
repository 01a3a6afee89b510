"""Which architectures a file's tensors fit, told from names, shapes and dtypes alone: nothing is allocated or built."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from gradviz_core.errors import BadModel
from gradviz_core.models import (
    catalogue,
    timm_shapes,
    torchvision_models,
    torchvision_shapes,
)
from gradviz_core.models.torchvision_shapes import CLASSES
from gradviz_core.types import keys
from gradviz_core.types.cards import Fit, Preprocessing
from gradviz_core.uploads import next_steps
from gradviz_core.uploads.weights_files import dialects, first_layers, heads, leftovers, plans, twins
from gradviz_core.uploads.weights_files.heads import Head
from gradviz_core.uploads.weights_files.tensors import Loadable, shape_text

MOST_FITS = 5
MOST_OF_TIMM = 8
MOST_SHOWN = 10
MOST_COMPARED = 12
"""Architectures that a file is compared with tensor by tensor: those with the most names in common."""

SMALL_IMAGES = Preprocessing((32, 32), None, (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616))
"""CIFAR-10 as it is usually normalised."""
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\..*)")
_EXPORT = f"Put them into your own model. {next_steps.EXPORT}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file's tensors against one architecture with the file's number of classes."""

    architecture: str
    classes: int
    image_size: int | None
    matching: int
    differences: tuple[str, ...]
    """What is missing, left over or different, each in a few words."""
    head: Head | None = None
    """The head that the file has in the place of the architecture's own."""
    unused: tuple[str, ...] = ()
    """Names of tensors that belong to no layer."""
    channels: int = 3
    """Of the image that its first layer takes."""


def fits(tensors: Mapping[str, Loadable], part: str = "", wrappers: Sequence[str] = ()) -> tuple[Fit, ...]:
    """The five architectures that the tensors fit best, best first; none where no tensor fits any. ``part`` is the name
    of these weights in their file, and ``wrappers`` what was taken off the names there."""
    ranked = [found for found in _ranked(tensors) if found.matching][:MOST_FITS]
    small = (
        [compare(one, tensors) for one in first_layers.small_stems(ranked[0].architecture, tensors)] if ranked else []
    )
    whole = [found for found in (*small, *ranked) if not found.differences]
    ranked = [*small, *ranked]
    found = (*whole, *(one for one in _of_timm(tensors, wrappers) if not one.differences), *ranked[len(whole) :])
    worth = (*found[:1], *(one for one in found[1:] if one.matching >= len(one.differences)))
    of_timm = _names_of_timm(tensors, wrappers) if dialects.to_torchvision(tensors).library else ()
    return tuple(
        _fit(one, part, None if one.differences else twins.proposed(one.architecture, of_timm)) for one in worth
    )


def _of_timm(tensors: Mapping[str, Loadable], wrappers: Sequence[str]) -> list[Comparison]:
    """Those of timm that have these tensors, where timm is there to build them."""
    if not timm_shapes.is_installed():
        return []
    return [compare(keys.timm(name), tensors) for name in _names_of_timm(tensors, wrappers)]


def _names_of_timm(tensors: Mapping[str, Loadable], wrappers: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in timm of architectures that have these tensors, whether it is there or not. Those of a DeiT come
    first where Hugging Face's names said that it is one: the rest of them are those of a ViT."""
    shapes = {name: one.shape for name, one in prepared(keys.timm(""), tensors).items()}
    found = timm_shapes.with_these(shapes)
    if dialects.is_padded_unevenly(tensors):
        found = tuple(name for name in found if name.startswith("tf_"))
    if "deit." in wrappers:
        found = tuple(sorted(found, key=lambda name: not name.startswith("deit")))
    return found[:MOST_OF_TIMM]


def compare(architecture: str, tensors: Mapping[str, Loadable]) -> Comparison:
    """The tensors against the architecture called ``torchvision/<name>`` or ``preset/<name>``.

    Raises:
        BadModel: there is no such architecture.
    """
    has = prepared(architecture, tensors)
    shapes = {name: tensor.shape for name, tensor in has.items()}
    if keys.kind(architecture) == keys.TIMM:
        needs = plans.of_timm(keys.name(architecture), has)
        image_size = timm_shapes.image_side(keys.name(architecture), shapes)
    else:
        image_size = torchvision_shapes.image_side(keys.name(architecture), shapes)
        needs = plans.plan(architecture, image_size)
    channels = first_layers.channels(needs.shapes, has)
    needs = replace(needs, shapes=first_layers.for_channels(needs.shapes, channels))
    head = heads.find(needs.shapes, CLASSES, has) if keys.kind(architecture) != keys.PRESET else None
    wanted = _wanted(needs, head, has)
    differences: list[str] = []
    for name, shape in wanted.items():
        if name not in has:
            differences.append(f"{name!r} is missing")
        elif has[name].shape != shape:
            differences.append(f"{name!r} is {shape_text(has[name].shape)} instead of {shape_text(shape)}")
        elif has[name].dtype.is_floating_point != (name not in needs.whole):
            kind = "whole" if name in needs.whole else "floating-point"
            dtype = str(has[name].dtype).removeprefix("torch.")
            differences.append(f"{name!r} holds {dtype} instead of {kind} numbers")
    matching = len(wanted) - len(differences)
    unused = leftovers.belong_to_no_layer(has, wanted)
    left_out = frozenset(unused)
    differences += [f"{name[:80]!r} is not used" for name in has if name not in wanted and name not in left_out]
    classes = head.classes if head else _classes_in(needs, has)
    return Comparison(architecture, classes, image_size, matching, tuple(differences), head, unused, channels)


def _wanted(needs: plans.Plan, head: Head | None, has: Mapping[str, Loadable]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors with the file's number of classes, and with the file's head."""
    classes = _classes_in(needs, has)
    wanted = {
        name: tuple(classes if n == CLASSES else n for n in shape)
        for name, shape in needs.shapes.items()
        if name in has or name not in needs.whole  # whole numbers are a table that the architecture computes
    }
    if head is None:
        return wanted
    return {name: shape for name, shape in wanted.items() if not name.startswith(f"{head.path}.")} | head.shapes


def mismatch(found: Comparison, tensors: Mapping[str, Loadable], code: str = "") -> BadModel:
    """The error that lists the first differences, and names the architecture that would fit better."""
    best = next(iter(_ranked(tensors)), found)
    shown = "; ".join(found.differences[:MOST_SHOWN])
    count = len(found.differences)
    more = f"; and {count - MOST_SHOWN:,} more" if count > MOST_SHOWN else ""
    differences = "one difference" if count == 1 else f"{count:,} differences"
    if best.architecture == found.architecture:
        advice = " ".join(("No other architecture here fits better.", *_without_timm(tensors), _EXPORT))
    elif not best.differences:
        advice = f"They fit {best.architecture} with {best.classes:,} classes: choose that."
    else:
        advice = f"{best.architecture} fits best, with {len(best.differences):,} differences. {_EXPORT}"
    return BadModel(f"The weights do not fit {found.architecture}, {differences}: {shown}{more}. {advice}", code)


def no_fit(tensors: Mapping[str, Loadable], code: str) -> BadModel:
    """The error for weights of which no tensor is in any architecture."""
    known = dialects.to_torchvision(tensors)
    if known.library:
        return BadModel(
            " ".join(
                (
                    f"The file holds weights of a network of the family {known.family} in {known.library}, but none "
                    "that GradViz can build.",
                    *_without_timm(tensors),
                    next_steps.EXPORT,
                )
            ),
            code,
        )
    names = ", ".join(repr(name[:80]) for name in list(tensors)[:3])
    return BadModel(f"No known architecture has tensors like those in the file, such as {names}. {_EXPORT}", code)


def _without_timm(tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """Why the network is not built, and what to install where timm is all that is missing."""
    why, names = dialects.why_not_built(tensors), _names_of_timm(tensors)
    said = (why,) if why else ()
    if not names or timm_shapes.is_installed():
        return said
    return (
        *said,
        f"timm's {names[0]} has these tensors, but timm is not installed here. Whoever runs GradViz can install it "
        "where GradViz runs (pip install timm); then choose the file again.",
    )


def prepared(architecture: str, tensors: Mapping[str, Loadable]) -> dict[str, Loadable]:
    """The tensors that evaluation needs, under the names that the architecture has today."""
    kept: dict[str, Loadable] = {}
    for name, tensor in _renamed(architecture, tensors).items():
        if name.endswith("num_batches_tracked") or (_has_auxiliary(architecture) and name.startswith(_AUXILIARY)):
            continue
        if architecture.startswith(keys.torchvision("densenet")):  # names as they were before torch 0.4
            name = _OLD_DENSENET.sub(r"\1\2", name)
        kept[name] = tensor
    return kept


def _renamed(architecture: str, tensors: Mapping[str, Loadable]) -> Mapping[str, Loadable]:
    match keys.kind(architecture):
        case keys.PRESET:
            return tensors
        case keys.TIMM:
            return dialects.to_timm(tensors)
    return dialects.to_torchvision(tensors).tensors


def notes(architecture: str, tensors: Mapping[str, Loadable]) -> tuple[str, ...]:
    """What was done to the tensors, or assumed of them, that a person should know."""
    said: list[str] = []
    if keys.kind(architecture) == keys.TIMM:
        if "dinov2" in architecture:
            said += dialects.notes_on_tokens(tensors)
        said += (*dialects.notes_without_counterpart(tensors), *twins.of_timm(_names_of_timm(tensors)))
    elif keys.kind(architecture) != keys.PRESET:
        known = dialects.to_torchvision(tensors)
        said += known.notes
        if known.library != dialects.HUGGING_FACE:
            name, translated = keys.name(first_layers.plain(architecture)), bool(known.library)
            said += twins.of_torchvision(name, _names_of_timm(tensors), translated=translated)
    if _has_auxiliary(architecture) and any(name.startswith(_AUXILIARY) for name in tensors):
        said.append("The auxiliary heads were left out: they are used only in training.")
    found = compare(architecture, tensors)
    if found.head is not None:
        said.append(found.head.note)
    said += (*first_layers.notes(found.channels), *first_layers.stem_notes(architecture))
    return (*said, *leftovers.note(found.unused, keys.name(architecture)))


def _has_auxiliary(architecture: str) -> bool:
    return keys.name(architecture) in torchvision_models.WITH_AUXILIARY_HEADS


def _classes_in(needs: plans.Plan, has: Mapping[str, Loadable]) -> int:
    """Length of the head's dimension that counts classes; the architecture's own where the file has no such head."""
    for name, shape in needs.shapes.items():
        if CLASSES in shape and name in has and len(has[name].shape) == len(shape):
            return has[name].shape[shape.index(CLASSES)]
    return needs.classes


def _ranked(tensors: Mapping[str, Loadable]) -> list[Comparison]:
    """The architectures whose names are most like those in the file, best first."""
    names = prepared("", tensors).keys()
    likely = sorted(plans.every(), key=lambda architecture: -_likeness(architecture, names))[:MOST_COMPARED]
    found = [compare(architecture, tensors) for architecture in likely]
    return sorted(found, key=lambda one: (len(one.differences), -one.matching, one.architecture))


def _likeness(architecture: str, names: Set[str]) -> float:
    """Share of names that an architecture and a file have in common, 0 to 1."""
    needs = plans.plan(architecture).shapes.keys()
    common = len(needs & names)
    return common / (len(needs) + len(names) - common)


def _fit(found: Comparison, part: str, steps: Preprocessing | None) -> Fit:
    proposed = proposed_preprocessing(found, steps)
    features = found.head is not None and not found.head.layers
    return Fit(found.architecture, found.classes, found.matching, len(found.differences), proposed, part, features)


def proposed_preprocessing(found: Comparison, own: Preprocessing | None) -> Preprocessing:
    """What the architecture's own weights were trained with, or those of the library that the file is from (``own``),
    at the image size of the file where it has one."""
    kind, name = keys.split(first_layers.plain(found.architecture))
    if kind == keys.PRESET:
        return catalogue.preset(name).preprocessing
    if first_layers.plain(found.architecture) != found.architecture:
        return first_layers.preprocessing(SMALL_IMAGES, found.channels)
    proposed = own or (timm_shapes if kind == keys.TIMM else torchvision_shapes).table()[name].preprocessing
    proposed, size = first_layers.preprocessing(proposed, found.channels), found.image_size
    return proposed if size in (None, proposed.size[0]) else replace(proposed, size=(size, size), resize=size)
