"""What is offered is really there: torchvision's names, the presets' cards and weights, the sample images."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torchvision
from hypothesis import given
from hypothesis import settings as settings_for_tests
from hypothesis import strategies as st
from PIL import Image

from gradviz_core import images
from gradviz_core.answers import load
from gradviz_core.errors import GradVizError, UnknownImage, UnknownModel
from gradviz_core.models import architectures, catalogue, package_files
from gradviz_core.models.catalogue import ASSETS, TORCHVISION
from gradviz_core.types import ImageCard, ModelCard, keys

KEYS = st.one_of(
    st.text(max_size=40),
    st.text(max_size=40).map("preset/{}".format),
    st.text(max_size=40).map("sample/{}".format),
    st.text(max_size=40).map("torchvision/{}".format),
    st.text(max_size=40).map("torchvision/resnet18@{}".format),
    st.text(max_size=40).map("torchvision/resnet18@random-{}".format),
    st.text("0123456789abcdef./\\", max_size=70).map("upload/{}".format),
    st.text(max_size=5000),
)


# ---------------------------------------------------------------------------------------------------------- torchvision


def test_torchvision_is_told_as_it_is() -> None:
    """All but the weights without a classifier, which answer another question."""
    theirs = {
        name: tuple(w.name for w in torchvision.models.get_model_weights(name) if w.name != "IMAGENET1K_FEATURES")
        for name in torchvision.models.list_models(module=torchvision.models)
    }
    assert theirs == TORCHVISION


def test_each_key_is_offered_once_and_understood() -> None:
    keys = catalogue.torchvision_keys()
    assert len(keys) == len(set(keys)) == sum(map(len, TORCHVISION.values())) + len(TORCHVISION)
    for key in keys:
        name, tag = catalogue.split_torchvision(key.removeprefix("torchvision/"))
        assert key == f"torchvision/{name}@{tag}"


@pytest.mark.parametrize("seed", ["0", "7", str(2**31 - 1)])
def test_any_seed_is_understood(seed: str) -> None:
    assert catalogue.split_torchvision(f"vgg16@random-{seed}") == ("vgg16", f"random-{seed}")


@pytest.mark.parametrize("tag", ["", "DEFAULT", "random-", "random--1", "random-2147483648", "random-1.5", "random-١"])
def test_other_weights_are_refused_and_the_right_ones_named(tag: str) -> None:
    with pytest.raises(UnknownModel, match=r"IMAGENET1K_V1, or random-0"):
        catalogue.split_torchvision(f"resnet18@{tag}")


# -------------------------------------------------------------------------------------------------------------- presets


def test_every_network_has_a_card_and_every_card_a_network() -> None:
    cards = catalogue.presets()
    assert {card.key for card in cards} == {f"preset/{name}" for name in architectures.PRESET_NAMES}
    assert {file.stem for file in (ASSETS / "models").iterdir()} == set(architectures.PRESET_NAMES)


@pytest.mark.parametrize("card", catalogue.presets(), ids=lambda card: card.key)
def test_a_card_says_what_the_model_is(card: ModelCard) -> None:
    model = load.load(card.key)
    assert model.card == card
    beside = ASSETS / "models" / f"{card.key.removeprefix('preset/')}.safetensors"
    file = beside if card.weights is None else package_files.find(card.weights)
    assert file is not None
    assert hashlib.sha256(file.read_bytes()).hexdigest() == card.digest
    assert sum(parameter.numel() for parameter in model.module.parameters()) == card.parameters
    assert all(tensor.isfinite().all() for tensor in model.module.state_dict().values())
    assert len(set(card.labels)) == len(card.labels)
    assert len(card.preprocessing.std) == len(card.preprocessing.mean)
    assert min(card.preprocessing.std) > 0
    assert all(0.5 < accuracy.value <= 1 and accuracy.samples > 0 and accuracy.data for accuracy in card.accuracy)
    assert all((card.title, card.summary, card.accuracy, card.licence, card.provenance))


@pytest.mark.parametrize("card", catalogue.presets(), ids=lambda card: card.key)
def test_a_model_gives_one_logit_for_each_label(card: ModelCard) -> None:
    import torch

    module = load.load(card.key).module
    pixels = np.zeros((*card.preprocessing.size, 3), np.uint8)
    with torch.no_grad():
        logits = module(torch.from_numpy(images.normalise(pixels, card.preprocessing)))
    assert logits.shape == (1, len(card.labels))
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


# -------------------------------------------------------------------------------------------------------------- samples


def test_every_sample_has_its_own_key_and_every_file_a_card() -> None:
    cards = catalogue.sample_images()
    assert len({card.key for card in cards}) == len(cards) > 0
    told = {catalogue.sample_file(keys.name(card.key)).name for card in cards} | {
        card.mask for card in cards if card.mask
    }
    assert told == {file.name for file in (ASSETS / "images").iterdir()} - {"cards.json"}


@pytest.mark.parametrize("card", catalogue.sample_images(), ids=lambda card: card.key)
def test_a_sample_opens_and_its_card_fits(card: ImageCard) -> None:
    picture = images.load(card.key)
    assert all((card.title, card.licence, card.credit, card.source))
    if card.mask:
        with Image.open(ASSETS / "images" / card.mask) as mask:
            assert mask.size == picture.size
            assert set(np.unique(np.asarray(mask.convert("L")))) == {0, 255}
    presets = {preset.key: preset for preset in catalogue.presets()}
    for key in card.suits:
        assert card.group == "photos" or picture.size == presets[key].preprocessing.size[::-1]
        assert card.note or card.label in presets[key].labels
    if card.group == "photos":  # which are somebody's
        assert card.credit != "GradViz"
        assert card.licence in {"CC0-1.0", "CC-BY-2.0", "Public domain"}


# --------------------------------------------------------------------------------------------------------- wrong names


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("preset/shape-cnn", "shapes-cnn"),
        ("preset/nothing like it", "Choose one of"),
        ("torchvision/resnet19@IMAGENET1K_V1", "resnet18"),
        ("torchvision/resnet18@IMAGENET1K_V2", "IMAGENET1K_V1"),
        ("torchvision/fasterrcnn_resnet50_fpn@COCO_V1", "resnet50"),
        ("upload/" + "0" * 64, "Upload it again"),
        ("resnet18", "Choose a preset"),
    ],
)
def test_a_wrong_model_is_answered_with_a_near_one(key: str, near: str) -> None:
    with pytest.raises(UnknownModel, match=near):
        load.load(key)


@pytest.mark.parametrize(
    ("key", "near"),
    [("sample/stars", "star"), ("sample/????", "Choose one of"), ("samples/star", "Choose a sample")],
)
def test_a_wrong_image_is_answered_with_a_near_one(key: str, near: str) -> None:
    with pytest.raises(UnknownImage, match=near):
        images.load(key)


@settings_for_tests(max_examples=300, deadline=None)
@given(KEYS)
def test_any_text_as_a_key_gives_at_worst_a_sentence(key: str) -> None:
    for look_up in (images.load, catalogue.preset, catalogue.split_torchvision, load.load):
        if look_up is load.load and "@random-" in key:
            continue  # may be a real one, which takes its time: split_torchvision sees all of it
        try:
            look_up(key)
        except GradVizError as error:
            sentence = str(error)
            assert len(sentence) < 800
            assert not any(str(folder) in sentence for folder in (ASSETS, Path.cwd(), Path.home()))
